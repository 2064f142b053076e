"""`read_source`: a folder is listed; a .zip or .tar is checked and read without unpacking to disk."""

from __future__ import annotations

import hashlib
import lzma
import mmap
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import psutil

from ...exceptions import DatasetError
from .._progress import open_with_progress
from ._folder import list_folder
from ._limits import MAX_FILE_SIZE
from ._source import Source, SourceFile, is_clutter

BLOCK_SIZE = 2**22
# Files and folders in an archive.
MAX_MEMBERS = 2_000_000
# An archive may unpack to this many times its size, or to MIN_ALLOWED bytes if that is more. Photographs do not shrink.
MAX_RATIO, MIN_ALLOWED = 200, 2**30
# Bytes of one header of a tar archive, which may hold a long name.
MAX_HEADER = 2**16
# Others may grow a few bytes to gigabytes before their size can be checked.
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
REMEDY = "Unpack it, and pass the folder with lazy=True."
# Raised for damaged archives; zipfile raises RuntimeError for encrypted members.
READ_ERRORS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
)


# Members that describe the next one.
EXTENDED_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class _FileBuffer:
    """Contents of many files in blocks of memory. A block is released when all its files have been read.

    Tens of thousands of small ``bytes`` objects would instead fragment the heap, which the process then keeps.
    """

    def __init__(self) -> None:
        self._block = mmap.mmap(-1, BLOCK_SIZE)
        self._end = 0
        self._filled = 0

    def add(self, name: str, content: bytes) -> SourceFile:
        """Append a file; raises MemoryError if the files take as much memory as is left free."""
        if self._end + len(content) > len(self._block):
            self._filled += len(self._block)
            if self._filled > psutil.virtual_memory().available:
                raise MemoryError(
                    f"The files of the archive take {self._filled / 2**30:.1f} GiB, which is more than half of the "
                    f"memory that was free. {REMEDY}"
                )
            self._block = mmap.mmap(-1, max(BLOCK_SIZE, len(content)))
            self._end = 0
        start, self._end = self._end, self._end + len(content)
        self._block[start : self._end] = content
        return SourceFile(name, self._block, start, self._end)


def read_source(
    path: str | os.PathLike, is_selected: Callable[[str], bool], *, follow_links: bool = False, verbose: int = 0
) -> Source:
    """List the files of a folder, or read an archive into memory in one pass.

    Parameters
    ----------
    path : path-like
        A folder, .zip, or .tar with or without compression.
    is_selected : callable ``(name) -> bool``
        Selects the files to be read.
    follow_links : bool, default=False
        Whether links that lead out of a folder are followed.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    Source
        Without hidden files and files that operating systems add.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    DatasetError
        If the archive is damaged, encrypted, or contains a link, a device or a path outside of it; if it is larger than
        the notes say; if `path` is a device; if a folder cannot be listed.
    MemoryError
        If the files of an archive would fill more than half of the memory that is free.

    Notes
    -----
    An archive may hold 2,000,000 files and folders, and files of up to 256 MiB. It may unpack to 1 GiB, or to 200 times
    its size if that is more. What is in archives inside it is not looked at.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no folder or archive at {str(path)!r}; check the path.")
    source = Source(path)
    if path.is_dir():
        list_folder(source, is_selected, follow_links=follow_links)
        return source
    if not path.is_file():
        raise DatasetError(f"{str(path)!r} is neither a folder nor a regular file. Pass a folder or an archive.")
    with open(path, "rb") as stream:
        is_zip = stream.read(2) == b"PK"
        stream.seek(0)
        source.sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        with open_with_progress(path, verbose) as stream:
            _read_archive(source, is_selected, _zip_members(stream) if is_zip else _tar_members(stream))
    except DatasetError:
        raise
    except READ_ERRORS as error:
        raise DatasetError(
            f"{str(path)!r} cannot be read as an archive ({error or type(error).__name__}): it is truncated, "
            "corrupt, encrypted, or none of .zip, .tar, .tar.gz, .tar.xz. Download it again, or unpack it and "
            "pass the folder."
        ) from error
    return source


class _Member(NamedTuple):
    """A member of a zip or tar archive."""

    name: str
    is_folder: bool
    is_file: bool
    size: int
    read: Callable[[], bytes]


def _read_archive(source: Source, is_selected: Callable[[str], bool], members: Iterable[_Member]) -> None:
    buffer = _FileBuffer()
    allowed = max(MIN_ALLOWED, MAX_RATIO * source.path.stat().st_size)
    unpacked = 0
    for n_members, member in enumerate(members, start=1):
        name = _check_name(source, member.name)
        if n_members > MAX_MEMBERS:
            raise _unsafe(source, name, f"is one of more than {MAX_MEMBERS:,} files and folders")
        unpacked += member.size
        if unpacked > allowed:
            raise _unsafe(source, name, f"would unpack to more than {MAX_RATIO} times the size of the archive")
        if not (member.is_folder or member.is_file):
            raise _unsafe(source, name, "is a link or a device")
        if not name or any(map(is_clutter, name.split("/"))):
            continue
        if member.is_folder:
            source.folders.append(name)
        elif not is_selected(name):
            source.ignored.append(name)
        elif member.size > MAX_FILE_SIZE:
            raise _unsafe(source, name, f"would unpack to {member.size:,} bytes, and {MAX_FILE_SIZE:,} are the limit")
        else:
            source.files.append(buffer.add(name, member.read()))


def _check_name(source: Source, name: str) -> str:
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or slashed[1:3] == ":/" or ".." in slashed.split("/"):
        raise _unsafe(source, name, "leads out of it")
    return "/".join(part for part in slashed.split("/") if part not in ("", "."))


def _unsafe(source: Source, name: str, why: str) -> DatasetError:
    return DatasetError(
        f"{str(source.path)!r} is refused: {name!r} {why}. Use an archive of regular files with relative names, or "
        "unpack it yourself and pass the folder."
    )


def _zip_members(stream: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            if info.compress_type not in ZIP_METHODS:
                raise zipfile.BadZipFile(f"{info.filename!r} is neither stored nor deflated")
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if the archive was made on Windows
            is_file = kind in (0, stat.S_IFREG) and not info.is_dir()
            is_folder = kind in (0, stat.S_IFDIR) and info.is_dir()
            yield _Member(info.filename, is_folder, is_file, info.file_size, partial(archive.read, info))


def _tar_members(stream: IO[bytes]) -> Iterator[_Member]:
    with tarfile.open(fileobj=stream, tarinfo=_StrictTarInfo) as archive:
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # saves half a kilobyte per file
            yield _Member(info.name, info.isdir(), info.isreg(), info.size, partial(_tar_content, archive, info))
        # The checksum of the compression is at the end.
        while rest := archive.fileobj.read(2**20):  # type: ignore[union-attr]
            if rest.strip(b"\0"):
                raise tarfile.ReadError("it goes on behind its end")
            yield _Member(".", is_folder=True, is_file=False, size=len(rest), read=bytes)


def _tar_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    with archive.extractfile(info) as stream:  # type: ignore[union-attr]  # a regular file
        return stream.read()


class _StrictTarInfo(tarfile.TarInfo):
    """Raises an error for a damaged header, which tarfile takes for the end of the archive, and for a huge one."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: Any, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0 or info.type in EXTENDED_HEADERS and info.size > MAX_HEADER:
            raise tarfile.ReadError(f"a header of {info.size:,} bytes")
        return info

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
