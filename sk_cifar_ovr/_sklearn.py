"""The one seam to scikit-learn's internals: names it does not promise to keep, imported here only."""

from sklearn.base import _fit_context as fit_context
from sklearn.calibration import _SigmoidCalibration as SigmoidCalibration
from sklearn.calibration import _TemperatureScaling as TemperatureScaling
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "BaseSearchCV",
    "HasMethods",
    "Interval",
    "SigmoidCalibration",
    "StrOptions",
    "TemperatureScaling",
    "check_sample_weight",
    "fit_context",
]
