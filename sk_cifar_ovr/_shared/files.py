"""Files that are written whole or not at all, and the folder in which Keras keeps its files."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def check_folder(folder: Path) -> None:
    """Check that a file can be written to an existing folder; raises OSError if not."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def write_whole(path: Path, write_to: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name and rename it, so that `path` is never half written.

    Parameters
    ----------
    path : pathlib.Path
        An existing file is replaced only when the new one is complete.
    write_to : callable ``(path) -> None``
        Writes the content to the path it gets.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as spare:
        write_to(Path(spare) / path.name)
        os.replace(Path(spare) / path.name, path)


def keras_home() -> Path:
    """Folder in which Keras keeps its files: `KERAS_HOME`, or one in the home folder if that is writable."""
    home = Path.home() if os.access(Path.home(), os.W_OK) else Path("/tmp")
    return Path(os.environ.get("KERAS_HOME", home / ".keras")).expanduser()
