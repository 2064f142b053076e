"""The custom CNN."""

import keras
from keras import layers

from ._image_input import reduced, scaled_input

SMALLEST_SIDE = 32
# The last convolution covers 32x32 pixels of the (reduced) image.
REDUCED_SIDE = 48


def cifar_cnn(meta, *, filters=(32, 64, 128), momentum=0.8):
    """The custom CNN: 288,162 parameters for two classes on colour images of 32x32 pixels or more.

    Three pairs of 3x3 convolutions without padding. Max pooling and batch normalisation follow the first two pairs.
    The output of the last pair is one value a filter, 128 features, which are batch-normalised and passed to the
    softmax.

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

    Notes
    -----
    The number of features is the same for all image sizes:

    - Images smaller than 32x32 are enlarged.
    - At 32x32, the last pair of convolutions leaves one position, which is flattened.
    - On larger images it leaves several positions, which are averaged (global average pooling).
    - If both sides are 96 pixels or more, the input is first averaged over squares of 2x2, 3x3, ... pixels, so that
      the shorter side has between 48 and 95 pixels. The last convolution then covers a third of it or more.

    Examples
    --------
    >>> from sk_cifar_ovr.networks import cifar_cnn
    >>> cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2}).count_params()
    288162
    >>> cifar_cnn({"image_shape_": (224, 224, 3), "n_classes_": 2}).count_params()
    288162
    """
    inputs, x = scaled_input(meta, SMALLEST_SIDE)
    x = reduced(x, REDUCED_SIDE)
    for stage, width in enumerate(filters, start=1):
        x = layers.Conv2D(width, 3, activation="relu", name=f"conv{stage}a")(x)
        x = layers.Conv2D(width, 3, activation="relu", name=f"conv{stage}b")(x)
        if stage < len(filters):
            x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
            x = layers.BatchNormalization(momentum=momentum, name=f"norm{stage}")(x)
    pooling = layers.Flatten if x.shape[1:3] == (1, 1) else layers.GlobalAveragePooling2D
    x = pooling(name="flatten")(x)
    x = layers.BatchNormalization(momentum=momentum, name="features")(x)
    outputs = layers.Dense(meta["n_classes_"], activation="softmax", name="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar_cnn")
