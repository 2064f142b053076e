"""Checks the parameters of all estimators inside another one."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._checks import check_parameters

_PACKAGES = ("sklearn", "imblearn", __name__.partition(".")[0])


def check_objects(root: Any) -> None:
    """Check the parameters of an estimator and of all estimators inside it, as `fit` does.

    Parameters
    ----------
    root : estimator

    Raises
    ------
    SavedFileError
        Naming the parameter.
    """
    waiting, seen = [root], set()
    kept = []
    while waiting:
        value = waiting.pop()
        if id(value) in seen or value is None or isinstance(value, (str, bytes, int, float, type)):
            continue
        seen.add(id(value))
        kept.append(value)
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple, set)):
            waiting.extend(value)
        elif isinstance(value, np.ndarray):
            waiting.extend(value.flat if value.dtype == object else [])
        elif type(value).__module__.partition(".")[0] in _PACKAGES and hasattr(value, "__dict__"):
            if isinstance(value, BaseEstimator):
                check_parameters(value)
            waiting.extend(vars(value).values())
