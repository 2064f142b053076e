"""Parts of a Keras model: the model up to a given layer, and batch normalisation."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras import layers, ops

from ...exceptions import NetworkError
from ...networks import cut


def feature_model(model: keras.Model, layer: str | None) -> keras.Model:
    """Model that computes the output of one layer of a network.

    Parameters
    ----------
    model : keras.Model
        Functional model.
    layer : str or None
        Name of the layer. None selects the layer before the last one with weights.

    Returns
    -------
    keras.Model
        Shares the variables of `model` and has the name of the layer. Its output is flattened to shape (n, d), in
        float32 or float64.

    Raises
    ------
    NetworkError
        If there is no such layer, or its output is not one tensor of fixed size. The message lists the layers.
    """
    known = f"The layers of {model.name!r} are {[each.name for each in model.layers]}."
    if layer is None:
        try:
            tensor, _ = cut(model)
        except NetworkError as error:
            raise NetworkError(f"{model.name!r} has no default features, so name a layer. {known}") from error
    elif layer not in {each.name for each in model.layers}:
        raise NetworkError(f"{model.name!r} has no layer {layer!r}. {known}")
    else:
        try:
            tensor = model.get_layer(layer).output
        except (AttributeError, ValueError) as error:
            raise NetworkError(f"Layer {layer!r} of {model.name!r} is used more than once. {known}") from error
    if not isinstance(tensor, keras.KerasTensor) or None in tensor.shape[1:]:
        raise NetworkError(f"The output of layer {layer!r} of {model.name!r} is not one tensor of fixed size. {known}")
    # Flatten also casts bfloat16, which NumPy does not have, to float32.
    policy = "float64" if tensor.dtype == "float64" else "float32"
    features = layers.Flatten(data_format="channels_last", dtype=policy, name="feature_rows")(tensor)
    return keras.Model(model.inputs[0], features, name=tensor._keras_history.operation.name)


def in_trunk(model: keras.Model, layer: str | None) -> bool:
    """Whether a layer belongs to the trunk, which the heads share; None stands for the last layer of the trunk."""
    return layer not in {each.name for each in cut(model)[1]}


def normalizing_layers(model: keras.Model) -> list[layers.BatchNormalization]:
    """Batch-normalisation layers whose statistics change in training; frozen ones keep theirs.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    list of keras.layers.BatchNormalization
    """
    found = [layer for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization)]
    return [layer for layer in found if layer.trainable]


def statistics_of(normalizing: list[layers.BatchNormalization]) -> list[keras.Variable]:
    """The variables with which batch normalisation predicts."""
    names = ("moving_mean", "moving_variance", "moving_stddev")
    return [getattr(layer, name) for layer in normalizing for name in names if hasattr(layer, name)]


@contextmanager
def momentum_of(normalizing: list[layers.BatchNormalization], momentum) -> Iterator[None]:
    """Trace or run calls of the layers with another momentum.

    With momentum i / (i + 1) in call i = 0, 1, ..., the moving statistics are the mean of those of all batches.

    Parameters
    ----------
    normalizing : list of keras.layers.BatchNormalization
    momentum : tensor of shape ()
    """
    own = [layer.momentum for layer in normalizing]
    try:
        for layer in normalizing:
            # The layer computes in float32 at least.
            layer.momentum = ops.cast(momentum, "float64" if layer.compute_dtype == "float64" else "float32")
        yield
    finally:
        for layer, value in zip(normalizing, own, strict=True):
            layer.momentum = value
