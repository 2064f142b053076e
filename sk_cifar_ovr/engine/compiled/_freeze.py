"""Settings as hashable keys."""

import os
import sys
import sysconfig
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, partial
from inspect import isfunction, ismethod
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
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
        return ("method", _frozen(value.__func__, within), _frozen(value.__self__, within))
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
    return _Identity(value) if settings is None else ("made of", type(value), _frozen(settings, within))


def alike(one: Hashable, other: Hashable) -> bool:
    """Whether two keys differ at most in what functions refer to."""
    if isinstance(one, _ByCode) and isinstance(other, _ByCode):
        return one.function.__code__ == other.function.__code__
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other


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
    """Code of a function and of those it refers to, with all else that they refer to."""
    functions, parts = [first], []
    for function in functions:
        key: list[Hashable] = [function.__code__]
        for name, value in _referred_to(function):
            if isfunction(value) and _may_change(value):
                if value not in functions:
                    functions.append(value)
                key.append((name, functions.index(value)))
            else:
                key.append((name, _referred_key(value, set(_names(function.__code__)))))
        parts.append(tuple(key))
    return tuple(parts)


def _referred_key(value, names: set[str]) -> Hashable:
    """Key of what a function refers to, which may hold the function itself; `names` are those in its code."""
    if _is_data(value) or isinstance(value, keras.Operation | keras.losses.Loss | keras.initializers.Initializer):
        return freeze(value)
    if isinstance(value, type) and not is_of_a_library(value.__module__):
        parts: list[Mapping[str, Any]] = [vars(base) for base in reversed(value.__mro__)]
    elif isinstance(value, ModuleType) and not is_of_a_library(value.__name__):
        parts = [vars(value)]
    else:
        return _Identity(value)
    # Of a class after its bases, which it hides.
    named = {name: part[name] for part in parts for name in sorted(names) if name in part}
    return (_Identity(value), freeze({name: each for name, each in named.items() if _is_data(each)}))


def _referred_to(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Defaults and attributes of a function, and variables outside that it, or one defined inside it, names."""
    yield from ((f"default {i}", value) for i, value in enumerate(function.__defaults__ or ()))
    yield from (function.__kwdefaults__ or {}).items()
    yield from vars(function).items()
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
