"""Names of classes and functions in a saved file, and which of them may be imported."""

import json
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import keras
from sklearn.base import BaseEstimator

from .._shared.variables import State
from ..exceptions import SavedFileError
from ..networks import BUILDERS, ModelCopies, check_config

PACKAGE = __name__.partition(".")[0]
KERAS_OBJECTS = (keras.losses.Loss, keras.optimizers.Optimizer, keras.layers.Layer)


def is_keras_class(obj) -> bool:
    """Whether an object is a Keras loss, optimizer or layer class."""
    return isinstance(obj, type) and issubclass(obj, KERAS_OBJECTS)


def import_name(obj) -> str:
    """Return the name ``"module:name"`` by which a class or function can be imported.

    Raises
    ------
    TypeError
        If it cannot be imported, such as a lambda.
    """
    if "<" in obj.__qualname__ or obj.__module__ == "__main__":
        raise TypeError(f"{obj!r} cannot be imported again: define it at the top level of a module.")
    module = obj.__module__
    if _is_scikit_learn_name(module) or module.partition(".")[0] == PACKAGE:
        # Private modules may be renamed, so the name refers to the public module.
        module = module.partition("._")[0]
    return f"{module}:{obj.__qualname__}"


class TrustedNames:
    """Imports names of Keras, this package, scikit-learn and imbalanced-learn, and names that the user trusts.

    Parameters
    ----------
    trusted : iterable of str
        Further names that may be imported, as ``"module:name"``.
    """

    def __init__(self, trusted: Iterable[str]):
        self._trusted = frozenset(trusted)

    def setting(self, name: str) -> Any:
        """Import a builder, loss, optimizer or layer class, or a function that the user trusts.

        Raises
        ------
        SavedFileError
            If it is something else, or not trusted.
        """
        self._check(name)
        imported = _import(name)
        if name not in self._trusted and imported not in BUILDERS.values() and not is_keras_class(imported):
            raise SavedFileError(f"The file names {name!r}, which is no builder, loss, optimizer or layer.")
        return imported

    def estimator_class(self, name: str) -> type:
        """Import an estimator class, such as a sampler. Creating an unfitted estimator runs no other code.

        Raises
        ------
        SavedFileError
            If it is not an estimator class, or not trusted.
        """
        if not _is_scikit_learn_name(name):
            self._check(name)
        kind = _import(name)
        if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
            raise SavedFileError(f"The file names {name!r} as an estimator, which it is not.")
        return kind

    def keras_object(self, config: dict[str, Any]) -> Any:
        """Deserialize a Keras object.

        Raises
        ------
        SavedFileError
            If it contains an object that is not trusted.
        """
        for inner in _nested_configs(config):
            self._check(f"{inner['module']}:{inner['class_name']}")
        return keras.saving.deserialize_keras_object(config, safe_mode=True)

    def keras_model(self, config: str, trainable: list[bool], values: State | None) -> ModelCopies:
        """What makes a Keras model again from its configuration.

        Raises
        ------
        SavedFileError
            If it contains code or an object that is not trusted.
        """
        document = json.loads(config)
        check_config(document, "The file", foreign=True)
        custom = {}
        for inner in _nested_configs(document):
            name = f"{inner['module']}:{inner['class_name']}"
            self._check(name)
            if name in self._trusted:
                custom[inner.get("registered_name") or inner["class_name"]] = _import(name)
        return ModelCopies(config, values, trainable, custom, safe_mode=True)

    def _check(self, name: str) -> None:
        package = name.partition(":")[0].partition(".")[0]
        if package not in (PACKAGE, "keras") and name not in self._trusted:
            raise SavedFileError(
                f"The file wants to import {name!r}. If you trust it, call load(path, trusted=[{name!r}])."
            )


def _is_scikit_learn_name(name: str) -> bool:
    return name.partition(".")[0] in ("sklearn", "imblearn")


def _import(name: str):
    module, _, qualname = name.partition(":")
    imported = import_module(module)
    for part in qualname.split("."):
        imported = getattr(imported, part)
    return imported


def _nested_configs(config):
    """Yield a serialized object and all serialized objects inside it."""
    if isinstance(config, dict):
        if "class_name" in config and config.get("module") is not None:
            yield config
        for inner in config.values():
            yield from _nested_configs(inner)
    elif isinstance(config, list):
        for inner in config:
            yield from _nested_configs(inner)
