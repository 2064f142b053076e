"""Thresholds that promise a precision or a recall."""

import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve

from ..exceptions import ThresholdPromiseWarning
from ._thresholds import halfway_down

METRICS = ("precision", "recall")
# Shares of weights are exact up to rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Promise:
    """The lowest threshold with a given precision, or the highest with a given recall.

    Attributes
    ----------
    metric : {"precision", "recall"}
    value : float
        Minimum of the metric.
    """

    metric: str
    value: float

    def tuned(self, truth: np.ndarray, scores: np.ndarray, parts: list, sample_weight=None) -> float:
        """The threshold for a task; the one that reaches most if none keeps the promise.

        Parameters
        ----------
        truth : ndarray of int, shape (n,)
            Labels, 0 and 1, of both kinds.
        scores : ndarray of float, shape (n,)
            Probabilities of label 1.
        parts : list
            Ignored: all scores are pooled.
        sample_weight : ndarray of shape (n,) or None, default=None

        Returns
        -------
        float
            The mean of the threshold among the scores and the next lower score.
        """
        precision, recall, candidates = precision_recall_curve(truth, scores, sample_weight=sample_weight)
        if self.metric == "recall":
            best = np.flatnonzero(recall[:-1] >= self.value - ROUNDING)[-1]
        else:
            enough = np.flatnonzero(precision[:-1] >= self.value - ROUNDING)
            best = enough[0] if len(enough) else np.argmax(precision[:-1])
        return halfway_down(candidates[best], scores)

    def reached(self, truth: np.ndarray, scores: np.ndarray, threshold: float, sample_weight=None) -> float:
        """Value of the metric at a threshold."""
        weights = np.ones(len(truth)) if sample_weight is None else sample_weight
        predicted, positive = scores >= threshold, truth == 1
        total = weights[predicted if self.metric == "precision" else positive].sum()
        return float(weights[predicted & positive].sum() / total)

    def record(self, label, reached: float) -> dict[str, Any]:
        """The entry of `promises_`.

        Parameters
        ----------
        label : object
            Class of the task.
        reached : float
            In cross-fitting; NaN if the class is too rare for it.
        """
        kept = bool(reached >= self.value - ROUNDING)
        return {
            "class": label,
            "metric": self.metric,
            "promised": float(self.value),
            "reached": float(reached),
            "kept": kept,
        }


def is_promise(threshold, labels: list) -> bool:
    """Whether a dict is a promise, and no dict by label: a key that is a class label is one.

    Examples
    --------
    >>> is_promise({"precision": 0.9}, ["cat", "dog"]), is_promise({"precision": 0.9}, ["precision", "recall"])
    (True, False)
    """
    return bool(threshold) and all(key in METRICS and key not in labels for key in threshold)


def checked_promise(threshold: dict) -> Promise:
    """Check a promise.

    Parameters
    ----------
    threshold : dict
        Such as ``{"precision": 0.9}``.

    Raises
    ------
    ValueError
        If it does not hold one of the metrics with a value above 0 and up to 1.
    """
    ((metric, value),) = threshold.items() if len(threshold) == 1 else [(None, None)]
    if metric not in METRICS:
        raise ValueError(f"threshold={threshold!r} must hold one of {METRICS}, such as {{'precision': 0.9}}.")
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) <= 1:
        raise ValueError(f"threshold={threshold!r} must promise a number above 0 and up to 1.")
    return Promise(metric, float(value))


def warn_of_broken_promises(promises: list[dict[str, Any]]) -> None:
    """Warn once of all promises that were tuned and not kept."""
    broken = [
        f"{p['class']!r} ({p['metric']} {p['promised']:g} promised, {p['reached']:.3g} reached)"
        for p in promises
        if not p["kept"] and not np.isnan(p["reached"])
    ]
    if broken:
        warnings.warn(
            f"No threshold keeps the promise in cross-fitting for {', '.join(broken)}: their thresholds are those that "
            "reach most. Promise less, or train longer or on more images.",
            ThresholdPromiseWarning,
            stacklevel=2,
        )
