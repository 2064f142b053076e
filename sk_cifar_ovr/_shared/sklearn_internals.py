"""The one seam to scikit-learn's internals: names it does not promise to keep, imported here only."""

from sklearn.base import _fit_context as fit_context
from sklearn.calibration import _SigmoidCalibration as SigmoidCalibration
from sklearn.calibration import _TemperatureScaling as TemperatureScaling
from sklearn.metrics._pairwise_distances_reduction import ArgKmin
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as openmp_threads
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "BaseSearchCV",
    "ArgKmin",
    "HasMethods",
    "Interval",
    "SigmoidCalibration",
    "StrOptions",
    "TemperatureScaling",
    "check_sample_weight",
    "fit_context",
    "openmp_threads",
]
