"""Thresholds of K binary tasks, chosen from scores of images that the scoring network never saw."""

from numbers import Real
from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_curve, roc_curve

METRICS = ("f1", "balanced_accuracy")


def checked_metric(threshold, truth):
    """The metric that thresholds maximise, or None if `threshold` is fixed.

    Parameters
    ----------
    threshold : None, str, callable, float or array-like
    truth : ndarray of int, shape (n,)
        0 and 1. A callable is tried on perfect predictions of it before anything is trained.

    Returns
    -------
    str, callable or None

    Raises
    ------
    ValueError, TypeError
        If the name is unknown, the callable gives no finite number, or lower values of it are better.
    """
    if isinstance(threshold, str):
        if threshold not in METRICS:
            raise ValueError(f"threshold={threshold!r}: the metrics it knows by name are {METRICS}.")
        return threshold
    if not callable(threshold):
        return None
    value: Any = threshold(truth, truth)
    if not isinstance(value, Real):
        raise TypeError(
            f"threshold={threshold!r} is to return one number for (y_true, y_pred), and returned {value!r}."
        )
    if not np.isfinite(float(value)):
        raise ValueError(
            f"threshold={threshold!r} returned {value!r} where every prediction was right: a threshold metric has to "
            "be defined there, and higher must be better."
        )
    if _of_wrong_answers(threshold, truth) > float(value):
        raise ValueError(
            f"threshold={threshold!r} is higher where every prediction was wrong than where every one was right: it "
            "has to be a metric of which more is better, and not a loss."
        )
    return threshold


def _of_wrong_answers(metric, truth) -> float:
    """The metric if every prediction is wrong, or minus infinity if it is undefined there."""
    try:
        with np.errstate(all="ignore"):
            found = float(metric(truth, 1 - truth))
    except ArithmeticError:
        return -np.inf
    return found if np.isfinite(found) else -np.inf


def threshold_by_task(threshold, classes) -> Any:
    """A dict by label as a list, one number a task; anything else as it is.

    Parameters
    ----------
    threshold : object
    classes : ndarray of shape (n_classes,)
        Two make one task, that of the second.

    Raises
    ------
    ValueError
        If the dict has a label that no task has.

    Examples
    --------
    >>> threshold_by_task({"dog": 0.3}, np.array(["cat", "cow", "dog"]))
    [0.5, 0.5, 0.3]
    """
    if not isinstance(threshold, dict):
        return threshold
    labels = classes[len(classes) == 2 :].tolist()
    unknown = [label for label in threshold if label not in labels]
    if unknown:
        raise ValueError(f"threshold has labels that no task has: {unknown}; the tasks have {labels}.")
    return [threshold.get(label, 0.5) for label in labels]


def fixed_thresholds(threshold, n_tasks: int) -> np.ndarray:
    """Thresholds that need no tuning.

    Parameters
    ----------
    threshold : None, float or array-like of shape (n_tasks,)
        None is 0.5.
    n_tasks : int

    Returns
    -------
    ndarray of float, shape (n_tasks,)

    Raises
    ------
    ValueError
        If a threshold lies outside 0-1 or there is not one a task.

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
            f"threshold={threshold!r} is no number, no metric ({', '.join(METRICS)} or a callable), and neither a list "
            "of numbers, one a task, nor a dict of them by label."
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
    """Threshold at which ``scores >= threshold`` has the highest metric.

    Parameters
    ----------
    y_true : ndarray of shape (n,)
        0 and 1.
    scores : ndarray of float, shape (n,)
        Positive probabilities.
    metric : {"f1", "balanced_accuracy"} or callable ``(y_true, y_pred) -> float``
        Higher is better.
    sample_weight : ndarray of shape (n,) or None, default=None
        Not passed to a callable.

    Returns
    -------
    float
        Halfway to the next lower score, so that it does not depend on one image alone.

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
        # About a hundred of all scores, and of the positives' own, which may be few and close together.
        parts = [part for part in (scores, scores[np.asarray(y_true) == 1]) if len(part)]
        shares = np.linspace(0, 1, 101)
        candidates = np.unique([np.quantile(part, shares, method="higher") for part in parts])
        values = np.array([metric(y_true, (scores >= t).astype(int)) for t in candidates], dtype="float64")
        if not np.isfinite(values).any():
            raise ValueError(f"The threshold metric {metric!r} is undefined at every threshold.")
    best = candidates[np.nanargmax(values)]
    lower = scores[scores < best]
    return float((best + lower.max()) / 2) if len(lower) else float(best)


def averaged_threshold(y_true, scores, metric, folds, sample_weight=None) -> float:
    """Mean, in log-odds, of the thresholds tuned with each fold left out in turn.

    The best threshold of one sample depends on the few images around it; the mean of several varies less. In log-odds
    the mean commutes with scaling and shifting, which is what calibrators do.

    Parameters
    ----------
    y_true, scores, metric, sample_weight
        As in `tuned_threshold`.
    folds : list of (train, test)
        Two at least; each `train` holds images of both classes.

    Returns
    -------
    float
    """
    found = [
        tuned_threshold(y_true[train], scores[train], metric, None if sample_weight is None else sample_weight[train])
        for train, _ in folds
    ]
    return float(expit(logit(np.clip(found, 1e-9, 1 - 1e-9)).mean()))
