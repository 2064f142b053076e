"""Settings as hashable keys."""

import os
import sys
import sysconfig
from collections.abc import Hashable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache, partial
from inspect import isfunction, ismethod
from pathlib import Path
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any

import keras
import numpy as np

LIBRARIES = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}


def freeze(value: Any) -> Hashable:
    """Turn a setting into a hashable key, equal only for equal settings.

    Parameters
    ----------
    value : object
        Plain values, paths, containers, dataclasses, arrays, `functools.partial`, bound methods, callable objects,
        those of nothing but data and those with Keras' ``get_config``; functions that are no library's, which are
        equal where their code and what it refers to are; or another object, which is equal only to itself.

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
    return _frozen(value, ())


def _frozen(value: Any, within: tuple[int, ...]) -> Hashable:
    """The key of a value inside others, whose ids are given: an object may hold itself."""
    if _is_plain(value):
        return (type(value).__name__, value)
    if isinstance(value, np.generic):
        return (value.dtype.str, value.item())
    if isinstance(value, np.ndarray) and value.dtype != object:
        return ("ndarray", value.dtype.str, value.shape, value.tobytes())
    if id(value) in within:
        return ("itself", within.index(id(value)))
    within = (*within, id(value))
    if isinstance(value, os.PathLike):
        return ("path", os.fspath(value))
    if isinstance(value, dict):
        return ("dict", tuple(sorted((repr(k), _frozen(v, within)) for k, v in value.items())))
    if isinstance(value, (set, frozenset)):
        return ("set", tuple(sorted((_frozen(item, within) for item in value), key=repr)))
    if isinstance(value, (list, tuple, np.ndarray)):
        return (type(value).__name__, tuple(_frozen(item, within) for item in value))
    if isinstance(value, partial):
        return ("partial", *(_frozen(part, within) for part in (value.func, value.args, value.keywords)))
    if ismethod(value):
        owner = value.__self__
        own = hasattr(owner, "__dict__") and not is_of_a_library(type(owner).__module__)
        key = _frozen(vars(owner) if own else owner, within)
        return ("method", _frozen(value.__func__, within), type(owner), key)
    if isfunction(value) and _may_change(value):
        return _ByCode(value)
    if isinstance(value, type) or isfunction(value):
        return _Identity(value)
    settings = _config(value)
    if settings is None and is_dataclass(value):
        # It may be changed between two fits.
        settings = _fields(value)
    if settings is None and hasattr(value, "__dict__") and (callable(value) or _is_data(value)):
        settings = vars(value)
    if settings is None:
        return _Identity(value)
    return ("made of", type(value), _frozen(settings, within), _call_key(value))


def _call_key(value) -> Hashable:
    """Code of what a Keras object of one's own does, such as a loss: it may refer to what changes."""
    call = getattr(type(value), "call", None)
    return _ByCode(call) if isfunction(call) and _may_change(call) else None


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
    if not isinstance(value, keras.Operation) and _overrides(type(value), "__init__", over="get_config"):
        config = {**vars(value), **config}
    if isinstance(value, keras.losses.Loss):
        # Keras numbers losses that were given no name.
        config = {key: each for key, each in config.items() if key != "name"}
    return config


def _overrides(cls: type, method: str, *, over: str) -> bool:
    """Whether a method is defined further down the line of classes than another."""
    owners = [next((base for base in cls.__mro__ if name in vars(base)), object) for name in (method, over)]
    return owners[1] in owners[0].__mro__[1:]


def _is_plain(value) -> bool:
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


def _fields(value) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _is_data(value, within: tuple[int, ...] = ()) -> bool:
    """Whether a value is plain, or a container or object of nothing but data; arrays may be large, and are not."""
    if _is_plain(value) or isinstance(value, np.generic):
        return True
    if id(value) in within:
        return False
    within = (*within, id(value))
    if is_dataclass(value) and not isinstance(value, type):
        value = _fields(value)
    if isinstance(value, dict):
        return all(_is_data(each, within) for each in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(_is_data(each, within) for each in value)
    if isinstance(value, type) or callable(value) or not hasattr(value, "__dict__"):
        return False
    # Objects of libraries hold more than Python shows, as tensors do.
    own = isinstance(value, SimpleNamespace) or not is_of_a_library(type(value).__module__)
    return own and all(_is_data(each, within) for each in vars(value).values())


def _may_change(function: FunctionType) -> bool:
    """Whether a function is one's own, so that what it refers to may change, or a copy that a worker got."""
    return not (_is_importable(function) and is_of_a_library(function.__module__))


@cache
def is_of_a_library(module: str) -> bool:
    """Whether a module is installed, built in, or part of this package."""
    if module == "__main__":
        return False
    if module.partition(".")[0] == __package__:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or any(Path(file).is_relative_to(folder) for folder in LIBRARIES)


def _is_importable(function: FunctionType) -> bool:
    """Whether other processes find this very function in a module, rather than get a copy of it."""
    found: Any = sys.modules.get(function.__module__) if function.__module__ != "__main__" else None
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function


def _function_key(first: FunctionType) -> Hashable:
    """Code of a function and of those it calls, with what they refer to."""
    functions, parts = [first], []
    for function in functions:
        names: list[Hashable] = []
        for name, value in _referred_to(function):
            if isfunction(value) and _may_change(value):
                if value not in functions:
                    functions.append(value)
                names.append((name, functions.index(value)))
            else:
                # Other things may hold the function itself, so they are not looked into.
                names.append((name, freeze(value) if _is_data(value) else _referred_key(value)))
        settings = (function.__defaults__, function.__kwdefaults__, vars(function))
        parts.append((function.__code__, *map(freeze, settings), tuple(names)))
    return tuple(parts)


def _referred_key(value) -> Hashable:
    """What is no data is equal to itself alone; classes of one's own have data beside, which may change."""
    if not isinstance(value, type) or is_of_a_library(value.__module__):
        return _Identity(value)
    data = {name: each for name, each in vars(value).items() if not name.startswith("__") and _is_data(each)}
    return (_Identity(value), freeze(data))


def _referred_to(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Global and enclosing variables that a function, or one defined inside it, names."""
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            # Not yet bound.
            continue


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


class _ByCode:
    """A function, equal to those of the same code that refer to the same: each task of a worker gets a copy of its own.

    Code is not pickled, so the key is made anew from the function.
    """

    __slots__ = ("function", "key")

    def __init__(self, function):
        self.function, self.key = function, _function_key(function)

    def __hash__(self):
        return hash(self.key)

    def __eq__(self, other):
        return isinstance(other, _ByCode) and other.key == self.key

    def __reduce__(self):
        return _ByCode, (self.function,)


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
