"""Decoded images in a memory-mapped file, made once and found again by what they were made from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..._shared.files import write_whole
from ._source import SourceFile

try:
    import fcntl
except ImportError:  # Windows, where a file that is open elsewhere cannot be deleted anyway
    fcntl = None  # type: ignore[assignment]

# Changes whenever the same files and settings may give other pixels.
VERSION = 2
UNFINISHED = ".unfinished"
# Seconds before an unfinished file may be removed: its process locks it a moment after it was created.
MIN_AGE = 60


def cache_key(files: list[SourceFile], archive_sha256: str | None, reading: dict[str, Any]) -> str:
    """Return a digest of the files and of how they are read.

    Parameters
    ----------
    files : list of SourceFile
        Files of a folder count by path, size and time of change; files of an archive by name.
    archive_sha256 : str or None
        Hash of the archive; None for a folder.
    reading : dict
    """
    digest = hashlib.sha256(json.dumps([VERSION, archive_sha256, reading]).encode())
    for file in files:
        if archive_sha256 is None:
            path = os.path.abspath(str(file.location))
            try:
                status = os.stat(path)
                facts = (status.st_size, status.st_mtime_ns)
            except OSError:
                facts = (-1, -1)  # decoding it reports the error
            digest.update(os.fsencode(path) + b"\0%d\0%d\0" % facts)
        else:
            digest.update(os.fsencode(file.name) + b"\0")
    return digest.hexdigest()[:32]


def find(folder: Path, key: str, n_files: int) -> tuple[np.memmap, np.ndarray] | None:
    """Return cached images and the indices of their files, or None if there are none, or damaged ones."""
    path = folder / f"{key}.npy"
    try:
        facts = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        if _identity(path) != facts["identity"]:
            return None
        images = np.load(path, mmap_mode="r")
        kept = np.array(facts["kept"])
        if list(images.shape) != facts["shape"] or images.dtype != np.uint8 or kept.shape != images.shape[:1]:
            return None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    if kept.dtype.kind != "i" or not np.isin(kept, range(n_files)).all() or (np.diff(kept) <= 0).any():
        return None
    return images, kept


def write(
    folder: Path, key: str, images: Iterable[np.ndarray | None], image_shape: tuple[int, ...]
) -> tuple[np.memmap, np.ndarray]:
    """Write images, one after the other, and put the file in place when it is complete.

    Parameters
    ----------
    folder : Path
        It is created if it does not exist. What killed runs left there is removed.
    key : str
        From `cache_key`.
    images : iterable of ndarray or None
        None for each file that was skipped.
    image_shape : tuple of int
        Shape of each image.

    Returns
    -------
    images : memmap
    kept : ndarray of int
        As from `find`.

    Raises
    ------
    OSError
        If the disk is full or the folder is not writable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(folder)
    kept = []
    unfinished = folder / f"{key}-{uuid.uuid4().hex}{UNFINISHED}"
    try:
        # Plain writes, since a full disk would kill a process that writes through a memory map.
        with open(unfinished, "xb") as stream:
            _lock(stream)
            _write_header(stream, (0, *image_shape))
            for i, pixels in enumerate(images):
                if pixels is not None:
                    stream.write(np.ascontiguousarray(pixels).data)
                    kept.append(i)
            stream.seek(0)
            _write_header(stream, (len(kept), *image_shape))
            stream.flush()
            os.fsync(stream.fileno())
        path = folder / f"{key}.npy"
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    shape = [len(kept), *image_shape]
    identity = None
    # Another process that makes the same file may put it in place at any time.
    while identity != (identity := _identity(path)):
        facts = json.dumps({"identity": identity, "shape": shape, "kept": kept})
        write_whole(folder / f"{key}.json", partial(Path.write_text, data=facts, encoding="utf-8"))
    found = np.load(path, mmap_mode="r")
    if list(found.shape) != shape:
        raise OSError("the file was changed by another program while it was written")
    return found, np.array(kept)


def _identity(path: Path) -> list[int]:
    """Size and time of change: whoever writes to the file afterwards changes them."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _write_header(stream: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the header of a .npy file; its size is the same for any number of images."""
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _lock(stream: IO[bytes]) -> None:
    if fcntl is not None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_unfinished(folder: Path) -> None:
    """Remove the temporary files of processes that ended before they were complete."""
    for path in folder.glob(f"*{UNFINISHED}"):
        # The lock ends with the process that holds it.
        with contextlib.suppress(OSError), open(path, "rb+") as stream:
            if time.time() - os.fstat(stream.fileno()).st_mtime >= MIN_AGE:
                _lock(stream)
                path.unlink()
