"""The way of pixels into a network: shapes of rows, scaling, enlarging."""

import math

import keras
from keras import layers

from ..exceptions import ImageShapeError


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


def pixel_input(meta):
    """Input of a network on images, flat rows read as images.

    Parameters
    ----------
    meta : dict
        SciKeras' meta.

    Returns
    -------
    inputs, images : keras.KerasTensor
        The network's input and the images, float, pixels 0-255, shape (n, h, w, c).
    """
    shape = image_shape(meta)
    inputs = x = keras.Input(shape, name="pixels")
    if len(shape) == 1:
        shape = square_image_shape(shape[0])
        x = layers.Reshape(shape, name="image")(x)
    if len(shape) == 2:
        shape = (*shape, 1)
        x = layers.Reshape(shape, name="image")(x)
    return inputs, x


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
    inputs, x = pixel_input(meta)
    shape = tuple(x.shape[1:])
    x = layers.Rescaling(1 / 255, name="rescale")(x)
    height, width = (max(side, smallest_side) for side in shape[:2])
    if (height, width) != shape[:2]:
        x = layers.Resizing(height, width, name="enlarge")(x)
    return inputs, x
