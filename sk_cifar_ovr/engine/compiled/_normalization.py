"""The batch-normalisation layers of a model, and an exact average in place of their moving one."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras import ops


def normalizing_layers(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Batch-normalisation layers whose statistics change in training; frozen ones keep theirs.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    list of keras.layers.BatchNormalization
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    return [layer for layer in layers if layer.trainable]


def statistics_of(layers: list[keras.layers.BatchNormalization]) -> list[keras.Variable]:
    """The variables with which batch normalisation predicts."""
    names = ("moving_mean", "moving_variance", "moving_stddev")
    return [getattr(layer, name) for layer in layers for name in names if hasattr(layer, name)]


@contextmanager
def momentum_of(layers: list[keras.layers.BatchNormalization], momentum) -> Iterator[None]:
    """Trace or run calls of the layers with another momentum.

    With momentum i / (i + 1) in call i = 0, 1, ..., the moving statistics are the mean of those of all batches.

    Parameters
    ----------
    layers : list of keras.layers.BatchNormalization
    momentum : tensor of shape ()
    """
    own = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            # The layer computes in float32 at least.
            layer.momentum = ops.cast(momentum, "float64" if layer.compute_dtype == "float64" else "float32")
        yield
    finally:
        for layer, value in zip(layers, own, strict=True):
            layer.momentum = value
