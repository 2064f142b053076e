"""A folder of checkpoints: which files belong to which training, and what others stand beside them."""

import hashlib
import json
import os
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

from ...exceptions import CheckpointWarning
from ._files import START, DamagedCheckpointError, Description, read_description

SUFFIX = ".checkpoint"
SEED_FILE = "random_state.txt"
_STARTED = time.time()


def digest_of(description: Description) -> str:
    """First part of the names of a training's files."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:20]


def slots(folder: Path, description: Description) -> tuple[Path, Path]:
    """The two files of a training, which are written in turn."""
    digest = digest_of(description)
    return folder / f"{digest}-0{SUFFIX}", folder / f"{digest}-1{SUFFIX}"


def unfinished(folder: Path, *, of_earlier_processes: bool) -> dict[Path, Description]:
    """Descriptions of the trainings in a folder that were not finished, by file.

    Parameters
    ----------
    folder : pathlib.Path
    of_earlier_processes : bool
        Leave out files that were written since this process started.
    """
    found = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with suppress(DamagedCheckpointError, OSError):
            description, is_finished = read_description(path)
            if not is_finished and not (of_earlier_processes and path.stat().st_mtime >= _STARTED):
                found[path] = description
    return found


def differences(description: Description, other: Description) -> list[str]:
    """Names of the things that differ between two trainings."""
    names = [name for name in description if description[name] != other.get(name)]
    return [name for name in names if name != START] or names


def kept_seed(folder) -> int:
    """Seed of the trainings in a folder whose `random_state` is None: drawn once and kept there.

    Warns
    -----
    CheckpointWarning
        If it cannot be kept.
    """
    path = Path(folder) / SEED_FILE
    seed = int(np.random.default_rng().integers(2**31 - 1))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _read_seed(path) is None:
            _keep_first(path, f"{seed}\n")
        kept = _read_seed(path)
    except OSError as error:
        message = f"The seed cannot be kept in {path} ({error}), so that this fit cannot be resumed: set random_state."
        warnings.warn(message, CheckpointWarning, stacklevel=2)
        return seed
    return seed if kept is None else kept


def _read_seed(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _keep_first(path: Path, text: str) -> None:
    """Write a file whole; of several processes that do so at once, the first one counts."""
    handle, spare = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(handle, "w") as file:
            file.write(text)
        try:
            os.link(spare, path)
        except FileExistsError:
            if _read_seed(path) is None:
                os.replace(spare, path)
    finally:
        Path(spare).unlink(missing_ok=True)
