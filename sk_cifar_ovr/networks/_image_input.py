"""The input side of a network: image shapes, pixel scaling and resizing."""

import math

import keras
from keras import layers

from ..exceptions import ImageShapeError


def image_shape(meta) -> tuple[int, ...]:
    """Shape of one sample of X: ``(h, w, c)`` or ``(h, w)`` for an image, ``(d,)`` for a flat array.

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
    """Shape of the square image with three channels or one that has this many values.

    Parameters
    ----------
    n_features : int
        Number of values of a flattened image.

    Returns
    -------
    tuple of int
        ``(side, side, channels)``.

    Raises
    ------
    ImageShapeError
        If the number is neither a square nor three times a square.

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
    """Input of a network on images; flat samples are reshaped to square images.

    Parameters
    ----------
    meta : dict
        SciKeras' meta.

    Returns
    -------
    inputs, images : keras.KerasTensor
        Input of the network, and the images: float, pixels 0-255, shape (n, h, w, c).
    """
    shape = image_shape(meta)
    inputs = keras.Input(shape, name="pixels")
    if len(shape) > 2:
        return inputs, inputs
    image = square_image_shape(*shape) if len(shape) == 1 else (*shape, 1)
    return inputs, layers.Reshape(image, name="image")(inputs)


def scaled_input(meta, smallest_side: int):
    """Input of a network on images, with pixels scaled to 0-1 and small images enlarged.

    Parameters
    ----------
    meta : dict
        SciKeras' meta.
    smallest_side : int
        Shorter sides are enlarged to this length.

    Returns
    -------
    inputs, images : keras.KerasTensor
        Input of the network, and the images: float, pixels 0-1, shape (n, h, w, c).
    """
    inputs, images = pixel_input(meta)
    return inputs, enlarged(layers.Rescaling(1 / 255, name="rescale")(images), smallest_side)


def enlarged(images, smallest_side: int):
    """Images whose height and width are at least `smallest_side`.

    Parameters
    ----------
    images : keras.KerasTensor of shape (n, h, w, c)
    smallest_side : int
        In pixels.

    Returns
    -------
    keras.KerasTensor
        `images` itself if both sides are long enough.
    """
    return resized(images, tuple(max(side, smallest_side) for side in images.shape[1:3]), "enlarge")


def reduced(images, smallest_side: int):
    """Large images, averaged over squares of 2x2, 3x3, ... pixels.

    Parameters
    ----------
    images : keras.KerasTensor of shape (n, h, w, c)
    smallest_side : int
        The squares are as large as possible, but the shorter side does not get shorter than this.

    Returns
    -------
    keras.KerasTensor
        `images` itself if the shorter side is less than twice `smallest_side`.
    """
    factor = min(images.shape[1:3]) // smallest_side
    return images if factor < 2 else layers.AveragePooling2D(factor, name="reduce")(images)


def resized(images, sides: tuple[int, int], name: str):
    """Resize images by bilinear interpolation.

    Parameters
    ----------
    images : keras.KerasTensor of shape (n, h, w, c)
    sides : tuple of int
        Height and width of the result.
    name : str
        Name of the layer.

    Returns
    -------
    keras.KerasTensor
        `images` itself if they have that size.
    """
    if images.shape[1:3] == sides:
        return images
    # By default `Resizing` is in training mode, and Keras puts all later layers into the mode of an earlier one.
    return layers.Resizing(*sides, name=name)(images, training=False)
