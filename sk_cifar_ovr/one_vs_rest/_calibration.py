"""scikit-learn's calibrators on the log-odds of K binary tasks, one calibrator a task."""

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression

METHODS = ("sigmoid", "isotonic", "temperature")
# What the calibrators of scikit-learn learn, by method.
LEARNT = {"sigmoid": ("a_", "b_"), "temperature": ("beta_",)}


def log_odds(outputs: np.ndarray) -> np.ndarray:
    """Log-odds of the second of two probabilities, (n, K, 2) -> (n, K); finite if one of them is 0."""
    log = np.log(np.maximum(outputs, np.finfo(outputs.dtype).tiny))
    return log[..., 1] - log[..., 0]


def fitted_calibrator(method: str, truth: np.ndarray, scores: np.ndarray, sample_weight=None):
    """Fit the calibrator of one task.

    Parameters
    ----------
    method : {"sigmoid", "isotonic", "temperature"}
    truth : ndarray of int, shape (n,)
        0 and 1.
    scores : ndarray of float64, shape (n,)
        Log-odds of images that the scoring network never saw.
    sample_weight : ndarray of shape (n,) or None, default=None

    Returns
    -------
    calibrator of scikit-learn
    """
    if method == "isotonic":
        return IsotonicRegression(out_of_bounds="clip").fit(scores, truth, sample_weight=sample_weight)
    # scikit-learn's other calibrators have no public name; this gives one, fitted on all scores at once.
    everything = np.arange(len(scores))
    calibrated = CalibratedClassifierCV(
        _GivenScores(), method=method, cv=[(everything, everything)], ensemble=False
    ).fit(scores[:, None], truth, sample_weight=sample_weight)
    return calibrated.calibrated_classifiers_[0].calibrators[0]


class _GivenScores(ClassifierMixin, BaseEstimator):
    """A classifier whose scores are its input."""

    classes_ = np.array([0, 1])

    def fit(self, X, y, sample_weight=None):
        return self

    def decision_function(self, X):
        return X[:, 0]

    def predict(self, X):
        return (X[:, 0] > 0).astype(int)

    def __sklearn_is_fitted__(self):
        return True


def calibrated(calibrators: list, scores: np.ndarray) -> np.ndarray:
    """Probabilities of the classes of K tasks from their log-odds, (n, K) -> (n, K).

    The log-odds of a task whose calibrator is None are those of its probabilities.
    """
    columns = [
        expit(column) if c is None else c.predict(column)
        for c, column in zip(calibrators, scores.T.astype(np.float64), strict=True)
    ]
    return np.stack([c[:, 1] if c.ndim == 2 else c for c in columns], axis=1)


def calibrator_state(calibrator) -> dict[str, Any] | None:
    """What a calibrator learnt, as numbers and arrays; None if the task has none."""
    if calibrator is None:
        return None
    if isinstance(calibrator, IsotonicRegression):
        return {"isotonic": [calibrator.X_thresholds_, calibrator.y_thresholds_]}
    method = next(method for method, names in LEARNT.items() if hasattr(calibrator, names[0]))
    return {method: [float(getattr(calibrator, name)) for name in LEARNT[method]]}


def calibrator_from(state: dict[str, Any] | None):
    """The calibrator that `calibrator_state` described."""
    if state is None:
        return None
    ((method, learnt),) = state.items()
    if method == "isotonic":
        # The points it learnt are monotone already, so fitting keeps them.
        scores, probabilities = learnt
        return fitted_calibrator(method, probabilities, scores)
    calibrator = fitted_calibrator(method, np.array([0, 1, 1, 0]), np.array([-1.0, 1.0, -1.0, 1.0]))
    for name, value in zip(LEARNT[method], learnt, strict=True):
        setattr(calibrator, name, value)
    return calibrator
