"""Many image files -> one array, or the shape that it will have, on all cores."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from ..._shared.lazy_arrays import check_fits_memory
from ...exceptions import DatasetError
from .._progress import track
from ._pixels import Reading, decode, read_header, why_unreadable
from ._source import SourceFile
from ._threads import map_threads

logger = logging.getLogger(__name__)

# Images of one piece of work of a thread, and their bytes.
MAX_PIECE, PIECE_BYTES = 32, 2**20
REMEDY = (
    "Pass lazy=True to read images from their files when they are needed, cache=FOLDER to decode them once into a "
    "memory-mapped file, or a smaller image_size."
)


def decode_files(
    files: list[SourceFile],
    reading: Reading,
    *,
    on_error: str = "raise",
    channels: int | None = None,
    verbose: int = 0,
) -> tuple[np.ndarray, np.ndarray, list[SourceFile]]:
    """Decode images into one array.

    Parameters
    ----------
    files : list of SourceFile
        Image files.
    reading : Reading
        Size and bit depth to which they are brought.
    on_error : {"raise", "skip"}, default="raise"
        Whether a file that cannot be decoded is an error.
    channels : {1, 2, 3, 4}, default=None
        Number of channels. None means 1 if all images are grayscale and 3 otherwise.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    images : ndarray of uint8, shape (n, h, w, c)
    kept : ndarray of int, shape (n,)
        Indices in `files` of the images.
    skipped : list of SourceFile
        The remaining files.

    Raises
    ------
    DatasetError
        If a file cannot be decoded, or two images differ in size.
    MemoryError
        If the images would fill more than half of the memory that is free.
    """
    if reading.image_size is not None:
        # Before the first image takes its memory; gray images are the least.
        check_fits_memory((len(files), *reading.image_size, channels or 1), np.dtype(np.uint8), REMEDY)
    images: np.ndarray | None = None
    kept: list[int] = []
    skipped: list[SourceFile] = []
    for i, pixels in enumerate(decoded(files, reading, channels, on_error, verbose)):
        files[i].release()
        if pixels is None:
            skipped.append(files[i])
            continue
        if images is None:
            check_fits_memory((len(files), *pixels.shape), pixels.dtype, REMEDY)
            images = np.empty((len(files), *pixels.shape), np.uint8)
        if pixels.shape[:2] != images.shape[1:3]:
            raise mixed_sizes(files[kept[0]], images.shape[1:3], files[i], pixels.shape[:2])
        if pixels.shape[2] > images.shape[3]:
            check_fits_memory((len(files), *pixels.shape), pixels.dtype, REMEDY)
            images = np.repeat(images, 3, axis=3)  # the first color image after grayscale ones
        images[len(kept)] = pixels
        kept.append(i)
    if images is None:
        raise none_readable(files)
    return images[: len(kept)], np.array(kept), skipped


def decoded(
    files: list[SourceFile], reading: Reading, channels: int | None, on_error: str, verbose: int = 0
) -> Iterator[np.ndarray | None]:
    """Yield the pixels of each file in turn, None for one that is skipped."""

    def decode_piece(part: slice) -> list[np.ndarray | DatasetError]:
        return [decode_file(file, reading, channels) for file in files[part]]

    pieces = map_threads(decode_piece, _pieces(files, reading))
    return _without_errors(
        (pixels for piece in pieces for pixels in piece), files, "Decoding images", on_error, verbose
    )


def decode_file(file: SourceFile, reading: Reading, channels: int | None) -> np.ndarray | DatasetError:
    """Return the pixels of a file, or the error."""
    try:
        return decode(file.read(), reading, channels)
    except Exception as error:  # Pillow can raise almost any exception on damaged files
        return unreadable(file, error)


def scan_headers(
    files: list[SourceFile], reading: Reading, *, on_error: str = "raise", verbose: int = 0
) -> tuple[tuple[int, int, int], np.ndarray, list[SourceFile]]:
    """Find out the shape of images from their headers.

    Parameters
    ----------
    files, reading, on_error, verbose
        As in `decode_files`.

    Returns
    -------
    shape : tuple of int
        ``(h, w, c)`` of each image.
    kept, skipped
        As from `decode_files`; only damage of headers is found, and with ``on_error="skip"`` that of files which
        would change the shape of the remaining images.

    Raises
    ------
    DatasetError
        If a header cannot be read, or if the images differ in size and `reading` has no image size.
    """

    def scan_piece(part: slice) -> list:
        return [_scan(file, reading) for file in files[part]]

    pieces = map_threads(scan_piece, (slice(i, i + MAX_PIECE) for i in range(0, len(files), MAX_PIECE)))
    headers = list(_without_errors((h for piece in pieces for h in piece), files, "Checking images", on_error, verbose))
    if on_error == "skip":
        _drop_damaged(files, headers, reading)
    kept = _present(headers)
    if not kept:
        raise none_readable(files)
    size = reading.image_size or headers[kept[0]][0]
    if reading.image_size is None:
        for i in kept:
            if headers[i][0] != size:
                raise mixed_sizes(files[kept[0]], size, files[i], headers[i][0])
    channels = 1 if all(headers[i][1] for i in kept) else 3
    return (*size, channels), np.array(kept), [files[i] for i, header in enumerate(headers) if header is None]


def _present(headers: list) -> list[int]:
    return [i for i, header in enumerate(headers) if header is not None]


def _drop_damaged(files: list[SourceFile], headers: list, reading: Reading) -> None:
    """Set headers to None of files that would change the shape of the remaining images, and cannot be decoded.

    Only as many files are decoded as are needed to know the shape.
    """

    def decodes(i: int) -> bool:
        pixels = decode_file(files[i], reading, None)
        if isinstance(pixels, DatasetError):
            logger.info("Skipped: %s", pixels)
            headers[i] = None
        return headers[i] is not None

    if reading.image_size is None and len({headers[i][0] for i in _present(headers)}) > 1:
        size = next((headers[i][0] for i in _present(headers) if decodes(i)), None)
        unequal = (i for i in _present(headers) if headers[i][0] != size)
        any(decodes(i) for i in unequal)
    if len({headers[i][1] for i in _present(headers)}) > 1:
        any(decodes(i) for i in _present(headers) if not headers[i][1])


def shown_size(file: SourceFile) -> tuple[int, int] | None:
    """Return the height and width at which an image is shown; None if its header cannot be read."""
    # Images with 16 bits have a size as well; decoding them reports that they are not read.
    header = _scan(file, Reading(sixteen_bit="scale"))
    return None if isinstance(header, DatasetError) else header[0]


def unreadable(file: SourceFile, error: Exception) -> DatasetError:
    """The error for a file that cannot be decoded."""
    new = DatasetError(
        f"{file.display_name!r} cannot be read as an 8-bit image ({why_unreadable(error)}). "
        "Restore or convert it, or pass on_error='skip'."
    )
    new.__cause__ = error
    return new


def mixed_sizes(first: SourceFile, first_size, second: SourceFile, second_size) -> DatasetError:
    """The error for images of different sizes."""
    shown = [f"{file.display_name!r} is {w}x{h}" for file, (h, w) in ((first, first_size), (second, second_size))]
    return DatasetError(
        f"Images of mixed sizes: {shown[0]} (width x height), {shown[1]}. Pass image_size=(height, width) to bring "
        "them to one size."
    )


def none_readable(files: list[SourceFile]) -> DatasetError:
    """The error if no image is left."""
    return DatasetError(f"None of the {len(files)} images can be read; the first is {files[0].display_name!r}.")


def _without_errors(results, files, description, on_error, verbose):
    """Yield results; an error is raised, or logged and yielded as None."""
    for result, _ in zip(results, track(files, description, verbose), strict=True):
        if isinstance(result, DatasetError):
            if on_error == "raise":
                raise result
            logger.info("Skipped: %s", result)
        yield None if isinstance(result, DatasetError) else result


def _scan(file: SourceFile, reading: Reading):
    try:
        with file.open() as stream:
            return read_header(stream, reading)
    except Exception as error:
        return unreadable(file, error)


def _pieces(files: list[SourceFile], reading: Reading) -> Iterator[slice]:
    """Slices of the files, small enough that the pixels of those that wait take little memory."""
    size = reading.image_size
    if size is None:
        header = _scan(files[0], reading)
        size = (256, 256) if isinstance(header, DatasetError) else header[0]
    n = max(1, min(MAX_PIECE, PIECE_BYTES // (3 * size[0] * size[1])))
    return (slice(start, start + n) for start in range(0, len(files), n))
