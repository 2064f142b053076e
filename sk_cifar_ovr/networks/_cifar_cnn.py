"""The custom CNN."""

import keras
from keras import layers

from ._image_input import image_input

SMALLEST_SIDE = 32


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
