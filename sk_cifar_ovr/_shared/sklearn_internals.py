"""The one place that knows private names of scikit-learn: those of its parameter validation and of its searches.

If a later version lacks them, parameters are checked when they are used, and the constraints are only described.
"""

import sys
from collections.abc import Callable
from typing import Any

try:
    from sklearn.base import _fit_context as fit_context
    from sklearn.utils._param_validation import Interval as _Interval
    from sklearn.utils._param_validation import StrOptions

    class Interval(_Interval):
        """Describes an interval of numbers, to which True and False do not count."""

        def is_satisfied_by(self, val: Any) -> bool:
            """Whether a value is a number of the interval."""
            return not isinstance(val, bool) and super().is_satisfied_by(val)

except ImportError:  # pragma: no cover - versions that scikit-learn has not released yet

    def fit_context(*, prefer_skip_nested_validation: bool) -> Callable:  # type: ignore[misc]
        """Decorate a fit without validation."""
        return lambda fit: fit

    class Interval:  # type: ignore[no-redef]
        """Describes an interval."""

        def __init__(self, *bounds: Any, closed: str):
            self.bounds, self.closed = bounds, closed

    class StrOptions(set):  # type: ignore[no-redef]
        """Describes a set of names."""


def is_inside_search() -> bool:
    """Whether this is called by a search or a cross-validation, which makes an error of a fit a score of NaN."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "sklearn.model_selection._validation":
            return True
        frame = frame.f_back
    return False


__all__ = ["Interval", "StrOptions", "fit_context", "is_inside_search"]
