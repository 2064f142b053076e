"""Reads the parts of one file, of which nothing is believed."""

import hashlib
import os
import struct
import zlib
from typing import Any, BinaryIO

import numpy as np

from ...exceptions import SavedFileError
from ._json import parse_json
from ._manifest import MANIFEST, MAX_BYTES, Manifest, Part, parse_manifest
from ._npy import array_from
from ._zip_records import LOCAL_SIZE, Entry, directory

_NOT_WHOLE = "This is not a whole file written by save: "


def first_entry(file: BinaryIO) -> tuple[str, int] | None:
    """Name and size of the first entry of a zip file, or None if it is no zip file."""
    file.seek(0)
    header = file.read(LOCAL_SIZE)
    if len(header) < LOCAL_SIZE or header[:4] != b"PK\x03\x04":
        return None
    size, _, length = struct.unpack("<2L2H", header[18:30])[0:3]
    return file.read(min(length, 256)).decode("ascii", "replace"), size


class ArchiveReader:
    """The parts of a file, each read and checked once.

    All sizes are held against the real size of the file before a part is read. The headers of the zip file are not
    interpreted: they are made again from the manifest, and have to be equal.

    Parameters
    ----------
    file : binary file
        Open for reading.
    digest : str or None
        SHA-256 that the manifest has to have, in lower case.

    Attributes
    ----------
    manifest : Manifest

    Raises
    ------
    SavedFileError
        If the file is damaged, too large, or has another digest.
    """

    def __init__(self, file: BinaryIO, digest: str | None = None):
        self._size = os.fstat(file.fileno()).st_size
        if self._size > MAX_BYTES:
            raise SavedFileError(f"The file has {self._size / 1e9:.1f} GB; no saved file has more than 4 GB.")
        self.manifest: Manifest
        self._documents: dict[str, Any] = {}
        self._arrays: dict[str, np.ndarray] = {}
        self._file = file
        self._read_all(digest)

    def document(self, name: str) -> Any:
        """A JSON document."""
        if name not in self._documents:
            raise SavedFileError(f"The file has no part {name}.")
        return self._documents[name]

    def array(self, name: str) -> np.ndarray:
        """An array."""
        if name not in self._arrays:
            raise SavedFileError(f"The file has no part {name[:60]}.")
        return self._arrays[name]

    @property
    def array_names(self) -> set[str]:
        """Names of all arrays."""
        return set(self._arrays)

    def _read_all(self, digest: str | None) -> None:
        found = first_entry(self._file)
        if found is None or found[0] != MANIFEST or found[1] > self._size:
            raise SavedFileError(_NOT_WHOLE + "it does not begin with a manifest.")
        data, entry = self._read_entry(MANIFEST, found[1], 0)
        actual = hashlib.sha256(data).hexdigest()
        if digest is not None and actual != digest:
            raise SavedFileError(f"The file has the digest {actual}, and not {digest}: it is another file.")
        self.manifest = parse_manifest(data, n_bytes=self._size)
        total = sum(part.size for part in self.manifest.parts)
        if total + len(data) > self._size:
            raise SavedFileError(f"{_NOT_WHOLE}{total} bytes are listed, and the file has {self._size}.")
        entries = [entry]
        for part in self.manifest.parts:
            data, entry = self._read_entry(part.name, part.size, entries[-1].end)
            self._keep(part, data)
            entries.append(entry)
        end = directory(entries)
        if self._size - entries[-1].end != len(end) or self._file.read() != end:
            raise SavedFileError(_NOT_WHOLE + "its end is not that of the parts in the manifest.")

    def _read_entry(self, name: str, size: int, offset: int) -> tuple[bytearray, Entry]:
        """Content of the entry at the present place, and its description."""
        if offset + LOCAL_SIZE + len(name) + size > self._size:
            raise SavedFileError(_NOT_WHOLE + f"{name} ends behind the end of the file.")
        self._file.seek(offset)
        header = self._file.read(LOCAL_SIZE + len(name))
        data = bytearray(size)
        if self._file.readinto(data) != size:  # type: ignore[attr-defined]
            raise SavedFileError(_NOT_WHOLE + f"{name} ends too early.")
        entry = Entry(name, size, zlib.crc32(data), offset)
        if header != entry.local_header():
            raise SavedFileError(_NOT_WHOLE + f"the header of {name} is not the one that its content has.")
        return data, entry

    def _keep(self, part: Part, data: bytearray) -> None:
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise SavedFileError(_NOT_WHOLE + f"the SHA-256 of {part.name} is not the one in the manifest.")
        header = part.header()
        if part.dtype is None or part.shape is None:
            self._documents[part.name] = parse_json(data, part.name, n_bytes=self._size)
        elif data.startswith(header):
            array = array_from(data, len(header), part.dtype, part.shape, bool(part.fortran))
            self._arrays[part.name] = array
        else:
            raise SavedFileError(_NOT_WHOLE + f"the header of {part.name} is not that of its dtype and shape.")
