"""`load_images`: files -> images in memory, on demand or memory-mapped from a cache."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...exceptions import DatasetError
from . import _cache
from ._decoding import decode_files, decoded, mixed_sizes, none_readable, scan_headers
from ._image_files import ImageFiles
from ._pixels import Reading
from ._source import SourceFile

OnError = Literal["raise", "skip"]


@dataclass(frozen=True)
class Loading:
    """How images are loaded.

    Parameters
    ----------
    reading : Reading
    on_error : {"raise", "skip"}
    lazy : bool
    cache : path-like or None
    verbose : int
    """

    reading: Reading
    on_error: OnError = "raise"
    lazy: bool = False
    cache: Any = None
    verbose: int = 0

    def __post_init__(self) -> None:
        if self.on_error not in ("raise", "skip"):
            raise ValueError(f"on_error is {self.on_error!r}; it must be 'raise' or 'skip'.")


def load_images(
    files: list[SourceFile], root: str, loading: Loading, archive_sha256: str | None = None
) -> tuple[Any, np.ndarray, list[SourceFile]]:
    """Load images in one of three ways.

    Parameters
    ----------
    files : list of SourceFile
    root : str
        Folder to which their names are relative.
    loading : Loading
    archive_sha256 : str or None, default=None
        Hash of the archive that contains the files; None for a folder.

    Returns
    -------
    images : ndarray, ImageFiles or memmap, shape (n, h, w, c)
    kept : ndarray of int, shape (n,)
        Indices in `files` of the images.
    skipped : list of SourceFile
        The remaining files.

    Raises
    ------
    DatasetError
        If a file cannot be read, two images differ in size, or images of an archive are to be read on demand.
    MemoryError
        If images in memory would fill more than half of what is free.
    """
    reading, on_error, verbose = loading.reading, loading.on_error, loading.verbose
    if loading.cache is not None:
        try:
            return _load_cached(files, loading, archive_sha256)
        except OSError as error:
            where = "in memory" if archive_sha256 or not loading.lazy else "from their files"
            warnings.warn(
                f"The images cannot be cached in {str(loading.cache)!r} ({error}). They are read {where} instead; "
                "free space there, or pass another folder as cache=.",
                UserWarning,
                stacklevel=3,
            )
    elif loading.lazy and archive_sha256:
        raise DatasetError(
            "Images inside an archive cannot be read on demand. Unpack it and pass the folder, or pass cache=FOLDER, "
            "which decodes them once into a memory-mapped file."
        )
    if loading.lazy and not archive_sha256:
        shape, kept, skipped = scan_headers(files, reading, on_error=on_error, verbose=verbose)
        return ImageFiles([files[i].name for i in kept], os.path.abspath(root), shape, reading.as_dict()), kept, skipped
    return decode_files(files, reading, on_error=on_error, verbose=verbose)


def _load_cached(files: list[SourceFile], loading: Loading, archive_sha256: str | None):
    folder = Path(loading.cache).expanduser()
    key = _cache.cache_key(files, archive_sha256, loading.reading.as_dict())
    found = _find_cached(folder, key, files, loading)
    if found is None:
        shape = scan_headers(files, loading.reading, on_error=loading.on_error, verbose=loading.verbose)[0]
        try:
            found = _cache.write(folder, key, _decoded_to(shape, files, loading), shape)
        except OSError:
            # Another process may have made the same file in the meantime.
            found = _find_cached(folder, key, files, loading)
            if found is None:
                raise
    images, kept = found
    return images, kept, [files[i] for i in sorted(set(range(len(files))) - set(kept))]


def _find_cached(folder: Path, key: str, files: list[SourceFile], loading: Loading):
    found = _cache.find(folder, key, len(files))
    if found is not None and loading.on_error == "raise" and len(found[1]) < len(files):
        return None
    return found


def _decoded_to(shape: tuple[int, int, int], files: list[SourceFile], loading: Loading) -> Iterator[np.ndarray | None]:
    """Yield the pixels of each file, None for one that is skipped."""
    empty = True
    for file, pixels in zip(
        files, decoded(files, loading.reading, shape[2], loading.on_error, loading.verbose), strict=True
    ):
        if pixels is not None:
            if pixels.shape != shape:
                raise mixed_sizes(files[0], shape[:2], file, pixels.shape[:2])
            empty = False
        yield pixels
    if empty:
        raise none_readable(files)
