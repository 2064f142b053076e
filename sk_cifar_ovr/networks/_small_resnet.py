"""A residual network as small as the custom CNN."""

import keras
from keras import layers

from ._image_input import image_input

SMALLEST_SIDE = 32


def small_resnet(meta, *, widths=(24, 64, 128), momentum=0.9):
    """A residual network of few parameters: 295,466 for two classes on 32x32x3 images.

    A 3x3 convolution and three residual blocks of two 3x3 convolutions each, batch-normalised, the last two
    behind pooling, then the mean over the image and the softmax. All convolutions are dense and padded.

    Parameters
    ----------
    meta : dict
        SciKeras' meta: ``n_classes_`` and ``X_shape_``, or this package's ``image_shape_``.
    widths : tuple of int, default=(24, 64, 128)
        Filters of the blocks; each block but the first halves the sides of the image.
    momentum : float, default=0.9
        Momentum of the batch normalisations.

    Returns
    -------
    keras.Model
        Uncompiled; input (n, h, w, c), pixels 0-255; output (n, n_classes).

    References
    ----------
    He, Zhang, Ren and Sun (2016), "Deep Residual Learning for Image Recognition".

    Examples
    --------
    >>> from sk_cifar_ovr.networks import small_resnet
    >>> small_resnet({"image_shape_": (32, 32, 3), "n_classes_": 2}).count_params()
    295466
    """
    inputs, x = image_input(meta, SMALLEST_SIDE)

    def normed(x, width, size, name):
        x = layers.Conv2D(
            width, size, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"conv{name}"
        )(x)
        return layers.BatchNormalization(momentum=momentum, name=f"norm{name}")(x)

    x = layers.ReLU(name="relu0")(normed(x, widths[0], 3, "0"))
    for stage, width in enumerate(widths, start=1):
        if stage > 1:
            x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
        y = layers.ReLU(name=f"relu{stage}a")(normed(x, width, 3, f"{stage}a"))
        y = normed(y, width, 3, f"{stage}b")
        if x.shape[-1] != width:
            x = normed(x, width, 1, f"{stage}c")
        x = layers.ReLU(name=f"relu{stage}b")(layers.Add(name=f"add{stage}")([x, y]))
    x = layers.GlobalAveragePooling2D(name="features")(x)
    outputs = layers.Dense(meta["n_classes_"], activation="softmax", name="softmax")(x)
    return keras.Model(inputs, outputs, name="small_resnet")
