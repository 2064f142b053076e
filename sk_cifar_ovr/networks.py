"""Builders: pure functions from SciKeras' ``meta`` to an uncompiled `keras.Model` with softmax output."""

import math

import keras
from keras import layers

from .exceptions import ImageShapeError

SMALLEST_SIDE = 32


def image_shape(meta) -> tuple[int, ...]:
    """Shape of one row of X: ``(h, w, c)`` of an image, ``(d,)`` of a flat row.

    Parameters
    ----------
    meta : dict
        SciKeras' meta, with or without this package's ``image_shape_``.

    Returns
    -------
    tuple of int
    """
    return tuple(meta.get("image_shape_") or meta["X_shape_"][1:])


def square_image_shape(n_features: int) -> tuple[int, int, int]:
    """Read a flat row as a square image with three channels or one.

    Parameters
    ----------
    n_features : int
        Length of a row.

    Returns
    -------
    tuple of int
        ``(side, side, channels)``.

    Raises
    ------
    ImageShapeError
        If the length is no square, and no square times three.

    Examples
    --------
    >>> square_image_shape(3072), square_image_shape(64)
    ((32, 32, 3), (8, 8, 1))
    """
    for channels in (3, 1):
        side = math.isqrt(n_features // channels)
        if side > 0 and side * side * channels == n_features:
            return side, side, channels
    raise ImageShapeError(
        f"Rows of {n_features} values are not square images with 3 channels or 1: "
        "say what they are with image_shape=(height, width, channels)."
    )


def image_input(meta, smallest_side: int):
    """Input of a network on images: reads flat rows, scales pixels to 0-1 and small images up.

    Parameters
    ----------
    meta : dict
        SciKeras' meta.
    smallest_side : int
        Sides shorter than this are scaled up (bilinear); none of the layers holds parameters.

    Returns
    -------
    inputs, images : keras.KerasTensor
        The network's input and the images, float in 0-1, shape (n, h, w, c).
    """
    shape = image_shape(meta)
    inputs = x = keras.Input(shape, name="pixels")
    if len(shape) == 1:
        shape = square_image_shape(shape[0])
        x = layers.Reshape(shape, name="image")(x)
    if len(shape) == 2:
        shape = (*shape, 1)
        x = layers.Reshape(shape, name="image")(x)
    x = layers.Rescaling(1 / 255, name="rescale")(x)
    height, width = (max(side, smallest_side) for side in shape[:2])
    if (height, width) != shape[:2]:
        x = layers.Resizing(height, width, name="enlarge")(x)
    return inputs, x


def cifar_cnn(meta, *, filters=(32, 64, 128), momentum=0.8):
    """The custom CNN: 288,162 parameters for two classes on 32x32x3 images.

    Three pairs of 3x3 convolutions without padding, the first two followed by pooling and batch
    normalisation, then the flattened, batch-normalised features and the softmax.

    Parameters
    ----------
    meta : dict
        SciKeras' meta: ``n_classes_`` and ``X_shape_``, or this package's ``image_shape_``.
    filters : tuple of int, default=(32, 64, 128)
        Filters of the convolutions of each pair.
    momentum : float, default=0.8
        Momentum of the batch normalisations. Keras' own default of 0.99 leaves the statistics used in
        prediction far behind the weights in short fits.

    Returns
    -------
    keras.Model
        Uncompiled; input (n, h, w, c), pixels 0-255; output (n, n_classes).

    Examples
    --------
    >>> from sk_cifar_ovr.networks import cifar_cnn
    >>> cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2}).count_params()
    288162
    """
    inputs, x = image_input(meta, SMALLEST_SIDE)
    for stage, width in enumerate(filters, start=1):
        x = layers.Conv2D(width, 3, activation="relu", name=f"conv{stage}a")(x)
        x = layers.Conv2D(width, 3, activation="relu", name=f"conv{stage}b")(x)
        if stage < len(filters):
            x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
            x = layers.BatchNormalization(momentum=momentum, name=f"norm{stage}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.BatchNormalization(momentum=momentum, name="features")(x)
    outputs = layers.Dense(meta["n_classes_"], activation="softmax", name="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar_cnn")


BUILDERS = {"cifar_cnn": cifar_cnn}
