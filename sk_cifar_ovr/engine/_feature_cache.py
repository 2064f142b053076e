"""Features of the layers before the last: computed once for all images and, if asked for, kept in a folder."""

import hashlib
import json
import logging
import zipfile
from contextlib import closing
from pathlib import Path

import keras
import numpy as np

from .._shared.files import check_folder, write_whole
from .._shared.lazy_arrays import blocks, read_each
from .._shared.progress import Progress
from .._shared.variables import read
from ._prediction import map_batches
from ._training_data import TrainingData
from .compiled import Parts, graph_config, input_dtype

logger = logging.getLogger(__name__)


def stored_features(parts: Parts, data: TrainingData, folder, progress: Progress) -> np.ndarray:
    """Output of the trunk for all images, from a file if there is one.

    Parameters
    ----------
    parts : Parts
        Of a network with its values loaded.
    data : TrainingData
    folder : str, path-like or None
        Folder of features. The name of a file is a digest of the trunk, its weights and the images.
    progress : Progress

    Returns
    -------
    ndarray of shape (n, ...)
        float32, or float64 if the network computes in float64.
    """
    dtype = input_dtype(parts.trunk)
    path = None
    if folder is not None:
        path = Path(folder) / f"features-{_digest(parts.trunk, data)}.npz"
        kept = _read(path, (len(data.X), *parts.trunk.output_shape[1:]), dtype)
        if kept is not None:
            logger.info("Features come from %s", path)
            return kept
    n_done = 0

    def batch(images, scale):
        nonlocal n_done
        # NumPy has no bfloat16.
        values = np.asarray(parts.features(images, scale), dtype)
        n_done += len(images)
        progress.phase = f"features of {n_done}/{len(data.X)} images"
        progress.advance(0)
        return values

    features = map_batches(batch, data.X, data.scale, parts.trunk)
    if path is not None:
        _write(path, features)
    return features


def prepare_folder(name: str, folder) -> None:
    """Make a folder, unless it is None, and check that it can be written to.

    Parameters
    ----------
    name : str
        Parameter that gives the folder, for the message.
    folder : str, path-like or None

    Raises
    ------
    OSError
        If it cannot.
    """
    if folder is None:
        return
    if not str(folder):
        raise FileNotFoundError(f"{name}='' names no folder: give its path, or None.")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        check_folder(Path(folder))
    except OSError as error:
        raise type(error)(f"{name}={str(folder)!r} is no folder that can be written to: {error}") from error


def _write(path: Path, features: np.ndarray) -> None:
    try:
        # An archive has a checksum.
        write_whole(path, lambda spare: np.savez(spare, features=features))
    except OSError as error:
        logger.warning("%s could not be written (%s): training continues without keeping features", path, error)


def _read(path: Path, shape, dtype) -> np.ndarray | None:
    if not path.exists():
        return None
    try:
        # NumPy leaves a damaged file open that it opened itself.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            features = file["features"]
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        logger.warning("%s is damaged (%s), and its features are computed again", path, error)
        return None
    return features if features.shape == shape and features.dtype == dtype else None


def _digest(trunk: keras.Model, data: TrainingData) -> str:
    digest = hashlib.sha256()
    facts = [graph_config(trunk), keras.version(), keras.backend.backend(), data.X.shape, data.X.dtype.str, data.scale]
    digest.update(json.dumps(facts, default=str).encode())
    for values in read(trunk.weights):
        digest.update(np.ascontiguousarray(values).data)
    with closing(read_each(data.X, blocks(data.X))) as parts:
        for images in parts:
            digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()
