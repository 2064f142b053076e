"""The custom CNN."""

import keras
from keras import layers

from ._image_input import scaled_input

SMALLEST_SIDE = 32


def cifar_cnn(meta, *, filters=(32, 64, 128), momentum=0.8):
    """The custom CNN: 288,162 parameters for two classes on 32x32x3 images.

    Three pairs of 3x3 convolutions without padding. Max pooling and batch normalisation follow the first two pairs.
    The output of the last pair is flattened, batch-normalised and passed to the softmax. Images smaller than 32x32
    are enlarged.

    Parameters
    ----------
    meta : dict
        SciKeras' meta: ``n_classes_``, and ``image_shape_`` (this package's) or ``X_shape_``.
    filters : tuple of int, default=(32, 64, 128)
        Filters of the convolutions of each pair.
    momentum : float, default=0.8
        Momentum of the batch normalisation layers. With Keras' default of 0.99, the statistics used for
        prediction lag far behind the weights in short fits.

    Returns
    -------
    keras.Model
        Uncompiled; input (n, h, w, c), pixels 0-255; output (n, n_classes).

    See Also
    --------
    small_resnet : A residual network with about as many parameters.
    whitened_cnn : A larger network that learns in few epochs.

    Examples
    --------
    >>> from sk_cifar_ovr.networks import cifar_cnn
    >>> cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2}).count_params()
    288162
    """
    inputs, x = scaled_input(meta, SMALLEST_SIDE)
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
