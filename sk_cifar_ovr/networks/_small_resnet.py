"""A residual network about the size of the custom CNN."""

import keras
from keras import layers

from ._image_input import scaled_input

SMALLEST_SIDE = 32


def small_resnet(meta, *, widths=(24, 64, 128), momentum=0.9):
    """A small residual network: 295,466 parameters for two classes on 32x32x3 images.

    A 3x3 convolution and three residual blocks, each of two 3x3 convolutions, with batch normalisation after each
    convolution and max pooling before the second and third block. Global average pooling and the softmax follow.
    Convolutions are padded. Images smaller than 32x32 are enlarged.

    Parameters
    ----------
    meta : dict
        SciKeras' meta: ``n_classes_``, and ``image_shape_`` (this package's) or ``X_shape_``.
    widths : tuple of int, default=(24, 64, 128)
        Number of filters of each block. Each block after the first halves height and width.
    momentum : float, default=0.9
        Momentum of the batch normalisation layers.

    Returns
    -------
    keras.Model
        Uncompiled; input (n, h, w, c), pixels 0-255; output (n, n_classes).

    See Also
    --------
    cifar_cnn : A plain network with about as many parameters.
    whitened_cnn : A larger network that learns in few epochs.

    References
    ----------
    He, Zhang, Ren and Sun (2016), "Deep Residual Learning for Image Recognition".

    Examples
    --------
    >>> from sk_cifar_ovr.networks import small_resnet
    >>> small_resnet({"image_shape_": (32, 32, 3), "n_classes_": 2}).count_params()
    295466
    """
    inputs, x = scaled_input(meta, SMALLEST_SIDE)

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
