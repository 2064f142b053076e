"""Names of classes and functions in a saved file, and which of them may be imported."""

import re
from collections.abc import Iterable
from importlib import import_module
from types import FunctionType
from typing import Any

import keras
from sklearn.base import BaseEstimator

from ..exceptions import SavedFileError
from ..networks import BUILDERS

PACKAGE = __name__.partition(".")[0]
KERAS_OBJECTS = (keras.losses.Loss, keras.optimizers.Optimizer, keras.layers.Layer)
_NAME = re.compile(r"\w{1,80}(\.\w{1,80}){0,15}:\w{1,80}(\.\w{1,80}){0,5}")
# Importing these runs nothing but definitions.
_MODULES_OF_SETTINGS = re.compile(
    rf"keras(\.src)?\.(layers|losses|optimizers)(\.\w+)*|{PACKAGE}\.(augment|losses|networks(\.\w+)*)|sklearn\.metrics"
)
_MODULES_OF_ESTIMATORS = re.compile(r"(sklearn|imblearn)(\.\w+)*")
_NO_ESTIMATORS = {"conftest", "estimator_checks", "experimental", "externals", "keras", "tensorflow", "tests"} | {
    "_test_common",
    "_testing",
    "testing",
}
_FORMS = ("array", "matrix")
# Types of scikit-learn that its estimators hold, of which skops knows nothing. None runs code when it is made.
_PARTS_OF_ESTIMATORS = {
    f"sklearn.{name}"
    for name in (
        "_loss.link.Interval",
        "calibration._CalibratedClassifier",
        "calibration._SigmoidCalibration",
        "calibration._TemperatureScaling",
        "metrics._scorer._MultimetricScorer",
        "metrics._scorer._PassthroughScorer",
        "metrics._scorer._Scorer",
        "model_selection._classification_threshold._CurveScorer",
        "metrics._scorer._CurveScorer",
        "utils._bunch.Bunch",
        "utils._metadata_requests.MetadataRequest",
        "utils._metadata_requests.MethodMetadataRequest",
        *(
            f"model_selection._split.{name}"
            for name in (
                "GroupKFold",
                "GroupShuffleSplit",
                "KFold",
                "LeaveOneGroupOut",
                "LeaveOneOut",
                "LeavePGroupsOut",
                "LeavePOut",
                "PredefinedSplit",
                "RepeatedKFold",
                "RepeatedStratifiedKFold",
                "ShuffleSplit",
                "StratifiedGroupKFold",
                "StratifiedKFold",
                "StratifiedShuffleSplit",
                "TimeSeriesSplit",
                "_CVIterableWrapper",
            )
        ),
    )
} | {"numpy.dtype", *(f"scipy.sparse._{kind}.{kind}_{form}" for kind in ("bsr", "csc", "csr") for form in _FORMS)}


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
    if module.partition(".")[0] in ("sklearn", "imblearn", PACKAGE):
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
        if isinstance(trusted, str):
            raise TypeError(f"trusted={trusted!r}: give a list of names, [{trusted!r}].")
        # Names as skops writes them have a point before the last part.
        self._trusted = frozenset(re.sub(r"\.(\w+)$", r":\1", name) if ":" not in name else name for name in trusted)

    def __contains__(self, name: str) -> bool:
        return name in self._trusted

    def setting(self, name: Any) -> Any:
        """Import a builder, loss, optimizer or layer class, a metric, or a function that the user trusts.

        Raises
        ------
        SavedFileError
            If it is something else, or not trusted.
        """
        module, attribute = _parts(name)
        if name in self:
            return import_trusted(name)
        if not _MODULES_OF_SETTINGS.fullmatch(module):
            raise self.refusal([name])
        imported = getattr(import_module(module), attribute, None)
        is_metric = module == "sklearn.metrics" and isinstance(imported, FunctionType)
        if not is_metric and imported not in list(BUILDERS.values()) and not is_keras_class(imported):
            raise SavedFileError(f"The file names {name!r}, which is no builder, loss, optimizer or layer.")
        return imported

    def estimator_class(self, name: Any) -> type:
        """Import an estimator class, such as a sampler. Creating an unfitted estimator runs no other code.

        Raises
        ------
        SavedFileError
            If it is not an estimator class, or not trusted.
        """
        module, attribute = _parts(name)
        if name not in self and not _holds_estimators(module):
            raise self.refusal([name])
        kind = import_trusted(name) if name in self else getattr(import_module(module), attribute, None)
        if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
            raise SavedFileError(f"The file names {name!r} as an estimator, which it is not.")
        return kind

    def skops_types(self, names: Iterable[str]) -> list[str]:
        """Those of the types in a skops document that may be loaded: all, or none is.

        Parameters
        ----------
        names : iterable of str
            ``"module.name"``, those that skops itself does not trust.

        Raises
        ------
        SavedFileError
            Naming the types that are not trusted.
        """
        found = list(names)
        unknown = [name for name in found if not self._is_known_type(name)]
        if unknown:
            raise self.refusal([re.sub(r"\.(\w+)$", r":\1", name) for name in sorted(unknown)])
        return found

    def _is_known_type(self, name: str) -> bool:
        module, _, attribute = name.rpartition(".")
        if f"{module}:{attribute}" in self or name in _PARTS_OF_ESTIMATORS:
            return True
        if not _holds_estimators(module):
            return False
        kind = getattr(import_module(module), attribute, None)
        return isinstance(kind, type) and issubclass(kind, BaseEstimator)

    def refusal(self, names: list[str]) -> SavedFileError:
        """The error for names that are not trusted."""
        shown = [name[:120] for name in names[:20]]
        return SavedFileError(
            f"The file wants to import {', '.join(map(repr, shown))}. If you trust the file and know what runs, call "
            f"load(path, trusted={shown})."
        )


def _holds_estimators(module: str) -> bool:
    return bool(_MODULES_OF_ESTIMATORS.fullmatch(module)) and not _NO_ESTIMATORS & set(module.split("."))


def _parts(name: Any) -> tuple[str, str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SavedFileError(f"The file names {str(name)[:60]!r}, which is no name of a class or function.")
    module, _, attribute = name.partition(":")
    return module, attribute


def import_trusted(name: str):
    """Import a name that the user trusts, or that was checked."""
    module, _, qualname = name.partition(":")
    imported = import_module(module)
    for part in qualname.split("."):
        imported = getattr(imported, part)
    return imported
