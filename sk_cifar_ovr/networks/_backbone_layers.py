"""Layers of the backbone builders: pixel preprocessing, and a network of `keras.applications` as one layer."""

import keras
import numpy as np
from keras import layers, ops

from ._keras_applications import backbone_of, make_application, preprocessing_of


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class ExpectedPixels(layers.Layer):
    """Convert pixels 0-255 to the input that a network of `keras.applications` expects.

    Grey images are repeated to three channels.

    Parameters
    ----------
    application : str
        Name of the network in `keras.applications`.
    **options
        Arguments of `keras.layers.Layer`.
    """

    def __init__(self, application, **options):
        super().__init__(**options)
        self.application = application
        self._preprocessing = preprocessing_of(application)

    def call(self, images):
        """Preprocess images.

        Parameters
        ----------
        images : tensor of shape (n, h, w, 1) or (n, h, w, 3)

        Returns
        -------
        tensor of shape (n, h, w, 3)
        """
        expected = self._preprocessing
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        if expected.reverse:
            images = ops.flip(images, axis=-1)
        scale, offset = (ops.cast(np.array(value), images.dtype) for value in (expected.scale, expected.offset))
        return images * scale + offset

    def get_config(self):
        """Constructor arguments, for serialisation."""
        return {**super().get_config(), "application": self.application}


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class Backbone(layers.Layer):
    """A network of `keras.applications` as one layer that maps images to pooled features.

    If the layer is not trainable, it always runs in inference mode: batch normalisation keeps its statistics, and
    dropout is inactive.

    Parameters
    ----------
    application : str
        Name of the network in `keras.applications`.
    sides : tuple of int
        Height and width of the images.
    options : dict or None, default=None
        Further arguments of the function in `keras.applications`.
    last : int or None, default=None
        Number of layers with weights to train, counted from the output. None trains all.
    **layer_options
        Arguments of `keras.layers.Layer`; ``trainable=False`` freezes all layers.
    """

    def __init__(self, application, sides, options=None, last=None, **layer_options):
        super().__init__(**layer_options)
        self.application, self.sides, self.options, self.last = application, tuple(sides), options, last
        self.network = _with_policy(backbone_of(make_application(application, self.sides, options)), self.dtype_policy)
        # Keras passes the flag on to the layers inside only when it is set.
        self.network.trainable = self.trainable
        if last is not None:
            for layer in _leaves(self.network)[:-last]:
                layer.trainable = False

    def build(self, input_shape):
        """Do nothing: the network was built by the constructor."""
        self.built = True

    def call(self, images, training=None):
        """Compute the features.

        Parameters
        ----------
        images : tensor of shape (n, h, w, 3)
            Preprocessed images.
        training : bool or None, default=None

        Returns
        -------
        tensor of shape (n, d)
        """
        return self.network(images, training=bool(training) and self.trainable)

    def compute_output_spec(self, images, training=None):
        """Shape and dtype of the features."""
        (features,) = self.network.outputs
        return keras.KerasTensor((images.shape[0], *features.shape[1:]), self.compute_dtype)

    def get_config(self):
        """Constructor arguments, for serialisation."""
        own = {"application": self.application, "sides": self.sides, "options": self.options, "last": self.last}
        return {**super().get_config(), **own}


def _leaves(model: keras.Model) -> list[layers.Layer]:
    """Layers of a network that have weights, in order."""
    found = []
    for layer in model.layers:
        found += _leaves(layer) if isinstance(layer, keras.Model) else [layer] if layer.weights else []
    return found


def _with_policy(network: keras.Model, policy) -> keras.Model:
    """The network with another dtype policy than it was built with."""
    if policy.variable_dtype != network.dtype_policy.variable_dtype:
        network = keras.Model.from_config(_with_dtype(network.get_config(), policy.variable_dtype))
    for layer in network._flatten_layers():
        if layer.dtype_policy.name != policy.name:
            layer.dtype_policy = policy
    return network


def _with_dtype(config, dtype: str):
    """The config of a network with the dtype of every layer replaced."""
    if isinstance(config, dict):
        return {key: dtype if key == "dtype" else _with_dtype(value, dtype) for key, value in config.items()}
    return [_with_dtype(value, dtype) for value in config] if isinstance(config, (list, tuple)) else config
