"""Outputs of a network for any number of rows, in batches of bounded memory."""

import math
from collections.abc import Callable

import keras
import numpy as np

from .._shared.variables import State
from .compiled import NetworkSpec, borrow, handed_dtype

PREDICTION_BATCH = 1024
# Numbers that one layer may give for a batch: 256 MB in float32.
MOST_VALUES = 2**26


def for_device(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """uint8 stays uint8; any other numeric type goes to the device in the network's own."""
    return x if x.dtype == np.uint8 else np.asarray(x, dtype)


def predict(
    spec: NetworkSpec, state: State, X: np.ndarray, scale: float, *, mirror: bool = False, shift: int = 0
) -> np.ndarray:
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
    shift : int, default=0
        Average with the output for images moved by so many pixels along both axes, to either side; they count
        half as much as the images themselves.

    Returns
    -------
    ndarray of shape (n, n_classes), or (n, K, n_classes) of a network with heads
    """
    with borrow(spec) as network:
        network.set_state(state)

        def averaged(batch, factor):
            outputs = [share * network.predict_batch(view, factor) for view, share in views(batch, mirror, shift)]
            return sum(outputs[1:], start=outputs[0])

        return map_batches(averaged, X, scale, network.model)


def views(batch: np.ndarray, mirror: bool, shift: int) -> list[tuple[np.ndarray, float]]:
    """A batch as it is, moved and mirrored, each with its share in the average."""
    found = [(batch, 1.0)]
    if shift:
        _, height, width, _ = batch.shape
        wide = np.pad(batch, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="reflect")
        moved = [wide[:, at : at + height, at : at + width] for at in (0, 2 * shift)]
        found = [(batch, 0.5), *((view, 0.25) for view in moved)]
    if mirror:
        found = [(side, share / 2) for view, share in found for side in (view, view[:, :, ::-1])]
    return found


def features(spec: NetworkSpec, state: State, X: np.ndarray, scale: float, layer: str | None) -> np.ndarray:
    """What one layer of a network gives, in large batches.

    Parameters
    ----------
    spec : NetworkSpec
    state : list of ndarray
        Values of its variables.
    X : ndarray, shape (n, ...)
    scale : float
        What pixels are multiplied with.
    layer : str or None
        Name of the layer; None is the one in front of the last layer with weights.

    Returns
    -------
    ndarray of shape (n, d)
    """
    with borrow(spec) as network:
        network.set_state(state)
        return map_batches(network.features(layer).batch, X, scale, network.model)


def prediction_batch(model: keras.Model) -> int:
    """Rows that a network takes at once: fewer where its layers give much for each."""
    largest = 1
    for layer in model._flatten_layers():
        shape = getattr(getattr(layer, "output", None), "shape", (1,))[1:] if layer._inbound_nodes else ()
        if None not in shape:
            largest = max(largest, math.prod(shape))
    return min(PREDICTION_BATCH, 1 << (max(MOST_VALUES // largest, 1).bit_length() - 1))


def map_batches(function: Callable, X: np.ndarray, scale: float, model: keras.Model) -> np.ndarray:
    """Apply a compiled ``function(batch, scale)`` to all rows in batches of bounded memory."""
    dtype = handed_dtype(model)
    factor, size = np.asarray(scale, dtype), prediction_batch(model)
    first = function(for_device(X[:size], dtype), factor)
    if len(X) <= size:
        # JAX hands out arrays that cannot be written to.
        return first if first.flags.writeable else first.copy()
    # Filled in place: a list of parts would need twice the memory in the end.
    outputs = np.empty((len(X), *first.shape[1:]), first.dtype)
    outputs[:size] = first
    for start in range(size, len(X), size):
        rows = slice(start, start + size)
        outputs[rows] = function(for_device(X[rows], dtype), factor)
    return outputs
