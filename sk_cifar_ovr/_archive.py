"""The files of a folder, .zip or .tar: listed, checked and read, never unpacked to disk."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .exceptions import DatasetError

LARGEST_FILE = 2**28
CLUTTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
READ_ERRORS = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error, EOFError, OSError)
READ_ERRORS += (ValueError, RuntimeError)  # also raised on damage; RuntimeError: an encrypted or unknown zip


@dataclass(frozen=True)
class SourceFile:
    """One file: its name inside the source, and its path or, from an archive, its content."""

    name: str
    where: Path | bytes

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return self.name if isinstance(self.where, bytes) else str(self.where)

    def read(self) -> bytes:
        """Return the content."""
        return self.where if isinstance(self.where, bytes) else self.where.read_bytes()


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
        (_read_zip if is_zip else _read_tar)(source, wanted, verbose)
    except DatasetError:
        raise
    except READ_ERRORS as error:
        raise DatasetError(
            f"{str(path)!r} cannot be read as an archive ({error or type(error).__name__}): it is truncated, "
            "corrupt, encrypted or none of .zip, .tar, .tar.gz, .tar.xz. Fetch it again, or name an unpacked folder."
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
        path, "rb", description=f"Reading {path.name}", console=_console(), transient=True, disable=not verbose
    )


def _list_folder(source: Source, wanted: Callable[[str], bool]) -> None:
    for folder, folders, files in os.walk(source.path, followlinks=True):
        relative = Path(folder).relative_to(source.path)
        # Nothing deeper is a layout this package reads; the limit also ends cycles of links.
        folders[:] = [] if len(relative.parts) > 3 else sorted(folders)
        for name in folders:
            if not _is_clutter(inside := (relative / name).as_posix()):
                source.folders.append(inside)
        for name in sorted(files):
            _add(source, (relative / name).as_posix(), wanted, Path(folder, name))


def _add(source: Source, name: str, wanted: Callable[[str], bool], where: Path | bytes) -> None:
    if _is_clutter(name):
        return
    if wanted(name):
        source.files.append(SourceFile(name, where))
    else:
        source.others.append(name)


def _is_clutter(name: str) -> bool:
    return any(part.startswith(".") or part in CLUTTER for part in name.split("/"))


def _read_zip(source: Source, wanted: Callable[[str], bool], verbose: int) -> None:
    with _open(source.path, verbose) as stream, zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            name = _safe_name(source, member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refusal(source, name, "is a link or a device")
            if member.is_dir():
                _add_folder(source, name)
            else:
                _add_content(source, name, wanted, member.file_size, lambda m=member: archive.read(m))


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive; here it is an error."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            raise tarfile.ReadError(str(error)) from error


def _read_tar(source: Source, wanted: Callable[[str], bool], verbose: int) -> None:
    with _open(source.path, verbose) as stream, tarfile.open(fileobj=stream, tarinfo=_StrictTarInfo) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # else it keeps half a kilobyte a file
            name = _safe_name(source, member.name)
            if member.isdir():
                _add_folder(source, name)
            elif member.isreg():
                _add_content(source, name, wanted, member.size, lambda m=member: _member_content(tar, m))
            else:
                raise _refusal(source, name, "is a link or a device")


def _member_content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    with tar.extractfile(member) as stream:  # type: ignore[union-attr]  # a regular file
        return stream.read()


def _safe_name(source: Source, name: str) -> str:
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or slashed[1:3] == ":/" or ".." in slashed.split("/"):
        raise _refusal(source, name, "leads out of it")
    return "/".join(part for part in slashed.split("/") if part not in ("", "."))


def _add_folder(source: Source, name: str) -> None:
    if name and not _is_clutter(name):
        source.folders.append(name)


def _add_content(
    source: Source, name: str, wanted: Callable[[str], bool], size: int, read: Callable[[], bytes]
) -> None:
    needed = wanted(name) and not _is_clutter(name)
    if needed and size > LARGEST_FILE:
        raise _refusal(source, name, f"would unpack to {size:,} bytes")
    _add(source, name, wanted, read() if needed else b"")


def _refusal(source: Source, name: str, why: str) -> DatasetError:
    return DatasetError(
        f"{str(source.path)!r} is refused: {name!r} {why}. Pack plain files with relative names, and try again."
    )
