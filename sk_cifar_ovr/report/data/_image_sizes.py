"""Sizes of image files, from their headers."""

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ...datasets.files import Reading, SourceFile, is_image, read_header, read_source

# Images with 16 bits are not refused here: loading them reports it.
READING = Reading(sixteen_bit="scale")


def folder_sizes(path: str) -> NDArray[np.int64]:
    """Return the sizes of the images of a folder or archive, as `file_sizes` does."""
    return _sizes(read_source(path, is_image).files)


def file_sizes(paths: Iterable[str]) -> NDArray[np.int64]:
    """Return the heights and widths at which images are shown.

    Parameters
    ----------
    paths : iterable of str

    Returns
    -------
    ndarray of int, shape (m, 2)
        Of the images whose header can be read.
    """
    return _sizes(SourceFile(path, path) for path in paths)


def file_size(file: SourceFile) -> tuple[int, int] | None:
    """Return the height and width of one image; None if its header cannot be read."""
    path = file.location if isinstance(file.location, str) else None
    content = file.read() if path is None else b""
    try:
        with io.BytesIO(content) if path is None else open(path, "rb") as stream:
            return read_header(stream, READING)[0]
    except Exception:  # of almost any kind; decoding the image reports it
        return None


def _sizes(files: Iterable[SourceFile]) -> NDArray[np.int64]:
    sizes = [size for size in map(file_size, files) if size is not None]
    return np.array(sizes, dtype=np.int64).reshape(-1, 2)
