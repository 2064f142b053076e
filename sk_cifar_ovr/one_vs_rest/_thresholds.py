"""Decision thresholds of the tasks: fixed numbers, or tuned on scores of images held out from training."""

from numbers import Real
from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_curve, roc_curve

METRICS = ("f1", "balanced_accuracy")


def checked_metric(threshold, truth):
    """Check the parameter ``threshold`` and return the metric to maximise, or None for fixed thresholds.

    Parameters
    ----------
    threshold : None, str, callable, float or array-like
    truth : ndarray of int, shape (n,)
        Labels, 0 and 1. A callable is tried on perfect predictions of these labels before training.

    Returns
    -------
    str, callable or None

    Raises
    ------
    ValueError, TypeError
        If the name is unknown, or if a callable does not return a finite number or is a loss (lower is better).
    """
    if isinstance(threshold, str):
        if threshold not in METRICS:
            raise ValueError(f"threshold={threshold!r}: the metrics available by name are {METRICS}.")
        return threshold
    if not callable(threshold):
        return None
    value: Any = threshold(truth, truth)
    if not isinstance(value, Real):
        raise TypeError(f"threshold={threshold!r} must return one number for (y_true, y_pred), and returned {value!r}.")
    if not np.isfinite(float(value)):
        raise ValueError(
            f"threshold={threshold!r} returned {value!r} although every prediction was right: a threshold metric has "
            "to be defined in this case, and higher must be better."
        )
    if _of_wrong_answers(threshold, truth) > float(value):
        raise ValueError(
            f"threshold={threshold!r} is higher if every prediction is wrong than if every prediction is right: it has "
            "to be a metric of which more is better, and not a loss."
        )
    return threshold


def _of_wrong_answers(metric, truth) -> float:
    """Value of the metric if every prediction is wrong; minus infinity if it is undefined."""
    try:
        with np.errstate(all="ignore"):
            value = float(metric(truth, 1 - truth))
    except ArithmeticError:
        return -np.inf
    return value if np.isfinite(value) else -np.inf


def fixed_thresholds(threshold, n_tasks: int) -> np.ndarray:
    """Convert fixed thresholds to one threshold per task.

    Parameters
    ----------
    threshold : None, float or array-like of shape (n_tasks,)
        None is 0.5; one number is used for all tasks.
    n_tasks : int

    Returns
    -------
    ndarray of float, shape (n_tasks,)

    Raises
    ------
    ValueError
        If a threshold is outside 0-1, or if their number is not `n_tasks`.

    Examples
    --------
    >>> fixed_thresholds(None, 3).tolist()
    [0.5, 0.5, 0.5]
    """
    values = np.asarray(0.5 if threshold is None else threshold)
    if values.dtype == bool:
        raise ValueError(f"threshold={threshold!r} must be probabilities, from 0 to 1.")
    try:
        values = values.astype("float64")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"threshold={threshold!r} must be a number, a metric ({', '.join(METRICS)} or a callable), a promise such "
            "as {'precision': 0.9}, a list of numbers, one for each class, or a dict of all these by label."
        ) from error
    if values.ndim == 0:
        values = np.full(n_tasks, float(values))
    if values.shape != (n_tasks,):
        raise ValueError(
            f"threshold has shape {values.shape}: give one number"
            + (f", or one for each of {n_tasks} classes." if n_tasks > 1 else "; two classes are one task.")
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"threshold={threshold!r} must be probabilities, from 0 to 1.")
    return values


def tuned_threshold(y_true, scores, metric, sample_weight=None) -> float:
    """Find the threshold at which the predictions ``scores >= threshold`` maximise a metric.

    Parameters
    ----------
    y_true : ndarray of shape (n,)
        Labels, 0 and 1.
    scores : ndarray of float, shape (n,)
        Probabilities of label 1.
    metric : {"f1", "balanced_accuracy"} or callable ``(y_true, y_pred) -> float``
        Higher is better.
    sample_weight : ndarray of shape (n,) or None, default=None
        Sample weights; not passed to a callable.

    Returns
    -------
    float
        The mean of the best threshold among the scores and the next lower score.

    Raises
    ------
    ValueError
        If a callable is undefined at every threshold.
    """
    if metric == "f1":
        precision, recall, candidates = precision_recall_curve(y_true, scores, sample_weight=sample_weight)
        precision, recall = precision[:-1], recall[:-1]
        values = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    elif metric == "balanced_accuracy":
        false_positives, true_positives, candidates = roc_curve(
            y_true, scores, sample_weight=sample_weight, drop_intermediate=False
        )
        values = true_positives - false_positives
        values, candidates = values[1:], candidates[1:]
    else:
        # 101 quantiles of all scores, and 101 of the positive images, which may be few and have similar scores.
        groups = [group for group in (scores, scores[np.asarray(y_true) == 1]) if len(group)]
        quantiles = np.linspace(0, 1, 101)
        candidates = np.unique([np.quantile(group, quantiles, method="higher") for group in groups])
        values = np.array([metric(y_true, (scores >= t).astype(int)) for t in candidates], dtype="float64")
        if not np.isfinite(values).any():
            raise ValueError(f"The threshold metric {metric!r} is undefined at every threshold.")
    return halfway_down(candidates[np.nanargmax(values)], scores)


def halfway_down(threshold, scores: np.ndarray) -> float:
    """Mean of a threshold among the scores and the next lower score, at which predictions are the same."""
    lower = scores[scores < threshold].max(initial=-np.inf)
    # The mean of two neighbouring numbers may be the lower one.
    return float(threshold if lower == -np.inf else max((threshold + lower) / 2, np.nextafter(lower, threshold)))


def averaged_threshold(y_true, scores, metric, folds, sample_weight=None) -> float:
    """Tune a threshold with each fold left out in turn, and return the mean in log-odds.

    The mean varies less than a single tuned threshold, which depends on a few images. In log-odds it also commutes with
    calibration, which scales and shifts the log-odds.

    Parameters
    ----------
    y_true, scores, metric, sample_weight
        As in `tuned_threshold`.
    folds : list of (train, test)
        Indices, at least two folds; each `train` needs images of both labels.

    Returns
    -------
    float
    """
    found = [
        tuned_threshold(y_true[train], scores[train], metric, None if sample_weight is None else sample_weight[train])
        for train, _ in folds
    ]
    return float(expit(logit(np.clip(found, 1e-9, 1 - 1e-9)).mean()))
