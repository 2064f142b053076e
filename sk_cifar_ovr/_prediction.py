"""Outputs of a network for any number of rows, in batches of bounded memory."""

from collections.abc import Callable

import keras
import numpy as np

from ._programs import NetworkSpec, State, borrow

PREDICTION_BATCH = 1024


def for_device(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """uint8 stays uint8; any other numeric type goes to the device in the network's own."""
    return x if x.dtype == np.uint8 else np.asarray(x, dtype)


def predict(spec: NetworkSpec, state: State, X: np.ndarray, scale: float, *, mirror: bool = False) -> np.ndarray:
    """Output of a network, in large batches.

    Parameters
    ----------
    spec : NetworkSpec
    state : list of ndarray
        Values of its variables.
    X : ndarray, shape (n, ...)
    scale : float
        What pixels are multiplied with.
    mirror : bool, default=False
        Average with the output for the mirrored images.

    Returns
    -------
    ndarray of shape (n, n_classes), or (n, K, n_classes) of a network with heads
    """
    with borrow(spec) as network:
        network.set_state(state)
        outputs = map_batches(network.predict_batch, X, scale, network.model)
        if mirror:
            outputs = (outputs + map_batches(network.predict_batch, X[:, :, ::-1], scale, network.model)) / 2
        return outputs


def map_batches(function: Callable, X: np.ndarray, scale: float, model: keras.Model) -> np.ndarray:
    """Apply a compiled ``function(batch, scale)`` to all rows in batches of bounded memory."""
    dtype = np.dtype("float64" if model.inputs[0].dtype == "float64" else "float32")
    factor = np.asarray(scale, dtype)
    parts = [
        function(for_device(X[start : start + PREDICTION_BATCH], dtype), factor)
        for start in range(0, len(X), PREDICTION_BATCH)
    ]
    return np.concatenate(parts)
