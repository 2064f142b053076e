"""Networks that are in inference mode unless they are called with ``training=True``."""

import inspect
from itertools import chain

import keras


def infer_by_default(model: keras.Model) -> None:
    """Put a functional model into inference mode when it is called without ``training``.

    Image preprocessing layers of Keras 3, `keras.layers.Resizing` and `keras.layers.RandomFlip` among them, have
    ``training=True`` as default of their ``call``. In a functional model that is called without ``training`` they set
    training mode for all layers that run after them: batch normalisation uses the statistics of the batch and updates
    its moving averages, and dropout is active. This holds for ``model(x)`` and for ``model.export`` to a SavedModel.

    Calls of such layers, and of layers and models that contain one, are changed in place to ``training=False``.
    ``model(x, training=True)`` and ``fit`` still train. Saved and cloned models keep the change, except at custom
    layers that contain such a layer and take no ``training`` argument.

    Parameters
    ----------
    model : keras.Model
        A functional model.

    Examples
    --------
    >>> import keras, numpy as np
    >>> inputs = keras.Input((8, 8, 1))
    >>> x = keras.layers.Dropout(0.5)(keras.layers.Resizing(4, 4)(inputs))
    >>> model = keras.Model(inputs, x)
    >>> infer_by_default(model)
    >>> float(keras.ops.max(model(np.ones((1, 8, 8, 1), "float32"))))
    1.0
    """
    for node in chain(*model._nodes_by_depth.values()):
        layer = node.operation
        if isinstance(layer, keras.layers.Layer) and any(map(_trains_by_default, layer._flatten_layers())):
            arguments = node.arguments
            node.arguments = type(arguments)(*arguments.args, **{**arguments.kwargs, "training": False})


def _trains_by_default(layer: keras.layers.Layer) -> bool:
    training = inspect.signature(layer.call).parameters.get("training")
    return training is not None and training.default is True
