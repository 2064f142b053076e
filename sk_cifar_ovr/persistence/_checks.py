"""Checks of values that a saved file holds."""

from typing import Any

import numpy as np

from ..exceptions import SavedFileError

# No machine has so many processors, and each job may be a process.
MAX_JOBS = 1024


def check(holds: Any, fault: str) -> None:
    """Refuse a file.

    Raises
    ------
    SavedFileError
        If a condition does not hold.
    """
    if not holds:
        raise SavedFileError(f"The file does not hold a fitted estimator: {fault}.")


def a_number(value: Any, least: int) -> bool:
    """Whether a value is an integer of at least this size."""
    return type(value) is int and least <= value < 2**63


def is_finite(array: Any, *shape: int | None) -> bool:
    """Whether a value is an array of finite floats of a shape, None for any length."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.ndim != len(shape):
        return False
    fits = all(wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=True))
    return fits and bool(np.isfinite(array).all())


def are_floats(values: Any) -> bool:
    """Whether a value is a list of floats, which may be NaN."""
    return isinstance(values, list) and all(type(value) in (float, int) for value in values)


def check_parameters(estimator) -> None:
    """Check the parameters of an estimator as its `fit` does, and those that would use up a machine.

    Raises
    ------
    SavedFileError
        Naming the parameter.
    """
    # A FrozenEstimator hands on the attributes of the estimator inside it, which is checked by itself.
    if hasattr(type(estimator), "_parameter_constraints"):
        try:
            estimator._validate_params()
        except (ValueError, TypeError) as error:
            raise SavedFileError(f"The file holds a parameter that fit refuses: {error}") from error
    jobs = getattr(estimator, "n_jobs", None)
    valid = jobs is None or (isinstance(jobs, (int, np.integer)) and abs(int(jobs)) <= MAX_JOBS)
    check(valid, f"n_jobs={str(jobs)[:20]} of {type(estimator).__name__} is out of bounds")
