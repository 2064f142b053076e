"""Objects inside estimators of scikit-learn that skops does not write: references stand for them."""

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ...exceptions import SavedFileError

_DICTS = (dict, OrderedDict, defaultdict, Bunch)
_resolve: ContextVar[Callable[[int], Any]] = ContextVar("resolve")


class Reference:
    """Stands for an object that has a document of its own. Making one while a file is loaded gives that object.

    Parameters
    ----------
    number : int
        Of the document.
    """

    number: int

    def __new__(cls, number: int):
        """The object with this number, see `resolved_by`."""
        if type(number) is not int or _resolve.get(None) is None:
            raise SavedFileError("The file refers to an object in a way that no version writes.")
        return _resolve.get()(number)

    @classmethod
    def to(cls, number: int) -> "Reference":
        """A reference to be written."""
        reference = object.__new__(cls)
        reference.number = number
        return reference

    def __reduce__(self):
        """Skops writes an object as a call of its class with these arguments."""
        return type(self), (self.number,)


# As skops names types.
REFERENCE = f"{Reference.__module__}.{Reference.__qualname__}"


@contextmanager
def resolved_by(resolve: Callable[[int], Any]) -> Iterator[None]:
    """Let references give the objects that a function returns for their numbers."""
    token = _resolve.set(resolve)
    try:
        yield
    finally:
        _resolve.reset(token)


class Replacer:
    """Copies an estimator of scikit-learn with references in place of some objects. Nothing else is copied.

    Parameters
    ----------
    reference : callable
        ``reference(object) -> Reference or None``; None keeps the object.
    """

    def __init__(self, reference: Callable[[Any], Reference | None]):
        self._reference = reference
        self._copies: dict[int, Any] = {}
        self._seen: list[Any] = []

    def __call__(self, value: Any) -> Any:
        """The object itself, its copy or the reference to it."""
        if id(value) not in self._copies:
            reference = self._reference(value)
            self._copies[id(value)] = self._copied(value) if reference is None else reference
            self._seen.append(value)
        return self._copies[id(value)]

    def _copied(self, value: Any) -> Any:
        if isinstance(value, _DICTS) and type(value) in _DICTS:
            copied = copy.copy(value)
            for key, inner in value.items():
                copied[key] = self(inner)
            return copied
        if type(value) in (list, tuple, set):
            return type(value)(self(inner) for inner in value)
        if isinstance(value, tuple):
            return type(value)(*map(self, value)) if hasattr(value, "_fields") else value
        if isinstance(value, np.ma.MaskedArray) and value.dtype == object:
            return np.ma.MaskedArray(self(value.data), value.mask)
        if isinstance(value, np.ndarray) and value.dtype == object:
            objects = np.empty(value.size, object)
            objects[:] = [self(inner) for inner in value.ravel()]
            return objects.reshape(value.shape)
        if isinstance(value, type) or not hasattr(value, "__dict__") or not _is_python_object(value):
            return value
        copied = object.__new__(type(value))
        vars(copied).update({name: self(inner) for name, inner in vars(value).items()})
        return copied


def _is_python_object(value: Any) -> bool:
    """Whether nothing but its attributes makes an object."""
    kind = type(value)
    root = kind.__module__.partition(".")[0]
    return kind.__new__ is object.__new__ and (root in ("sklearn", "imblearn") or hasattr(value, "get_params"))
