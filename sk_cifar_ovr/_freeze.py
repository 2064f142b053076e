"""Settings as hashable keys."""

from collections.abc import Hashable
from functools import partial
from typing import Any

import numpy as np


def freeze(value: Any) -> Hashable:
    """Turn a setting into a hashable key, equal only for equal settings.

    Parameters
    ----------
    value : object
        Plain values, containers, arrays, `functools.partial`, anything with Keras' ``get_config``, or
        another object, which is equal only to itself.

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
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
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
    if not isinstance(value, type) and hasattr(value, "get_config"):
        return ("config", type(value), freeze(value.get_config()))
    return _Identity(value)


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
