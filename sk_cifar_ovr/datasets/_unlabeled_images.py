"""`read_image_files`: images without classes, for prediction."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..exceptions import DatasetError, ImageShapeError
from ._class_folders import natural_sort_key
from .files import MODES, Fit, SixteenBit, SourceFile, checked_reading, decode_files, is_image, read_source


def read_image_files(
    paths: Iterable[str | os.PathLike],
    *,
    shape: tuple[int, ...],
    resize: bool = False,
    fit: Fit | None = None,
    sixteen_bit: SixteenBit = "refuse",
    verbose: int = 0,
) -> tuple[list[str], np.ndarray, list[str]]:
    """Read images without classes, for prediction.

    Parameters
    ----------
    paths : iterable of path-like
        Image files, and folders, of which all images are read.
    shape : tuple of int
        Shape ``(h, w, c)`` of the images. Grayscale and color are converted to each other.
    resize : bool, default=False
        The same as ``fit="stretch"``, if `fit` is None.
    fit : {None, "crop", "pad", "stretch"}, default=None
        How images of another size are brought to `shape`, as in `load_image_folder`. If None, they are an error.
    sixteen_bit : {"refuse", "scale"}, default="refuse"
        Whether a 16-bit grayscale image is skipped or is scaled from 0-65535 to 0-255.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    names : list of str
        Paths of the images.
    images : ndarray of uint8, shape (n, h, w, c)
        The images, in the order of `paths`, and in natural order inside a folder.
    skipped : list of str
        Paths of the files that cannot be read.

    Raises
    ------
    FileNotFoundError
        If one of the paths does not exist.
    DatasetError
        If there is no image, none can be read, or two differ in size.
    ImageShapeError
        If the images do not have this shape, or image files cannot have it.
    ValueError
        If a parameter has another value.

    See Also
    --------
    load_image_folder : Images with classes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sk_cifar_ovr.datasets import read_image_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("L", (5, 4)).save(Path(folder) / "1.png")
    ...     names, images, skipped = read_image_files([folder], shape=(8, 8, 3), fit="crop")
    >>> images.shape, len(names), skipped
    ((1, 8, 8, 3), 1, [])
    """
    if fit is None and resize:
        fit = "stretch"
    reading = checked_reading(None if fit is None else tuple(shape[:2]), fit or "crop", sixteen_bit)
    if shape[-1] not in MODES:
        raise ImageShapeError(f"shape={tuple(shape)}: image files have 1 to 4 channels.")
    files: list[SourceFile] = []
    passed_over: list[str] = []
    for path in map(Path, paths):
        if path.is_file():
            files.append(SourceFile(path.name, str(path)))
            continue
        source = read_source(path, is_image, follow_links=True)
        passed_over += [str(path / name) for name in source.passed_over]
        if not source.files:
            raise DatasetError(f"There are no images in {str(path)!r}. Pass image files or folders of them.")
        files.extend(sorted(source.files, key=lambda file: natural_sort_key(file.name)))
    images, kept, skipped = decode_files(files, reading, on_error="skip", channels=shape[-1], verbose=verbose)
    if images.shape[1:] != tuple(shape):
        h, w = images.shape[1:3]
        raise ImageShapeError(
            f"The images are {w}x{h} (width x height), not {shape[1]}x{shape[0]}. Resize them, by fit='crop' here or "
            "--resize on the command line."
        )
    return [files[i].display_name for i in kept], images, passed_over + [file.display_name for file in skipped]
