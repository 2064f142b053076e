"""The files of a folder, .zip or .tar: listed, checked and read, never unpacked to disk."""

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
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from ..exceptions import DatasetError

LARGEST_FILE = 2**28
BLOCK = 2**22
CLUTTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
# What damage raises; RuntimeError is zipfile's word for an encrypted or an unknown compression.
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
    """One file: its name inside the source and its path or, from an archive, where memory holds it."""

    name: str
    where: Path | mmap.mmap | None
    start: int = 0
    stop: int = 0

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return str(self.where) if isinstance(self.where, Path) else self.name

    def read(self) -> bytes:
        """Return the content; what came from an archive is let go, so that it can be read only once."""
        if isinstance(self.where, Path):
            return self.where.read_bytes()
        if self.where is None:
            raise RuntimeError(f"{self.name} was read before")
        content, self.where = self.where[self.start : self.stop], None
        return content


class _Tape:
    """Contents end to end in blocks, which the system gets back one by one as their files are read.

    As ``bytes`` of their own, tens of thousands of small files would stay with the process to its end.
    """

    def __init__(self) -> None:
        self._block = mmap.mmap(-1, BLOCK)
        self._end = 0

    def keep(self, name: str, content: bytes) -> SourceFile:
        if self._end + len(content) > len(self._block):
            self._block = mmap.mmap(-1, max(BLOCK, len(content)))
            self._end = 0
        start, self._end = self._end, self._end + len(content)
        self._block[start : self._end] = content
        return SourceFile(name, self._block, start, self._end)


@dataclass
class Source:
    """What a folder or archive holds.

    Attributes
    ----------
    path : Path
    files : list of SourceFile
        The files that were wanted.
    others : list of str
        Names of the files that were not.
    folders : list of str
    sha256 : str or None
        Of the archive; None for a folder.
    """

    path: Path
    files: list[SourceFile] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    sha256: str | None = None


def read_source(path: str | os.PathLike, wanted: Callable[[str], bool], *, verbose: int = 0) -> Source:
    """List a folder or read an archive, in one pass and into memory.

    Parameters
    ----------
    path : path-like
        A folder, .zip or .tar, the latter also compressed.
    wanted : callable
        Told the name of a file, says whether it is to be read.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    Source
        Without hidden files and the clutter that operating systems leave.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    DatasetError
        If the archive is damaged or holds a link, a device or a path that leads out of it.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no folder or archive at {str(path)!r}; check the path.")
    source = Source(path)
    if path.is_dir():
        _list_folder(source, wanted)
        return source
    with open(path, "rb") as stream:
        is_zip = stream.read(2) == b"PK"
        stream.seek(0)
        source.sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        with _open(path, verbose) as stream:
            _read_archive(source, wanted, _zip_members(stream) if is_zip else _tar_members(stream))
    except DatasetError:
        raise
    except READ_ERRORS as error:
        raise DatasetError(
            f"{str(path)!r} cannot be read as an archive ({error or type(error).__name__}): it is truncated, "
            "corrupt, encrypted, or none of .zip, .tar, .tar.gz, .tar.xz. Fetch it again, or unpack it and "
            "name the folder."
        ) from error
    return source


def hash_files(files: Iterable[SourceFile]) -> str:
    """Return one SHA-256 over the names and contents of files, whatever order they come in."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        try:
            content = file.read()
        except OSError:
            content = b""  # whoever decodes it names the fault
        digest.update(f"{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def track(items: list, description: str, verbose: int) -> Iterable:
    """Pass items on while a line on standard error shows how far it is."""
    from rich.progress import track as rich_track

    return rich_track(items, description, console=_console(), transient=True, disable=not verbose)


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


def _open(path: Path, verbose: int) -> AbstractContextManager[IO[bytes]]:
    import rich.progress

    return rich.progress.open(
        path,
        "rb",
        description=f"Reading {path.name}",
        console=_console(),
        transient=True,
        disable=not verbose,
    )


def _list_folder(source: Source, wanted: Callable[[str], bool]) -> None:
    for folder, folders, files in os.walk(source.path, followlinks=True):
        relative = Path(folder).relative_to(source.path)
        # Nothing deeper is a layout this package reads; the limit also ends cycles of links.
        folders[:] = [] if len(relative.parts) > 3 else folders
        source.folders += [name for name in _inside(relative, folders) if not _is_clutter(name)]
        for name in _inside(relative, files):
            if _is_clutter(name):
                continue
            if wanted(name):
                source.files.append(SourceFile(name, source.path / name))
            else:
                source.others.append(name)


def _inside(folder: Path, names: Iterable[str]) -> list[str]:
    return [(folder / name).as_posix() for name in sorted(names)]


def _is_clutter(name: str) -> bool:
    return any(part.startswith(".") or part in CLUTTER for part in name.split("/"))


class _Member(NamedTuple):
    """What zip and tar members have in common."""

    name: str
    is_folder: bool
    is_file: bool
    size: int
    read: Callable[[], bytes]


def _read_archive(source: Source, wanted: Callable[[str], bool], members: Iterable[_Member]) -> None:
    tape = _Tape()
    for member in members:
        name = _safe_name(source, member.name)
        if not (member.is_folder or member.is_file):
            raise _refusal(source, name, "is a link or a device")
        if not name or _is_clutter(name):
            continue
        if member.is_folder:
            source.folders.append(name)
        elif not wanted(name):
            source.others.append(name)
        elif member.size > LARGEST_FILE:
            raise _refusal(source, name, f"would unpack to {member.size:,} bytes")
        else:
            source.files.append(tape.keep(name, member.read()))


def _safe_name(source: Source, name: str) -> str:
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or slashed[1:3] == ":/" or ".." in slashed.split("/"):
        raise _refusal(source, name, "leads out of it")
    return "/".join(part for part in slashed.split("/") if part not in ("", "."))


def _refusal(source: Source, name: str, why: str) -> DatasetError:
    return DatasetError(
        f"{str(source.path)!r} is refused: {name!r} {why}. Pack plain files with relative names instead."
    )


def _zip_members(stream: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was made on Windows
            is_file = kind in (0, stat.S_IFREG) and not info.is_dir()
            is_folder = kind in (0, stat.S_IFDIR) and info.is_dir()
            yield _Member(info.filename, is_folder, is_file, info.file_size, partial(archive.read, info))


def _tar_members(stream: IO[bytes]) -> Iterator[_Member]:
    with tarfile.open(fileobj=stream, tarinfo=_StrictTarInfo) as archive:
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # half a kilobyte a file, for nothing
            yield _Member(info.name, info.isdir(), info.isreg(), info.size, partial(_tar_content, archive, info))
        while archive.fileobj.read(2**20):  # type: ignore[union-attr]  # the compression's own checksum comes last
            pass


def _tar_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    with archive.extractfile(info) as stream:  # type: ignore[union-attr]  # only asked of a file
        return stream.read()


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive; here it is an error."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
