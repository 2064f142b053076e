"""New images for a fitted estimator, brought to its size as the training images were."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..._shared.lazy_arrays import BLOCK_BYTES
from ...datasets import natural_sort_key
from ...datasets.files import MODES, Fit, Reading, SourceFile, decode_files, is_image, read_source
from ...exceptions import DatasetError, ImageShapeError
from ._image_sizes import file_size


def new_image_blocks(
    paths: Iterable[Path], estimator: Any, *, fit: Fit | None = None, verbose: int = 0
) -> Iterator[tuple[list[str], np.ndarray, list[str]]]:
    """Yield images in blocks of bounded size.

    Parameters
    ----------
    paths : iterable of Path
        Image files, and folders, of which all images are read.
    estimator : OneVsRestCNNClassifier or CNNClassifier
    fit : {"crop", "pad", "stretch"} or None, default=None
        How images of another size are brought to that of the estimator. None is as in training; if all training
        images had that size, other sizes are an error.
    verbose : int, default=0
        If 1, show progress on standard error.

    Yields
    ------
    names : list of str
        Paths of the images.
    images : ndarray of uint8, shape (n, h, w, c)
    skipped : list of str
        Paths of what cannot be read.

    Raises
    ------
    FileNotFoundError
        If one of the paths does not exist.
    DatasetError
        If there is no image, or none can be read.
    ImageShapeError
        If the estimator takes no images of files, or an image has another size and `fit` is not known.
    """
    shape = estimator.image_shape_
    if len(shape) != 3:
        raise ImageShapeError(
            f"The model was trained on flat rows of {shape[0]} values: train it with image_shape=(height, width, "
            "channels) to have it read image files."
        )
    if shape[-1] not in MODES:
        raise ImageShapeError(f"The model takes images of shape {tuple(shape)}, and image files have 1 to 4 channels.")
    files, passed_over = _listed(paths)
    as_trained = getattr(estimator, "image_reading_", None) or Reading().as_dict()
    if fit is None and as_trained["image_size"] is None:
        _check_sizes(files, shape[:2])
    size = (int(shape[0]), int(shape[1]))
    reading = Reading(size, fit or as_trained["fit"], as_trained["sixteen_bit"])
    n = max(1, BLOCK_BYTES // math.prod(shape))
    n_found = 0
    for start in range(0, len(files), n):
        part = files[start : start + n]
        try:
            images, kept, skipped = decode_files(part, reading, on_error="skip", channels=shape[-1], verbose=verbose)
        except DatasetError:
            # None of this block can be read.
            images, kept, skipped = np.empty((0, *shape), np.uint8), np.empty(0, int), part
            if n_found == 0 and start + n >= len(files):
                raise
        n_found += len(kept)
        yield [part[i].display_name for i in kept], images, passed_over + [file.display_name for file in skipped]
        passed_over = []


def _listed(paths: Iterable[Path]) -> tuple[list[SourceFile], list[str]]:
    """Image files, and paths of what is no regular file."""
    files: list[SourceFile] = []
    passed_over: list[str] = []
    for path in paths:
        if path.is_file():
            files.append(SourceFile(path.name, str(path)))
            continue
        source = read_source(path, is_image, follow_links=True)
        passed_over += [str(path / name) for name in source.passed_over]
        if not source.files:
            raise DatasetError(f"There are no images in {str(path)!r}. Pass image files or folders of them.")
        files.extend(sorted(source.files, key=lambda file: natural_sort_key(file.name)))
    return files, passed_over


def _check_sizes(files: Iterable[SourceFile], expected: tuple[int, ...]) -> None:
    """Raise an error for the first image that has another size."""
    for file in files:
        size = file_size(file)
        if size is not None and size != tuple(expected):
            shown, wanted = (f"{width}x{height}" for height, width in (size, expected))
            raise ImageShapeError(
                f"{file.display_name!r} is {shown} (width x height), not {wanted} as the training images. Bring images "
                "to that size with --fit crop, --fit pad or --fit stretch."
            )
