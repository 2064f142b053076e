"""One checkpoint as a file: a SHA-256, a line of JSON, and an archive of plain arrays."""

import hashlib
import io
import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..._shared.files import write_whole
from ..._shared.variables import State

FORMAT = 1
# No more of a file is read to learn what it is.
MAX_HEADER = 2**20
Description = dict[str, str]
# In a description: other settings, such as the seed, often change it too.
START = "weights to start from"
_DAMAGE = (OSError, KeyError, TypeError, ValueError, RecursionError, EOFError, zipfile.BadZipFile)


class DamagedCheckpointError(Exception):
    """A file that is no whole checkpoint."""


@dataclass(frozen=True)
class Snapshot:
    """A training after some epochs.

    Attributes
    ----------
    history : dict of lists of float
    losses : list of ndarray
        As in `Trained`.
    state : list of ndarray
        Values of the network; until the training is finished with those of its augmentation.
    optimizer : list of ndarray
        Values of the optimizer; of a finished training those of its `OptimizerState`.
    best : tuple of (float, list of ndarray or None, int)
        Lowest validation loss, its values and its epoch, with early stopping.
    is_finished : bool
    """

    history: dict[str, list[float]]
    losses: list[np.ndarray]
    state: State
    optimizer: State
    best: tuple[float, State | None, int] = (math.inf, None, -1)
    is_finished: bool = False


def write_checkpoint(path: Path, description: Description, snapshot: Snapshot) -> None:
    """Write a checkpoint, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written; a file of that name stays as it was.
    """
    best_loss, best_state, best_epoch = snapshot.best
    parts: dict[str, State] = {
        "losses": snapshot.losses,
        "state": snapshot.state,
        "optimizer": snapshot.optimizer,
        "best": best_state or [],
    }
    header = {
        "format": FORMAT,
        "description": description,
        "history": snapshot.history,
        "best": [None if math.isinf(best_loss) else best_loss, best_epoch],
        "is_finished": snapshot.is_finished,
        "n_arrays": {name: len(values) for name, values in parts.items()},
    }
    buffer = io.BytesIO()
    buffer.write(json.dumps(header).encode() + b"\n")
    arrays = {f"{name}-{i}": value for name, values in parts.items() for i, value in enumerate(values)}
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getbuffer()
    digest = hashlib.sha256(content).hexdigest().encode()

    def write_to(spare: Path) -> None:
        with spare.open("wb") as file:
            file.write(digest + b"\n")
            file.write(content)

    write_whole(path, write_to)


def read_description(path: Path) -> tuple[Description, bool]:
    """Description of the training of a checkpoint, and whether it is finished, without a look at its arrays.

    Raises
    ------
    DamagedCheckpointError
    """
    try:
        with path.open("rb") as file:
            file.readline(MAX_HEADER)
            header = _header(file.readline(MAX_HEADER))
        return dict(header["description"]), bool(header["is_finished"])
    except _DAMAGE as error:
        raise DamagedCheckpointError(str(error)) from error


def read_checkpoint(path: Path) -> Snapshot:
    """Read a checkpoint.

    Raises
    ------
    DamagedCheckpointError
        If it is not as it was written.
    """
    try:
        with path.open("rb") as file:
            digest = file.readline(MAX_HEADER).strip().decode("ascii")
            content = file.read()
        if hashlib.sha256(content).hexdigest() != digest:
            raise DamagedCheckpointError("its SHA-256 is another one")
        line, _, archive = content.partition(b"\n")
        header = _header(line)
        with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
            parts = {name: [_array(arrays[f"{name}-{i}"]) for i in range(n)] for name, n in header["n_arrays"].items()}
    except _DAMAGE as error:
        raise DamagedCheckpointError(str(error)) from error
    loss, epoch = header["best"]
    best = (math.inf if loss is None else loss, parts["best"] or None, epoch)
    return Snapshot(header["history"], parts["losses"], parts["state"], parts["optimizer"], best, header["is_finished"])


def _header(line: bytes) -> dict[str, Any]:
    header = json.loads(line)
    if header["format"] != FORMAT:
        raise ValueError(f"it has format {header['format']!r}, and this version reads {FORMAT}")
    return header


def _array(values: np.ndarray) -> np.ndarray:
    """NumPy writes bfloat16, which it has not, as two bytes of no type."""
    return values.view("bfloat16") if values.dtype.kind == "V" else values
