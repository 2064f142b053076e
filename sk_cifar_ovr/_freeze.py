"""Settings as hashable keys."""

import sys
from collections.abc import Hashable, Iterator
from functools import partial
from inspect import isfunction, ismethod
from types import FunctionType
from typing import Any

import keras
import numpy as np


def freeze(value: Any) -> Hashable:
    """Turn a setting into a hashable key, equal only for equal settings.

    Parameters
    ----------
    value : object
        Plain values, containers, arrays, `functools.partial`, bound methods, objects with Keras' ``get_config``,
        functions of a script or notebook, which are equal where their code and what it refers to are, or another
        object, which is equal only to itself.

    Returns
    -------
    hashable

    Examples
    --------
    >>> freeze({"b": [1, 2], "a": None}) == freeze({"a": None, "b": [1, 2]})
    True
    >>> freeze(1) == freeze(1.0)
    False
    """
    if _is_plain(value):
        return (type(value).__name__, value)
    if isinstance(value, np.generic):
        return (value.dtype.str, value.item())
    if isinstance(value, np.ndarray) and value.dtype != object:
        return ("ndarray", value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict):
        return ("dict", tuple(sorted((repr(k), freeze(v)) for k, v in value.items())))
    if isinstance(value, (list, tuple, np.ndarray)):
        return (type(value).__name__, tuple(freeze(item) for item in value))
    if isinstance(value, partial):
        return ("partial", freeze(value.func), freeze(value.args), freeze(value.keywords))
    if isfunction(value) and not _is_importable(value):
        return _function_key(value)
    if ismethod(value):
        return ("method", freeze(value.__func__), freeze(value.__self__))
    config = None if isinstance(value, type) else _config(value)
    return _Identity(value) if config is None else ("config", type(value), freeze(config))


def _config(value) -> dict[str, Any] | None:
    """What makes a Keras object: its config, and its attributes where the config cannot know them all."""
    if not hasattr(value, "get_config"):
        return None
    try:
        config = value.get_config()
    except NotImplementedError:
        if isinstance(value, keras.Operation):
            return None
        config = {}
    # Keras' operations, layers among them, remember by themselves what they were made with.
    if not isinstance(value, keras.Operation) and _owner(value, "get_config") in _owner(value, "__init__").__mro__[1:]:
        config = {**vars(value), **config}
    if isinstance(value, keras.losses.Loss):
        # Keras numbers losses that were given no name.
        config = {key: each for key, each in config.items() if key != "name"}
    return config


def _owner(value, name: str) -> type:
    """The class that defines a method of an object."""
    return next(cls for cls in type(value).__mro__ if name in vars(cls))


def _is_plain(value) -> bool:
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


def _is_importable(function: FunctionType) -> bool:
    """Whether other processes find this very function in a module, rather than get a copy of it."""
    found: Any = sys.modules.get(function.__module__) if function.__module__ != "__main__" else None
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function


def _function_key(first: FunctionType) -> Hashable:
    """Code of a function and of those it calls, with what they refer to: each task of a worker gets copies of them."""
    functions, parts = [first], []
    for function in functions:
        names: list[Hashable] = []
        for name, value in _referred_to(function):
            if isfunction(value) and not _is_importable(value):
                if value not in functions:
                    functions.append(value)
                names.append((name, functions.index(value)))
            else:
                # Containers may hold the function itself, so they are not looked into.
                names.append((name, freeze(value) if _is_plain(value) else _Identity(value)))
        parts.append((function.__code__, freeze(function.__defaults__), freeze(function.__kwdefaults__), tuple(names)))
    return ("function", tuple(parts))


def _referred_to(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Global and enclosing variables that a function names."""
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            # Not yet bound.
            continue


class _Identity:
    """Equal only to the same object, which it keeps alive so that its id is not used again."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return id(self.value)

    def __eq__(self, other):
        return isinstance(other, _Identity) and other.value is self.value

    def __lt__(self, other):
        return id(self.value) < id(getattr(other, "value", other))
