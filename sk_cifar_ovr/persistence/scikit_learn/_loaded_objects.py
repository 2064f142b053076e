"""Checks the parameters of all estimators inside another one."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._checks import check, check_parameters

# Numbers that are drawn at once, by the name of the place of the next one. NumPy reads there without a check.
_DRAWN = {"pos": 624, "buffer_pos": 4}
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
        elif isinstance(value, (np.random.RandomState, np.random.Generator)):
            _check_random_state(value)
        elif isinstance(value, np.ndarray):
            waiting.extend(value.flat if value.dtype == object else [])
        elif type(value).__module__.partition(".")[0] in _PACKAGES and hasattr(value, "__dict__"):
            if isinstance(value, BaseEstimator):
                check_parameters(value)
            waiting.extend(vars(value).values())


def _check_random_state(generator: np.random.RandomState | np.random.Generator) -> None:
    """Check that the next number of a generator is one of those that it has drawn."""
    state: Any
    if isinstance(generator, np.random.RandomState):
        state = generator.get_state(legacy=False)
    else:
        state = generator.bit_generator.state
    for part in (state, state.get("state")):
        for name, most in _DRAWN.items():
            place = part.get(name, 0) if isinstance(part, dict) else 0
            check(0 <= place <= most, "the state of a random generator is impossible")
