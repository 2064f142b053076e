"""Files that are written whole or not at all, and the folder in which Keras keeps its files."""

import os
import re
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

_STARTED = time.time()
_DAY = 86400.0
_LEFTOVER = re.compile(r"\..*\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-\w+\.part")


def check_folder(folder: Path) -> None:
    """Check that a file can be written to an existing folder; raises OSError if not."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def write_whole(path: Path, write_to: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name and rename it, so that `path` is never half written.

    What killed processes left in the folder is removed first. Of a symbolic link, the file that it names is written.

    Parameters
    ----------
    path : pathlib.Path
        An existing file is replaced only when the new one is complete.
    write_to : callable ``(path) -> None``
        Writes the content to the path it gets.

    Raises
    ------
    OSError
        If `path` is a device, a pipe or a folder, or cannot be written.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        # The rename would put a file in the place of /dev/null.
        raise OSError(f"{path} is no regular file; name another one.")
    remove_leftovers(path.parent)
    prefix = f".{path.name[:64]}.{_host()}-{os.getpid()}-"
    spare = Path(tempfile.mkdtemp(dir=path.parent, prefix=prefix, suffix=".part"))
    try:
        write_to(spare / path.name)
        os.replace(spare / path.name, path)
    finally:
        shutil.rmtree(spare, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of `write_whole` in a folder whose process does not run any more."""
    for name in os.listdir(folder):
        match, path = _LEFTOVER.fullmatch(name), folder / name
        # Another process or thread may remove it first.
        with suppress(OSError):
            if match and _is_abandoned(match["host"], int(match["pid"]), path.stat().st_mtime):
                shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(host: str, pid: int, modified: float) -> bool:
    if modified < time.time() - _DAY:
        return True
    if host != _host():
        return False
    if pid == os.getpid():
        # In containers a process often has the number of the one before.
        return modified < _STARTED
    return not psutil.pid_exists(pid)


def _host() -> str:
    """Eight digits that tell apart machines that write to one folder."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def keras_home() -> Path:
    """Folder in which Keras keeps its files: `KERAS_HOME`, or one in the home folder if that is writable."""
    home = Path.home() if os.access(Path.home(), os.W_OK) else Path("/tmp")
    return Path(os.environ.get("KERAS_HOME", home / ".keras")).expanduser()
