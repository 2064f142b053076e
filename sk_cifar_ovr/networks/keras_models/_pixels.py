"""Which pixels a Keras model takes: told by the user, or found in its first layers."""

import keras
import numpy as np
from keras import layers

from ..._shared.text import nearest
from ..._shared.variables import to_numpy
from ...exceptions import NetworkError
from .._backbone_layers import ExpectedPixels
from .._keras_applications import application_names
from .._outputs import unused_name

RAW = "0-255"
_RESCALED = {"0-1": (1 / 255, 0.0), "-1-1": (1 / 127.5, -1.0)}
PIXELS = (RAW, *_RESCALED)
# Side of a test image if the model takes images of any size.
TEST_SIDE = 32
# First layers that map 0-255 to a range as small as this were made for pixels 0-255.
SCALED_RANGE = 8.0
# So were those that subtract means and keep the scale: 0 comes to below this, and the range stays about 255.
CENTRED = -16.0
CENTRED_RANGE = 300.0
_PREPARING = (
    layers.Rescaling,
    layers.Lambda,
    layers.Normalization,
    layers.BatchNormalization,
    layers.Identity,
    layers.Flatten,
    layers.Reshape,
    layers.Permute,
    layers.ZeroPadding2D,
    layers.Resizing,
    layers.CenterCrop,
    ExpectedPixels,
)
_ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "GetItem", "Stack", "Concatenate", "Flip", "Cast")


def check_pixels(pixels) -> None:
    """Check the option `pixels`.

    Raises
    ------
    NetworkError
        If it is none of the known values. The message lists them.
    """
    if pixels is None or pixels in PIXELS or pixels in application_names():
        return
    raise NetworkError(
        f"pixels={pixels!r}{nearest(str(pixels), [*PIXELS, *application_names()])}: use one of {list(PIXELS)}, or the "
        "name of a network of keras.applications whose preprocessing the model expects, such as 'ResNet50'."
    )


def as_expected(images, pixels: str | None, taken: set[str]):
    """Convert images with pixels 0-255 to what a model takes.

    Parameters
    ----------
    images : keras.KerasTensor of shape (n, ...)
    pixels : str or None
        See `check_pixels`.
    taken : set of str
        Names of the layers of the model.

    Returns
    -------
    keras.KerasTensor
    """
    if pixels is None or pixels == RAW:
        return images
    name = unused_name("expected_pixels", taken)
    if pixels in _RESCALED:
        scale, offset = _RESCALED[pixels]
        return layers.Rescaling(scale, offset, name=name)(images)
    return ExpectedPixels(pixels, name=name)(images)


def takes_raw_pixels(model: keras.Model) -> bool:
    """Whether the first layers of a model show that it takes pixels 0-255.

    They do if they scale 0-255 down to a small range, or subtract means of such pixels: `Rescaling`, `Normalization`,
    the preprocessing of `keras.applications`, or batch normalisation of the input.

    Parameters
    ----------
    model : keras.Model
        Functional model with one input.
    """
    shape = [TEST_SIDE if side is None else side for side in model.inputs[0].shape[1:]]
    black_and_white = np.stack([np.full(shape, value, "float32") for value in (0, 255)])
    seen = _prepared(model, black_and_white)
    is_centred = seen.min() < CENTRED and np.ptp(seen) <= CENTRED_RANGE
    return bool(np.ptp(seen) <= SCALED_RANGE or is_centred)


def _prepared(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Images behind the first layers, as far as these only prepare them."""
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0])
    seen = {id(model.inputs[0])}
    last, inner = model.inputs[0], None
    for nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes[1]:
            inputs = node.input_tensors
            if not inputs or not all(id(tensor) in seen for tensor in inputs):
                continue
            if not _only_prepares(node.operation):
                if isinstance(node.operation, keras.Model) and getattr(node.operation, "inputs", None):
                    inner = node.operation if inputs[0] is last else None
                continue
            (last,) = node.outputs[-1:]
            seen.update(id(tensor) for tensor in node.outputs)
    part = keras.Model(model.inputs[0], last)
    outputs = to_numpy(part(images, training=False)).astype("float32")
    return outputs if inner is None else _prepared(inner, outputs)


def _only_prepares(operation) -> bool:
    if isinstance(operation, keras.Model):
        # Such as a block of augmentation.
        parts = getattr(operation, "operations", operation.layers) if getattr(operation, "inputs", None) else [None]
        return all(isinstance(part, layers.InputLayer) or _only_prepares(part) for part in parts)
    random = isinstance(operation, keras.Layer) and type(operation).__name__.startswith("Random")
    return random or isinstance(operation, _PREPARING) or type(operation).__name__ in _ARITHMETIC
