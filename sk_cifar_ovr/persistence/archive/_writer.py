"""Writes parts and their manifest to one file."""

import hashlib
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from ...exceptions import SavedFileError
from ._json import to_json
from ._manifest import MANIFEST, MAX_BYTES, Manifest, Part
from ._npy import content, describe, npy_header
from ._zip_records import Entry, directory


@dataclass(frozen=True)
class _Pending:
    part: Part
    pieces: list[bytes | memoryview]
    crc: int


class ArchiveWriter:
    """Collects parts, then writes them to a file.

    Arrays are not copied, so they must not change before the file is written.
    """

    def __init__(self) -> None:
        self._pending: list[_Pending] = []

    def add_array(self, array: np.ndarray, name: str) -> None:
        """Add an array.

        Raises
        ------
        TypeError
            If arrays of this dtype are not saved.
        """
        described = describe(array)
        header = npy_header(described["dtype"], described["shape"], described["fortran"])
        self._add(name, [header, content(array)], described)

    def add_document(self, document, name: str) -> None:
        """Add a JSON document as the first part.

        Raises
        ------
        SavedFileError
            If it exceeds a limit of `parse_json`.
        """
        size = sum(pending.part.size for pending in self._pending)
        self._add(name, [to_json(document, name, n_bytes=size)], {})
        self._pending.insert(0, self._pending.pop())

    def manifest(self, versions: dict[str, str], backend: str) -> bytes:
        """The manifest of all parts, in JSON."""
        return Manifest(versions, backend, [pending.part for pending in self._pending]).to_json()

    def write(self, file: BinaryIO, manifest: bytes) -> None:
        """Write the manifest and all parts.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        first = _Pending(Part(MANIFEST, len(manifest), ""), [manifest], zlib.crc32(manifest))
        entries: list[Entry] = []
        for pending in (first, *self._pending):
            start = entries[-1].end if entries else 0
            entries.append(Entry(pending.part.name, pending.part.size, pending.crc, start))
            file.write(entries[-1].local_header())
            for piece in pending.pieces:
                file.write(piece)
        file.write(directory(entries))

    def _add(self, name: str, pieces: list[bytes | memoryview], described: dict) -> None:
        sha256, crc = hashlib.sha256(), 0
        for piece in pieces:
            sha256.update(piece)
            crc = zlib.crc32(piece, crc)
        part = Part(name, sum(map(len, pieces)), sha256.hexdigest(), **described)
        total = part.size + sum(pending.part.size for pending in self._pending)
        if total > MAX_BYTES - 200 * (len(self._pending) + 1) - 2**24:
            raise SavedFileError(
                f"The estimator has more than {MAX_BYTES / 1e9:g} GB of arrays, which is the most that one file holds."
            )
        self._pending.append(_Pending(part, pieces, crc))
