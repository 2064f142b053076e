"""Names of classes and functions in a saved file: how they are written, and which may be imported."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import keras
from sklearn.base import BaseEstimator

from ..exceptions import SavedFileError
from ..networks import BUILDERS

PACKAGE = __name__.partition(".")[0]
KERAS_OBJECTS = (keras.losses.Loss, keras.optimizers.Optimizer, keras.layers.Layer)


def is_keras_class(thing) -> bool:
    """Whether a thing is a class of losses, optimizers or layers."""
    return isinstance(thing, type) and issubclass(thing, KERAS_OBJECTS)


def import_name(thing) -> str:
    """Name by which a class or function is imported again, ``"module:name"``.

    Raises
    ------
    TypeError
        If it cannot be imported.
    """
    if "<" in thing.__qualname__ or thing.__module__ == "__main__":
        raise TypeError(f"{thing!r} cannot be imported again: define it at the top level of a module.")
    module = thing.__module__
    if _is_of_scikit_learn(module) or module.partition(".")[0] == PACKAGE:
        # Packages promise the public module, and move what is below it.
        module = module.partition("._")[0]
    return f"{module}:{thing.__qualname__}"


class TrustedNames:
    """Imports what Keras, this package, scikit-learn and imbalanced-learn bring, and what the user trusts.

    Parameters
    ----------
    trusted : iterable of str
        Names ``"module:name"``.
    """

    def __init__(self, trusted: Iterable[str]):
        self._trusted = frozenset(trusted)

    def setting(self, name: str) -> Any:
        """A builder, loss, optimizer or layer class, or a function that the user trusts.

        Raises
        ------
        SavedFileError
            If it is something else, or not trusted.
        """
        self._check(name)
        thing = _imported(name)
        if name not in self._trusted and thing not in BUILDERS.values() and not is_keras_class(thing):
            raise SavedFileError(f"The file names {name!r}, which is no builder, loss, optimizer or layer.")
        return thing

    def estimator_class(self, name: str) -> type:
        """A class of estimators, such as a sampler: it is made unfitted, which runs nothing.

        Raises
        ------
        SavedFileError
            If it is no estimator, or not trusted.
        """
        if not _is_of_scikit_learn(name):
            self._check(name)
        kind = _imported(name)
        if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
            raise SavedFileError(f"The file names {name!r} as an estimator, which it is not.")
        return kind

    def keras_object(self, config: dict[str, Any]) -> Any:
        """A Keras object from its serialised form.

        Raises
        ------
        SavedFileError
            If it holds something that is not trusted.
        """
        for inner in _configs(config):
            self._check(f"{inner['module']}:{inner['class_name']}")
        return keras.saving.deserialize_keras_object(config, safe_mode=True)

    def _check(self, name: str) -> None:
        package = name.partition(":")[0].partition(".")[0]
        if package not in (PACKAGE, "keras") and name not in self._trusted:
            raise SavedFileError(
                f"The file wants to import {name!r}. If you trust it, call load(path, trusted=[{name!r}])."
            )


def _is_of_scikit_learn(name: str) -> bool:
    return name.partition(".")[0] in ("sklearn", "imblearn")


def _imported(name: str):
    module, _, qualname = name.partition(":")
    thing = import_module(module)
    for part in qualname.split("."):
        thing = getattr(thing, part)
    return thing


def _configs(config):
    """All serialised objects inside one, itself included."""
    if isinstance(config, dict):
        if "class_name" in config and config.get("module") is not None:
            yield config
        for inner in config.values():
            yield from _configs(inner)
    elif isinstance(config, list):
        for inner in config:
            yield from _configs(inner)
