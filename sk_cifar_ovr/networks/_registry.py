"""The built-in networks by name."""

import inspect
from collections.abc import Callable
from functools import partial

import keras

from .._shared.text import nearest
from ._backbones import BACKBONES
from ._cifar_cnn import cifar_cnn
from ._small_resnet import small_resnet
from ._whitened_cnn import whitened_cnn
from .keras_models import is_keras_model, keras_model

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "cifar_cnn": cifar_cnn,
    "small_resnet": small_resnet,
    "whitened_cnn": whitened_cnn,
    **BACKBONES,
}


def find_builder(model):
    """Builder for the parameter `model` of an estimator.

    Parameters
    ----------
    model : str, callable, keras.Model or path-like
        Name of a built-in network, a builder, or a Keras model or the path of its ``.keras`` file, which is not read
        here.

    Returns
    -------
    callable
        ``(meta, *, ...) -> keras.Model``.

    Raises
    ------
    ValueError
        If no built-in network has this name. The message suggests a similar one.
    TypeError
        If `model` is a class instead of a builder.
    """
    if is_keras_model(model):
        return partial(keras_model, model)
    if isinstance(model, str):
        if model not in BUILDERS:
            raise ValueError(
                f"model={model!r}{nearest(model, BUILDERS)}: use one of {sorted(BUILDERS)}, a builder, a Keras model "
                "or the path of a .keras file. Any other network of keras.applications is model='keras_application' "
                "with its name, such as model__name='ResNet101'."
            )
        return BUILDERS[model]
    if inspect.isclass(model):
        raise TypeError(
            "model must be the name of a built-in network, a Keras model, the path of a .keras file, or a builder, a "
            f"function (meta, *, ...) -> keras.Model; got {model!r}."
        )
    # SciKeras accepts functions and partial objects, but no other callables.
    return model if inspect.isfunction(model) or isinstance(model, partial) else partial(model)


def is_builtin(builder) -> bool:
    """Whether a builder belongs to this package."""
    return builder in BUILDERS.values()
