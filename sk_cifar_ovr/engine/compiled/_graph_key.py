"""Keys that tell whether two networks, optimizers or losses can share a compiled graph.

Equal keys mean equal Keras configurations. Whatever a configuration does not determine gets a key of its own, and so
shares with nothing: `Lambda`, functions and classes of the user's inside a network, methods that were replaced. A layer
class of the user's shares only if it is registered with `keras.saving.register_keras_serializable`, which promises that
its configuration says all.
"""

import hashlib
import json
import uuid
import weakref
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import keras
import numpy as np

from ._graph_config import given_names, graph_config

_PACKAGE = __name__.partition(".")[0]
# Python functions or foreign models inside a layer, which its configuration describes by name at most.
_OPAQUE_LAYERS = ("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")
_BY_ARGUMENTS = "arguments"
_OWN = "own"
_class_tokens: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


# What Keras raises for objects that it cannot describe.
_NO_CONFIG = (NotImplementedError, TypeError, ValueError)


class _Undetermined(Exception):
    """A configuration that does not determine what is computed."""


def model_key(model: keras.Model) -> str:
    """Key of the graph of a model.

    Names that Keras counted up in this process do not matter; names given by the builder do: `CNNFeatures` uses them.

    Parameters
    ----------
    model : keras.Model
        A functional model.

    Returns
    -------
    str
        Keras' version and settings, the digest of the configuration, that of the names that the builder gave and, of
        layers that are neither Keras' nor this package's, tokens of their classes, which are valid in this process.
    """
    try:
        layers = [*_layers(model)]
        if len({id(layer) for layer in layers}) < len(layers):
            # A layer that is also inside another: configurations do not say that both are one.
            raise _Undetermined
        for layer in layers:
            _check_determined(layer)
        tokens = sorted({_class_token(type(layer)) for layer in layers if not _is_known(type(layer))})
        settings = "/".join((keras.version(), keras.config.floatx(), keras.config.dtype_policy().name))
        structure = _digest([graph_config(model), _variable_settings(model)])
        return ":".join((settings, structure, _digest(given_names(model)), *tokens))
    except (_Undetermined, *_NO_CONFIG):
        return own_key()


def arguments_key(*arguments: Any) -> str | None:
    """Key of the graph of a builder that depends on nothing but its arguments, known before it is called.

    Parameters
    ----------
    *arguments : plain values and containers of them
        Name of the builder, its options, the shape of an image, the number of classes.

    Returns
    -------
    str or None
        None if an argument is no plain value.
    """
    try:
        return f"{_BY_ARGUMENTS}:{_digest(arguments)}"
    except _Undetermined:
        return None


def settings_key(thing: Any, settings: dict[str, Any] | None = None) -> str:
    """Key of an optimizer, a loss, a layer or a learning-rate schedule.

    Parameters
    ----------
    thing : object with ``get_config``
    settings : dict or None, default=None
        What counts of its configuration; None is all but the name.

    Returns
    -------
    str
    """
    try:
        if isinstance(thing, keras.Operation):
            _check_determined(thing)
        elif not (_is_known(type(thing)) or isinstance(thing, keras.optimizers.Optimizer)):
            # Its attributes are what `__init__` made of its arguments, whatever `get_config` leaves out.
            settings = vars(thing)
        elif not (_is_known(type(thing)) or _config_is_complete(type(thing))):
            raise _Undetermined
        if settings is None:
            settings = _config(thing)
        settings = {name: value for name, value in settings.items() if name != "name"}
        return ":".join((_class_token(type(thing)), _digest(settings)))
    except _Undetermined:
        return own_key()


def same_graph(one: str | None, other: str | None) -> bool:
    """True if two keys are equal or cannot be compared, False if they belong to different graphs.

    Names given by a builder do not matter here: some count. Keys of other versions or settings of Keras, and of models
    that no configuration determines, cannot be compared.
    """
    (kind, digest), (other_kind, other_digest) = ([*(key or "").split(":"), ""][:2] for key in (one, other))
    if kind == other_kind:
        return digest == other_digest
    return _BY_ARGUMENTS not in (kind, other_kind)


