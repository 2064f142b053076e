"""Features of a network's trunk for all rows: computed in one pass, kept in a folder where that is asked for."""

import hashlib
import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from .._shared.files import check_folder, write_whole
from .._shared.progress import Progress
from .._shared.variables import read
from ._prediction import map_batches
from ._training_data import Rows
from .compiled import Parts, handed_dtype

logger = logging.getLogger(__name__)


def stored_features(parts: Parts, rows: Rows, folder, progress: Progress) -> np.ndarray:
    """What the trunk gives for all rows.

    Parameters
    ----------
    parts : Parts
        Of a network that holds its values.
    rows : Rows
    folder : str, path-like or None
        Where features are kept, each file named by what they were computed from: the trunk with its weights, and
        the images.
    progress : Progress

    Returns
    -------
    ndarray of shape (n, ...)
        float32, or float64 of a network in float64.
    """
    dtype = handed_dtype(parts.trunk)
    path = None
    if folder is not None:
        path = Path(folder) / f"features-{_digest(parts.trunk, rows)}.npz"
        kept = _kept(path, (len(rows.X), *parts.trunk.output_shape[1:]), dtype)
        if kept is not None:
            logger.info("Features come from %s", path)
            return kept
    n_done = 0

    def batch(images, scale):
        nonlocal n_done
        # NumPy has no bfloat16.
        values = np.asarray(parts.features(images, scale), dtype)
        n_done += len(images)
        progress.phase = f"features of {n_done}/{len(rows.X)} images"
        progress.advance(0)
        return values

    features = map_batches(batch, rows.X, rows.scale, parts.trunk)
    if path is not None:
        _keep(path, features)
    return features


def prepare_folder(folder) -> None:
    """Make the folder that features are kept in, and prove that it can be written to.

    Raises
    ------
    OSError
        If it cannot.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        check_folder(Path(folder))
    except OSError as error:
        raise type(error)(f"feature_cache={str(folder)!r} is no folder that can be written to: {error}") from error


def _keep(path: Path, features: np.ndarray) -> None:
    try:
        # An archive for its checksum.
        write_whole(path, lambda spare: np.savez(spare, features=features))
    except OSError as error:
        logger.warning("%s could not be written (%s): training goes on, and keeps no features", path, error)


def _kept(path: Path, shape, dtype) -> np.ndarray | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            features = file["features"]
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        logger.warning("%s is damaged (%s), and its features are computed again", path, error)
        return None
    return features if features.shape == shape and features.dtype == dtype else None


def _digest(trunk: keras.Model, rows: Rows) -> str:
    digest = hashlib.sha256()
    facts = [_graph(trunk), keras.version(), keras.backend.backend(), rows.X.shape, rows.X.dtype.str, rows.scale]
    digest.update(json.dumps(facts, default=str).encode())
    for values in read(trunk.weights):
        digest.update(np.ascontiguousarray(values).data)
    digest.update(np.ascontiguousarray(rows.X).data)
    return digest.hexdigest()


def _graph(trunk: keras.Model) -> Any:
    """Layers, their settings and what each takes, without their names, which count up in a process."""
    config = trunk.get_config()
    numbers: dict[str, str] = {}

    def number_names(value):
        for key, inner in _items(value):
            if key == "name" and isinstance(inner, str):
                numbers.setdefault(inner, str(len(numbers)))
            number_names(inner)

    def renamed(value):
        if isinstance(value, dict):
            return {key: renamed(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [renamed(inner) for inner in value]
        return numbers.get(value, value) if isinstance(value, str) else value

    number_names(config)
    return renamed(config)


def _items(value):
    """What a dict or a list holds, with its keys."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, (list, tuple)) else ()
