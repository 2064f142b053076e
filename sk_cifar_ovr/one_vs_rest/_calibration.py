"""scikit-learn's calibrators on the log-odds of K binary problems, one calibrator a problem."""

from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from .._shared.sklearn_internals import SigmoidCalibration, TemperatureScaling

METHODS = ("sigmoid", "isotonic", "temperature")


def _unfitted(method: str):
    if method == "isotonic":
        return IsotonicRegression(out_of_bounds="clip")
    return SigmoidCalibration() if method == "sigmoid" else TemperatureScaling()


def log_odds(outputs: np.ndarray) -> np.ndarray:
    """Log-odds of the second of two probabilities, (n, K, 2) -> (n, K); finite where one of them is 0."""
    log = np.log(np.maximum(outputs, np.finfo(outputs.dtype).tiny))
    return log[..., 1] - log[..., 0]


def fitted_calibrators(method: str, truth: np.ndarray, scores: np.ndarray, sample_weight=None) -> list:
    """Fit one calibrator a problem.

    Parameters
    ----------
    method : {"sigmoid", "isotonic", "temperature"}
    truth : ndarray of int, shape (n, K)
        0 and 1.
    scores : ndarray of float, shape (n, K)
        Log-odds, of rows that the scoring network never saw.
    sample_weight : ndarray of shape (n,) or None, default=None

    Returns
    -------
    list of K calibrators of scikit-learn
    """
    scores = scores.astype(np.float64)
    return [
        _unfitted(method).fit(column, truth[:, k], sample_weight=sample_weight) for k, column in enumerate(scores.T)
    ]


def calibrated(calibrators: list, scores: np.ndarray) -> np.ndarray:
    """Positive probabilities of K problems from their log-odds, (n, K) -> (n, K)."""
    columns = [c.predict(column) for c, column in zip(calibrators, scores.T.astype(np.float64), strict=True)]
    return np.stack([c[:, 1] if c.ndim == 2 else c for c in columns], axis=1)


def calibrator_state(calibrator) -> dict[str, Any]:
    """What a calibrator learnt, as numbers and arrays."""
    if isinstance(calibrator, IsotonicRegression):
        return {"isotonic": [calibrator.X_thresholds_, calibrator.y_thresholds_]}
    if isinstance(calibrator, SigmoidCalibration):
        return {"sigmoid": [float(calibrator.a_), float(calibrator.b_)]}
    return {"temperature": [float(calibrator.beta_)]}


def calibrator_from(state: dict[str, Any]):
    """The calibrator that `calibrator_state` described."""
    ((method, learnt),) = state.items()
    calibrator = _unfitted(method)
    if method == "isotonic":
        # The points it learnt are monotone already, so fitting them keeps them.
        return calibrator.fit(*learnt)
    for name, value in zip(("a_", "b_") if method == "sigmoid" else ("beta_",), learnt, strict=True):
        setattr(calibrator, name, value)
    return calibrator
