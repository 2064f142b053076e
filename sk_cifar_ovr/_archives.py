"""Files of a folder, zip or tar archive, one after another, without unpacking to disk."""

import hashlib
import io
import lzma
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from .exceptions import DatasetError

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
# What damaged archives make the readers raise.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError)


class Source:
    """A folder or archive to be read once, from front to back.

    Parameters
    ----------
    path : str or path-like
    verbose : int, default=0
        1 shows progress on standard error.

    Attributes
    ----------
    sha256 : str
        Of an archive its file's; of a folder that of all names and contents in order. Known after `files`.
    folders : set of PurePosixPath
        Folders met by `files`, empty ones too.
    """

    def __init__(self, path, verbose: int = 0):
        self.path, self.verbose = Path(path), verbose
        self.folders: set[PurePosixPath] = set()
        self._hash = hashlib.sha256()
        if not self.path.exists():
            raise FileNotFoundError(f"There is no {self.path}: name an image folder, a .zip or a .tar archive.")

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of what was read."""
        return self._hash.hexdigest()

    def files(self) -> Iterator[tuple[PurePosixPath, bytes]]:
        """Names and contents of all files.

        Yields
        ------
        name : pathlib.PurePosixPath
        content : bytes

        Raises
        ------
        DatasetError
            If the archive is damaged, or holds links, absolute names or names with ``..``.
        """
        if self.path.is_dir():
            yield from self._from_folder()
            return
        try:
            yield from self._from_zip() if zipfile.is_zipfile(self.path) else self._from_tar()
        except DatasetError:
            raise
        except DAMAGE as error:
            raise DatasetError(
                f"{self.path} is no whole .zip or .tar archive ({error}): it may be truncated; fetch it again."
            ) from error

    def _from_folder(self):
        paths = sorted(self.path.rglob("*"))
        with progress_line(f"reading {self.path.name}", len(paths), self.verbose) as at:
            for i, path in enumerate(paths):
                at(i)
                name = PurePosixPath(path.relative_to(self.path).as_posix())
                if path.is_dir():
                    self.folders.add(name)
                elif path.is_file():
                    content = path.read_bytes()
                    self._hash.update(str(name).encode() + b"\0" + content)
                    yield name, content

    def _from_zip(self):
        with self.path.open("rb") as file:
            self._hash = hashlib.file_digest(file, "sha256")
        with zipfile.ZipFile(self.path) as archive, self._progress(len(archive.infolist())) as at:
            for i, member in enumerate(archive.infolist()):
                at(i)
                is_link = (member.external_attr >> 28) == 0xA
                name = self._safe(member.filename, is_link)
                if member.is_dir():
                    self.folders.add(name)
                else:
                    yield name, archive.read(member)

    def _from_tar(self):
        size = self.path.stat().st_size
        with self.path.open("rb") as file, self._progress(size) as at:
            tee = _Tee(file, self._hash)
            with tarfile.open(fileobj=tee, mode="r|*") as archive:
                for member in archive:
                    # tarfile keeps every header it has read, which is tens of megabytes in a large archive.
                    archive.members.clear()
                    at(file.tell())
                    name = self._safe(member.name, not (member.isfile() or member.isdir()))
                    if member.isdir():
                        self.folders.add(name)
                    else:
                        yield name, archive.extractfile(member).read()
            while tee.read(1 << 20):
                pass

    def _progress(self, total):
        return progress_line(f"reading {self.path.name}", total, self.verbose)

    def _safe(self, name: str, is_link: bool) -> PurePosixPath:
        path = PurePosixPath(name)
        if is_link:
            raise DatasetError(f"{self.path} holds {name!r}, a link or device: only files and folders are read.")
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise DatasetError(f"{self.path} holds {name!r}, which points outside the archive: do not trust it.")
        return path


class _Tee(io.RawIOBase):
    """Reads a file and hashes what goes by."""

    def __init__(self, file: IO[bytes], digest):
        self._file, self._digest = file, digest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        return data


@contextmanager
def progress_line(what: str, total: int, verbose: int) -> Iterator[Any]:
    """A line on standard error, gone when done.

    Yields
    ------
    callable
        ``at(completed)``.
    """
    if not verbose:
        yield lambda completed: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda completed: bar.update(task, completed=completed)
