"""Features of a network's trunk for all rows: computed in one pass, kept in a folder where that is asked for."""

import hashlib
import json
import logging
from pathlib import Path

import keras
import numpy as np

from ._compiled import read
from ._prediction import map_batches
from ._programs import Parts
from ._progress import Progress
from ._training import Rows
from ._whole_file import write_whole

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
    path = None if folder is None else Path(folder) / f"features-{_digest(parts.trunk, rows)}.npy"
    kept = None if path is None else _kept(path, (len(rows.X), *parts.trunk.output_shape[1:]))
    if kept is not None:
        logger.info("Features come from %s", path)
        return kept
    progress.phase = "features"
    dtype = "float64" if parts.trunk.inputs[0].dtype == "float64" else "float32"

    def batch(images, scale):
        progress.advance(0)
        # NumPy has no bfloat16.
        return np.asarray(parts.features(images, scale), dtype)

    features = map_batches(batch, rows.X, rows.scale, parts.trunk)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda spare: np.save(spare, features, allow_pickle=False))
    return features


def _kept(path: Path, shape) -> np.ndarray | None:
    if not path.exists():
        return None
    try:
        features = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        logger.warning("%s is damaged (%s), and its features are computed again", path, error)
        return None
    return features if features.shape == shape else None


def _digest(trunk: keras.Model, rows: Rows) -> str:
    digest = hashlib.sha256()
    # Names count up in a process, and say nothing about the network.
    layers = [
        (type(layer).__name__, {key: value for key, value in layer.get_config().items() if key != "name"})
        for layer in trunk.layers
    ]
    facts = [layers, keras.version(), keras.backend.backend(), rows.X.shape, rows.X.dtype.str, rows.scale]
    digest.update(json.dumps(facts, default=str).encode())
    for values in read(trunk.weights):
        digest.update(np.ascontiguousarray(values).data)
    digest.update(np.ascontiguousarray(rows.X).data)
    return digest.hexdigest()
