"""Images without classes, for prediction: `read_image_files`, and the same in blocks."""

from __future__ import annotations

import math
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from .._shared.lazy_arrays import BLOCK_BYTES
from ..exceptions import DatasetError, ImageShapeError
from ._class_folders import natural_sort_key
from .files import MODES, Fit, SixteenBit, SourceFile, checked_reading, decode_files, is_image, read_source, shown_size

Paths = str | os.PathLike | Iterable[str | os.PathLike]

# Why a path is left out.
UNREADABLE = "cannot be read as an 8-bit image"
NOT_REGULAR = "is no regular file"
LINK = "is a link that is not followed"


def read_image_files(
    paths: Paths,
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
    paths : path-like or iterable of path-like
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
        Paths of the files that cannot be read, and of links and special files that are never read.

    Raises
    ------
    FileNotFoundError
        If one of the paths does not exist.
    DatasetError
        If there is no image, none can be read, or a path is an archive or a special file.
    ImageShapeError
        If an image has another size and `fit` is None, or image files cannot have this shape.
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
    blocks = list(
        image_file_blocks(
            paths,
            shape=shape,
            fit="stretch" if fit is None and resize else fit,
            sixteen_bit=sixteen_bit,
            verbose=verbose,
        )
    )
    names, images, skipped = zip(*blocks, strict=True)
    left_out = [path for part in skipped for path in part]
    return sum(names, start=[]), np.concatenate(images) if len(images) > 1 else images[0], left_out


def image_file_blocks(
    paths: Paths,
    *,
    shape: tuple[int, ...],
    fit: Fit | None = None,
    sixteen_bit: SixteenBit = "refuse",
    verbose: int = 0,
) -> Iterator[tuple[list[str], np.ndarray, dict[str, str]]]:
    """Read images as `read_image_files` does, in blocks of bounded size.

    Parameters
    ----------
    paths, shape, fit, sixteen_bit, verbose
        As in `read_image_files`.

    Yields
    ------
    names, images
        Of one block, as `read_image_files` returns them for all images.
    skipped : dict of str to str
        Paths of one block that are left out, and why.
    """
    reading = checked_reading(tuple(shape[:2]), fit or "crop", sixteen_bit)
    if shape[-1] not in MODES:
        raise ImageShapeError(f"shape={tuple(shape)}: image files have 1 to 4 channels.")
    files, passed_over = _listed(paths)
    if fit is None:
        _check_sizes(files, tuple(shape[:2]))
    n_images, n_found = max(1, BLOCK_BYTES // math.prod(shape)), 0
    for start in range(0, len(files), n_images):
        part = files[start : start + n_images]
        try:
            images, kept, skipped = decode_files(part, reading, on_error="skip", channels=shape[-1], verbose=verbose)
        except DatasetError:
            # None of this block can be read.
            images, kept, skipped = np.empty((0, *shape), np.uint8), np.empty(0, int), part
            if n_found == 0 and start + n_images >= len(files):
                raise
        n_found += len(kept)
        left_out = passed_over | {file.display_name: UNREADABLE for file in skipped}
        yield [part[i].display_name for i in kept], images, left_out
        passed_over = {}


def _listed(paths: Paths) -> tuple[list[SourceFile], dict[str, str]]:
    """Image files, and what is never read, with the reason."""
    files: list[SourceFile] = []
    passed_over: dict[str, str] = {}
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    for path in (Path(path).expanduser() for path in paths):
        if not path.is_dir():
            _check_file(path)
            files.append(SourceFile(path.name, str(path)))
            continue
        source = read_source(path, is_image, follow_links=True)
        for name in source.passed_over:
            passed_over[str(path / name)] = LINK if (path / name).is_symlink() else NOT_REGULAR
        if not source.files:
            raise DatasetError(f"There are no images in {str(path)!r}. Pass image files or folders of them.")
        files.extend(sorted(source.files, key=lambda file: natural_sort_key(file.name)))
    if not files:
        raise DatasetError("There are no images: pass image files or folders of them.")
    return files, passed_over


def _check_file(path: Path) -> None:
    """Raise an error for a path that can be no image file."""
    if not path.exists():
        what = "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        raise FileNotFoundError(f"{str(path)!r} {what}; check the path. Pass image files or folders of them.")
    if not path.is_file():
        raise DatasetError(
            f"{str(path)!r} is neither a regular file nor a folder. Pass image files or folders of them."
        )
    if not is_image(path.name) and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path)):
        raise DatasetError(f"{str(path)!r} is an archive. Unpack it and pass the folder.")


def _check_sizes(files: Iterable[SourceFile], expected: tuple[int, ...]) -> None:
    """Raise an error for the first image that has another size."""
    for file in files:
        size = shown_size(file)
        if size is not None and size != expected:
            shown, wanted = (f"{width}x{height}" for height, width in (size, expected))
            raise ImageShapeError(
                f"{file.display_name!r} is {shown} (width x height), not {wanted}. Bring images to that size with "
                "fit='crop', 'pad' or 'stretch'."
            )
