"""Precision-recall and ROC curves of one-vs-rest tasks as one table."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ._ratios import ratio, warn_undefined
from ._validation import check_probabilities, check_thresholds, check_truth


def ovr_curves(
    y_true: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    thresholds: ArrayLike = 0.5,
) -> pd.DataFrame:
    """Compute precision, recall and false-positive rate of each class-vs-rest task at every threshold.

    One table serves both the precision-recall and the ROC curve, because recall is the true-positive rate.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, K)
        True labels, or a label matrix, as in :func:`~sk_cifar_ovr.ovr_report`.
    probabilities : array-like of shape (n, K)
        Positive-class probability in each task. With two classes, (n,) is accepted too: the probability of the
        second class.
    classes : array-like of shape (K,), default=None
        Labels in column order. None takes the sorted labels of `y_true`, or the columns of a matrix.
    thresholds : float or array-like of shape (K,), default=0.5
        Threshold chosen for each class: a probability at or above it is a "yes". With two classes, a single number
        is the threshold of the second class.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `threshold`, `precision`, `recall`, `false_positive_rate` and `chosen`, sorted by class and
        falling threshold. Each class starts at an infinite threshold, with precision 1 as in
        `sklearn.metrics.precision_recall_curve`, and has one row at its chosen threshold. Points on straight
        parts of both curves are left out.

    Warns
    -----
    UndefinedMetricWarning
        If a class has no positive or no negative samples. The undefined rate is set to 0.

    See Also
    --------
    sk_cifar_ovr.OvRCurvesDisplay : Draws these curves.
    probability_scores : Areas under these curves.

    Examples
    --------
    >>> from sk_cifar_ovr.metrics import ovr_curves
    >>> curves = ovr_curves([0, 0, 1], [0.1, 0.7, 0.6])
    >>> print(curves[curves["class"] == 1].round(2).to_string(index=False))
    class  threshold  precision  recall  false_positive_rate  chosen
        1        inf       1.00     0.0                  0.0   False
        1        0.7       0.00     0.0                  0.5   False
        1        0.6       0.50     1.0                  0.5   False
        1        0.5       0.50     1.0                  0.5    True
        1        0.1       0.33     1.0                  1.0   False
    """
    truth = check_truth(y_true, classes)
    checked = check_probabilities(probabilities, truth)
    chosen = check_thresholds(thresholds, truth)
    warn_undefined("recall", truth.positive.sum(axis=0) == 0, truth.classes)
    warn_undefined("false_positive_rate", truth.negative.sum(axis=0) == 0, truth.classes)
    tasks = zip(truth.tasks(checked), chosen.tolist(), strict=True)
    curves = {label: _task_curve(is_class, probability, at) for (label, is_class, probability), at in tasks}
    return pd.concat(curves, names=["class"]).reset_index("class").reset_index(drop=True)


def _task_curve(truth: NDArray[np.bool_], probability: NDArray[np.float64], chosen: float) -> pd.DataFrame:
    thresholds = np.concatenate([[np.inf], np.unique(probability)[::-1]])
    # Before an equal threshold: the chosen row is then the same point of the curve.
    place = np.searchsorted(-thresholds, -chosen)
    thresholds = np.insert(thresholds, place, chosen)
    is_chosen = np.arange(len(thresholds)) == place
    positives, negatives = np.sort(probability[truth]), np.sort(probability[~truth])
    tp = len(positives) - np.searchsorted(positives, thresholds)
    fp = len(negatives) - np.searchsorted(negatives, thresholds)
    frame = pd.DataFrame(
        {
            "threshold": thresholds,
            "precision": ratio(tp, tp + fp, undefined=1.0),
            "recall": ratio(tp, len(positives)),
            "false_positive_rate": ratio(fp, len(negatives)),
            "chosen": is_chosen,
        }
    )
    return frame[_at_corners(tp) | is_chosen]


def _at_corners(tp: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether the true positives change before or after each point; between such points both curves are straight."""
    changes = np.concatenate([[True], tp[1:] != tp[:-1], [True]])
    return changes[1:] | changes[:-1]
