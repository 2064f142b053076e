"""The files of a folder, .zip or .tar: listed, checked and read without unpacking to disk."""

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
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, Self

from ..exceptions import DatasetError
from ._progress import open_with_progress

MAX_FILE_SIZE = 2**28
BLOCK_SIZE = 2**22
SYSTEM_FILES = {"__MACOSX", "Thumbs.db", "desktop.ini"}
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


@dataclass(slots=True)
class SourceFile:
    """A file of a folder or archive.

    Parameters
    ----------
    name : str
        Path inside the folder or archive.
    location : Path, mmap.mmap or None
        Path on disk, or the memory that contains the content; None after it was read from memory.
    start, stop : int, default=0
        Position in the memory.
    """

    name: str
    location: Path | mmap.mmap | None
    start: int = 0
    stop: int = 0

    @property
    def display_name(self) -> str:
        """Name of the file in messages."""
        return str(self.location) if isinstance(self.location, Path) else self.name

    def read(self) -> bytes:
        """Return the content. Content in memory is released, so it can be read only once."""
        if isinstance(self.location, Path):
            return self.location.read_bytes()
        if self.location is None:
            raise RuntimeError(f"{self.name} was read before")
        content, self.location = self.location[self.start : self.stop], None
        return content


class _FileBuffer:
    """Contents of many files in blocks of memory. A block is released when all its files have been read.

    Tens of thousands of small ``bytes`` objects would instead fragment the heap, which the process then keeps.
    """

    def __init__(self) -> None:
        self._block = mmap.mmap(-1, BLOCK_SIZE)
        self._end = 0

    def add(self, name: str, content: bytes) -> SourceFile:
        if self._end + len(content) > len(self._block):
            self._block = mmap.mmap(-1, max(BLOCK_SIZE, len(content)))
            self._end = 0
        start, self._end = self._end, self._end + len(content)
        self._block[start : self._end] = content
        return SourceFile(name, self._block, start, self._end)


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
    folders : list of str
        Names of the folders.
    sha256 : str or None
        Hash of the archive; None for a folder.
    """

    path: Path
    files: list[SourceFile] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    sha256: str | None = None


def read_source(path: str | os.PathLike, is_selected: Callable[[str], bool], *, verbose: int = 0) -> Source:
    """List the files of a folder, or read an archive into memory in one pass.

    Parameters
    ----------
    path : path-like
        A folder, .zip, or .tar with or without compression.
    is_selected : callable ``(name) -> bool``
        Selects the files to be read.
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
        If the archive is damaged or contains a link, a device or a path outside of it.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no folder or archive at {str(path)!r}; check the path.")
    source = Source(path)
    if path.is_dir():
        _list_folder(source, is_selected)
        return source
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


def hash_files(files: Iterable[SourceFile]) -> str:
    """Return one SHA-256 of the names and contents of files, independent of their order."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        try:
            content = file.read()
        except OSError:
            content = b""  # decoding it reports the error
        digest.update(f"{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _list_folder(source: Source, is_selected: Callable[[str], bool]) -> None:
    for folder, folders, files in os.walk(source.path, followlinks=True):
        relative = Path(folder).relative_to(source.path)
        # No supported layout is deeper. The limit also ends cycles of links.
        folders[:] = [] if len(relative.parts) > 3 else folders
        source.folders += [name for name in _names_in(relative, folders) if not _is_hidden(name)]
        for name in _names_in(relative, files):
            if _is_hidden(name):
                continue
            if is_selected(name):
                source.files.append(SourceFile(name, source.path / name))
            else:
                source.ignored.append(name)


def _names_in(folder: Path, names: Iterable[str]) -> list[str]:
    return [(folder / name).as_posix() for name in sorted(names)]


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part in SYSTEM_FILES for part in name.split("/"))


class _Member(NamedTuple):
    """A member of a zip or tar archive."""

    name: str
    is_folder: bool
    is_file: bool
    size: int
    read: Callable[[], bytes]


def _read_archive(source: Source, is_selected: Callable[[str], bool], members: Iterable[_Member]) -> None:
    buffer = _FileBuffer()
    for member in members:
        name = _check_name(source, member.name)
        if not (member.is_folder or member.is_file):
            raise _unsafe(source, name, "is a link or a device")
        if not name or _is_hidden(name):
            continue
        if member.is_folder:
            source.folders.append(name)
        elif not is_selected(name):
            source.ignored.append(name)
        elif member.size > MAX_FILE_SIZE:
            raise _unsafe(source, name, f"would unpack to {member.size:,} bytes")
        else:
            source.files.append(buffer.add(name, member.read()))


def _check_name(source: Source, name: str) -> str:
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or slashed[1:3] == ":/" or ".." in slashed.split("/"):
        raise _unsafe(source, name, "leads out of it")
    return "/".join(part for part in slashed.split("/") if part not in ("", "."))


def _unsafe(source: Source, name: str, why: str) -> DatasetError:
    return DatasetError(
        f"{str(source.path)!r} is refused: {name!r} {why}. Use an archive of regular files with relative names."
    )


def _zip_members(stream: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if the archive was made on Windows
            is_file = kind in (0, stat.S_IFREG) and not info.is_dir()
            is_folder = kind in (0, stat.S_IFDIR) and info.is_dir()
            yield _Member(info.filename, is_folder, is_file, info.file_size, partial(archive.read, info))


def _tar_members(stream: IO[bytes]) -> Iterator[_Member]:
    with tarfile.open(fileobj=stream, tarinfo=_StrictTarInfo) as archive:
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # saves half a kilobyte per file
            yield _Member(info.name, info.isdir(), info.isreg(), info.size, partial(_tar_content, archive, info))
        while archive.fileobj.read(2**20):  # type: ignore[union-attr]  # the checksum of the compression is at the end
            pass


def _tar_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    with archive.extractfile(info) as stream:  # type: ignore[union-attr]  # a regular file
        return stream.read()


class _StrictTarInfo(tarfile.TarInfo):
    """Raises an error for a damaged header, which tarfile takes for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
