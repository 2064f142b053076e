"""A folder of checkpoints: which files belong to which training, and what others stand beside them."""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from ._files import DamagedCheckpointError, Description, read_description

SUFFIX = ".checkpoint"
SEED_FILE = "random_state.txt"
_STARTED = time.time()


def slots(folder: Path, description: Description) -> tuple[Path, Path]:
    """The two files of a training, which are written in turn."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:20]
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
    return [name for name in description if description[name] != other.get(name)]


def kept_seed(folder) -> int:
    """Seed of the trainings in a folder whose `random_state` is None: drawn once and kept there.

    Raises
    ------
    OSError
        If it can be neither read nor written.
    ValueError
        If the file holds something else.
    """
    path = Path(folder) / SEED_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            file.write(f"{np.random.default_rng().integers(2**31 - 1)}\n")
    except FileExistsError:
        pass
    try:
        return int(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} holds no seed: remove it, or set random_state.") from error
