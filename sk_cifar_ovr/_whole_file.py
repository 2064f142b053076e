"""Files that are written as a whole, or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def check_folder(folder: Path) -> None:
    """Prove that a file can be written to an existing folder, by an OSError where not."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def write_whole(path: Path, write_to: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name first: no half of it is left behind, and an old one stays until then."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as spare:
        write_to(Path(spare) / path.name)
        os.replace(Path(spare) / path.name, path)