def is_shared_key(key: str) -> bool:
    """Whether other networks may have this key."""
    return not key.startswith(_OWN)


def is_key_of_arguments(key: str | None) -> bool:
    """Whether a key comes from `arguments_key`."""
    return (key or "").startswith(f"{_BY_ARGUMENTS}:")


def _layers(model: keras.Model) -> Iterator[Any]:
    """A model with its layers, other operations, and all that is inside these."""
    yield model
    for operation in getattr(model, "operations", model.layers):
        if isinstance(operation, keras.Model):
            yield from _layers(operation)
        elif isinstance(operation, keras.Layer):
            yield from operation._flatten_layers()
        else:
            yield operation


def _variable_settings(model: keras.Model) -> list:
    """Settings of single variables, which configurations of layers do not say."""
    return [
        (variable.trainable, *(_part_key(getattr(variable, name, None)) for name in ("regularizer", "constraint")))
        for variable in model.variables
    ]


def _part_key(part) -> str | None:
    if part is None or _is_known(type(part)):
        return None if part is None else settings_key(part)
    raise _Undetermined


def _check_determined(thing: Any) -> None:
    """Raise if the configuration of a layer or operation cannot determine what it computes."""
    cls = type(thing)
    # What a layer learnt by `adapt` becomes constants of the graph.
    if cls.__name__ in _OPAQUE_LAYERS or not hasattr(thing, "get_config") or hasattr(thing, "adapt"):
        raise _Undetermined
    if not _is_known(cls) and not (_is_registered(cls) and _config_is_complete(cls)):
        raise _Undetermined
    for name, value in vars(thing).items():
        if name not in _WRAPPED_METHODS and callable(value) and not isinstance(value, keras.Operation):
            owner = value if isinstance(value, (FunctionType, type)) else type(value)
            if not _is_known(owner):
                raise _Undetermined


# Keras keeps its wrappers of these in each layer.
_WRAPPED_METHODS = ("build", "quantize")


def _is_registered(cls: type) -> bool:
    """Whether a class is registered for serialization."""
    name = keras.saving.get_registered_name(cls)
    return name != cls.__name__ and keras.saving.get_registered_object(name) is cls


def _config_is_complete(cls: type) -> bool:
    """Whether `get_config` of a class knows the arguments of its `__init__`, or Keras recorded them."""
    owner = {name: next(base for base in cls.__mro__ if name in vars(base)) for name in ("__init__", "get_config")}
    if issubclass(cls, keras.Operation) and owner["get_config"] in (keras.Layer, keras.Operation):
        return True
    # An `__init__` further down the line of classes may take more than an inherited `get_config` knows.
    return owner["get_config"] not in owner["__init__"].__mro__[1:]


def _is_known(thing: Any) -> bool:
    """Whether a class or function is Keras' or this package's, so that its name says what it does."""
    return (thing.__module__ or "").partition(".")[0] in ("keras", _PACKAGE)


def _config(thing: Any) -> dict[str, Any]:
    try:
        return thing.get_config()
    except _NO_CONFIG as error:
        raise _Undetermined from error


def _class_token(cls: type) -> str:
    """Name of a known class, or a token for a class of the user's, which may be defined again under one name."""
    if _is_known(cls):
        return f"{cls.__module__}.{cls.__qualname__}"
    return _class_tokens.setdefault(cls, own_key())


def _digest(config: Any) -> str:
    def plain(value):
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray) and value.dtype != object:
            return [value.dtype.str, value.tolist()]
        if isinstance(value, keras.DTypePolicy):
            return value.name
        if isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
            return settings_key(value)
        raise _Undetermined

    try:
        text = json.dumps(config, sort_keys=True, default=plain)
    except (TypeError, ValueError) as error:
        raise _Undetermined from error
    if any(mark in text for mark in ('"__lambda__"', '"class_name": "function"')):
        raise _Undetermined
    return hashlib.sha256(text.encode()).hexdigest()


def own_key() -> str:
    """A key that nothing else has."""
    return f"{_OWN}-{uuid.uuid4().hex}"
