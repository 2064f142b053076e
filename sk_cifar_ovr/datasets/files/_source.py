"""The files of a folder or archive, and their hash."""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ._limits import MAX_FILE_SIZE

# Compared in lower case.
SYSTEM_FILES = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "lost+found", "$recycle.bin"}


@dataclass(slots=True)
class SourceFile:
    """A file of a folder or archive.

    Parameters
    ----------
    name : str
        Path inside the folder or archive.
    location : str, mmap.mmap or None
        Path on disk, or the memory that contains the content; None after it was released.
    start, stop : int, default=0
        Position in the memory.
    """

    name: str
    location: str | mmap.mmap | None
    start: int = 0
    stop: int = 0

    @property
    def display_name(self) -> str:
        """Name of the file in messages."""
        return self.location if isinstance(self.location, str) else self.name

    def read(self) -> bytes:
        """Return the content."""
        if isinstance(self.location, str):
            with self.open() as stream:
                return stream.read()
        if self.location is None:
            raise RuntimeError(f"{self.name} was released before")
        return self.location[self.start : self.stop]

    def open(self) -> IO[bytes]:
        """Open the file for reading.

        Raises
        ------
        ValueError
            If it is no regular file, such as a named pipe or a device, or larger than `MAX_FILE_SIZE`.
        """
        if not isinstance(self.location, str):
            return io.BytesIO(self.read())
        stream = open(self.location, "rb", opener=_open_at_once)  # noqa: SIM115  # it is returned
        try:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is no regular file")
            if status.st_size > MAX_FILE_SIZE:
                raise ValueError(f"it has {status.st_size:,} bytes, and {MAX_FILE_SIZE:,} are the limit")
        except ValueError:
            stream.close()
            raise
        return stream

    def release(self) -> None:
        """Release content in memory, which cannot be read again."""
        if not isinstance(self.location, str):
            self.location = None


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for what is written to a named pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@dataclass
class Source:
    """The files of a folder or archive.

    Attributes
    ----------
    path : Path
        The folder or archive.
    files : list of SourceFile
        The selected files.
    ignored : list of str
        Names of the remaining files.
    passed_over : list of str
        Names of what is no regular file, such as a named pipe, and of links that are not followed.
    folders : list of str
        Names of the folders.
    sha256 : str or None
        Hash of the archive; None for a folder.
    """

    path: Path
    files: list[SourceFile] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    sha256: str | None = None


def is_clutter(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or made by an operating system."""
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def printable(name: str) -> str:
    """Return a file name in which bytes that are not UTF-8 are written as ``\\udcff``, which Python cannot encode."""
    return name.encode("utf-8", "backslashreplace").decode()


def hash_files(files: Iterable[SourceFile], *, contents: bool = True) -> str:
    """Return one SHA-256 of the names of files and of their contents, or sizes, independent of their order."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        try:
            content = file.read() if contents else b""
            size = len(content) if contents else os.path.getsize(file.location)  # type: ignore[arg-type]
        except (OSError, ValueError):
            content, size = b"", 0  # decoding it reports the error
        digest.update(os.fsencode(file.name) + f"\0{size}\0".encode())
        digest.update(content)
    return digest.hexdigest()
