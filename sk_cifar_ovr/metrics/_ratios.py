"""Ratios of counts in which 0/0 has a value."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning


def ratio(numerator: NDArray[Any], denominator: ArrayLike, *, undefined: float = 0.0) -> NDArray[np.float64]:
    """Return `numerator` / `denominator`, and `undefined` wherever the denominator is 0."""
    out = np.full(numerator.shape, undefined)
    return np.divide(numerator, denominator, out=out, where=np.not_equal(denominator, 0))


def warn_undefined(name: str, undefined: NDArray[np.bool_], classes: NDArray[Any]) -> None:
    """Raise scikit-learn's warning for the classes whose metric is undefined, at the caller of the caller."""
    if undefined.any():
        names = ", ".join(str(label) for label in classes[undefined])
        warnings.warn(
            f"{name} is ill-defined (0/0) and being set to 0.0 for class {names}.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
