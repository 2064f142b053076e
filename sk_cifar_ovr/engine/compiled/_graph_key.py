"""Keys that tell whether two networks, optimizers or losses can share a compiled graph.

Equal keys mean equal Keras configurations. Whatever a configuration does not determine gets a key of its own, and so
shares with nothing: `Lambda`, a function of the user's, a class whose `get_config` cannot know all its arguments.
"""

import hashlib
import json
import re
import uuid
import weakref
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import keras
import numpy as np
from keras.src.utils.naming import to_snake_case

_PACKAGE = __name__.partition(".")[0]
# Python functions or foreign models inside a layer, which its configuration describes by name at most.
_OPAQUE_LAYERS = ("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")
_BY_ARGUMENTS = "arguments"
_class_tokens: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


class _Undetermined(Exception):
    """A configuration that does not determine what is computed."""


def model_key(model: keras.Model) -> str:
    """Key of the graph of a model.

    Layer names that Keras counted up in this process are numbered anew; names given by the builder are kept.

    Parameters
    ----------
    model : keras.Model
        A functional model.

    Returns
    -------
    str
        Keras' version, the digest of the configuration and, of layers that are neither Keras' nor this package's,
        tokens of their classes, which are valid in this process.
    """
    try:
        operations = [*_operations(model)]
        tokens = sorted({_class_token(type(each)) for each in operations if not _is_known(type(each))})
        for operation in operations:
            _check_determined(operation)
        return ":".join((keras.version(), _digest(graph_config(model)), *tokens))
    except _Undetermined:
        return _unique()


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
        if settings is None and not isinstance(thing, keras.Operation) and not _config_is_complete(type(thing)):
            # Its attributes are what `__init__` made of its arguments.
            settings = vars(thing)
        else:
            _check_determined(thing)
        if settings is None:
            settings = _config(thing)
        settings = {name: value for name, value in settings.items() if name != "name"}
        return ":".join((_class_token(type(thing)), _digest(settings)))
    except _Undetermined:
        return _unique()


def same_graph(one: str | None, other: str | None) -> bool:
    """True if two keys are equal or cannot be compared, False if they belong to different graphs.

    Keys of different versions of Keras, and those of models that no configuration determines, cannot be compared.
    """
    (kind, digest), (other_kind, other_digest) = ([*(key or "").split(":"), ""][:2] for key in (one, other))
    if kind == other_kind:
        return digest == other_digest
    return _BY_ARGUMENTS not in (kind, other_kind)


def is_key_of_arguments(key: str | None) -> bool:
    """Whether a key comes from `arguments_key`."""
    return (key or "").startswith(f"{_BY_ARGUMENTS}:")


def graph_config(model: keras.Model) -> Any:
    """Configuration of a model, the layer names that Keras counted up in this process numbered from 0."""
    numbers: dict[str, str] = {}
    keras_owns: dict[int, bool] = {}

    def number(name: str, class_name: str) -> None:
        stem = to_snake_case(class_name)
        if re.fullmatch(rf"{re.escape(stem)}(_\d+)?", name):
            numbers.setdefault(name, f"{stem}#{len(numbers)}")

    def find_names(value) -> None:
        if isinstance(value, dict):
            config, class_name = value.get("config"), str(value.get("class_name"))
            if isinstance(config, dict):
                keras_owns[id(config)] = str(value.get("module")).startswith("keras")
            for named in (value, config):
                if isinstance(named, dict) and isinstance(named.get("name"), str):
                    number(named["name"], class_name)
            for inner in value.values():
                find_names(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                find_names(inner)

    def renamed(value, key=None):
        if isinstance(value, dict):
            # The seed of a layer of Keras is the first value of a variable, and no part of the graph.
            seeded = key == "config" and keras_owns.get(id(value), False)
            return {k: renamed(v, k) for k, v in value.items() if not (seeded and k == "seed")}
        if key in _REFERENCES and isinstance(value, (list, tuple)):
            # [name, node, tensor], or a list of them.
            return [numbers.get(v, v) if isinstance(v, str) else renamed(v, key) for v in value]
        if isinstance(value, (list, tuple)):
            return [renamed(v) for v in value]
        return numbers.get(value, value) if key == "name" and isinstance(value, str) else value

    config = {"class_name": type(model).__name__, "config": {**_config(model), "name": ""}}
    find_names(config)
    return renamed(config)


_REFERENCES = ("keras_history", "input_layers", "output_layers")


def _operations(model: keras.Model) -> Iterator[Any]:
    """Layers and other operations of a model and of the layers inside it, models themselves left out."""
    for operation in getattr(model, "operations", model.layers):
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        elif isinstance(operation, keras.Layer):
            yield from operation._flatten_layers()
        else:
            yield operation


def _check_determined(thing: Any) -> None:
    """Raise if the configuration of an object cannot determine what it computes."""
    cls = type(thing)
    if cls.__name__ in _OPAQUE_LAYERS or not hasattr(thing, "get_config"):
        raise _Undetermined
    if not _is_known(cls) and not _config_is_complete(cls):
        raise _Undetermined
    for name, value in vars(thing).items():
        if name in _WRAPPED_METHODS:
            continue
        foreign_part = isinstance(value, _PARTS) and not _is_known(type(value))
        if foreign_part or (isinstance(value, FunctionType) and not _is_known(value)):
            raise _Undetermined


# Keras keeps its wrappers of these in each layer.
_WRAPPED_METHODS = ("build", "quantize")
_PARTS = (keras.initializers.Initializer, keras.regularizers.Regularizer, keras.constraints.Constraint)


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
    except (NotImplementedError, TypeError, ValueError) as error:
        raise _Undetermined from error


def _class_token(cls: type) -> str:
    """Name of a known class, or a token for a class of the user's, which may be defined again under one name."""
    if _is_known(cls):
        return f"{cls.__module__}.{cls.__qualname__}"
    return _class_tokens.setdefault(cls, _unique())


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


def _unique() -> str:
    return f"own-{uuid.uuid4().hex}"
