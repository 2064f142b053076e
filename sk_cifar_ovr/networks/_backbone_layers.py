"""Two layers: pixels as a pretrained network expects them, and the network itself as one layer."""

import keras
import numpy as np
from keras import layers, ops

from ._keras_applications import backbone_of, make_application, pixels_of


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class ExpectedPixels(layers.Layer):
    """Pixels from 0 to 255 as a network of `keras.applications` expects them; grey ones become three channels.

    Parameters
    ----------
    application : str
        Name of the network.
    **settings
        Those of `keras.layers.Layer`.
    """

    def __init__(self, application, **settings):
        super().__init__(**settings)
        self.application = application
        self._expected = pixels_of(application)

    def call(self, images):
        """Images of shape (n, h, w, 1 or 3) -> (n, h, w, 3)."""
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        if self._expected.reverse:
            images = ops.flip(images, axis=-1)
        scale, offset = (ops.cast(np.array(v), images.dtype) for v in (self._expected.scale, self._expected.offset))
        return images * scale + offset

    def get_config(self):
        """Settings of this layer."""
        return {**super().get_config(), "application": self.application}


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class Backbone(layers.Layer):
    """A network of `keras.applications` as one layer: images in, pooled features out.

    While it is not trainable it works as in prediction: batch normalisation keeps its statistics and nothing is
    dropped at random.

    Parameters
    ----------
    application : str
        Name of the network.
    sides : tuple of int
        Height and width of the images.
    options : dict or None, default=None
        Further arguments of the function in `keras.applications`.
    last : int or None, default=None
        How many layers that have weights are trained, counted from the end; None is all.
    **settings
        Those of `keras.layers.Layer`; ``trainable=False`` freezes all.
    """

    def __init__(self, application, sides, options=None, last=None, **settings):
        super().__init__(**settings)
        self.application, self.sides, self.options, self.last = application, tuple(sides), options, last
        self.network = _with_policy(backbone_of(make_application(application, self.sides, options)), self.dtype_policy)
        # A layer's own flag does not reach the layers inside that come later.
        self.network.trainable = self.trainable
        if last is not None:
            for layer in _leaves(self.network)[:-last]:
                layer.trainable = False

    def build(self, input_shape):
        """The network is built already."""
        self.built = True

    def call(self, images, training=None):
        """Images as the network expects them, (n, h, w, 3), to features, (n, d)."""
        return self.network(images, training=bool(training) and self.trainable)

    def compute_output_spec(self, images, training=None):
        """Shape and dtype of the features."""
        (features,) = self.network.outputs
        return keras.KerasTensor((images.shape[0], *features.shape[1:]), self.compute_dtype)

    def get_config(self):
        """Settings of this layer."""
        own = {"application": self.application, "sides": self.sides, "options": self.options, "last": self.last}
        return {**super().get_config(), **own}


def _leaves(model: keras.Model) -> list[layers.Layer]:
    """The layers of a network that have weights, in order."""
    found = []
    for layer in model.layers:
        found += _leaves(layer) if isinstance(layer, keras.Model) else [layer] if layer.weights else []
    return found


def _with_policy(network: keras.Model, policy) -> keras.Model:
    """The network computing under another dtype policy than it was built with."""
    if policy.variable_dtype != network.dtype_policy.variable_dtype:
        network = keras.Model.from_config(_renamed(network.get_config(), policy.variable_dtype))
    for layer in network._flatten_layers():
        if layer.dtype_policy.name != policy.name:
            layer.dtype_policy = policy
    return network


def _renamed(config, dtype: str):
    """A network's config with every layer's dtype replaced."""
    if isinstance(config, dict):
        return {key: dtype if key == "dtype" else _renamed(value, dtype) for key, value in config.items()}
    return [_renamed(value, dtype) for value in config] if isinstance(config, (list, tuple)) else config
