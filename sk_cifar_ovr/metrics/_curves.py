"""What probabilities are worth: curves, the points chosen on them, areas, calibration."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, roc_auc_score

from ._input import check_probabilities, check_thresholds, check_truth

N_BINS = 15


def divide(numerator: NDArray[Any], denominator: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the ratios, 0/0 being 0, and where they are 0/0."""
    undefined = denominator == 0
    return numerator / np.where(undefined, 1, denominator), undefined


def warn_undefined(name: str, undefined: NDArray[np.bool_], classes: NDArray[Any]) -> None:
    """Say as scikit-learn does which classes have no defined value."""
    if undefined.any():
        names = ", ".join(str(label) for label in classes[undefined])
        warnings.warn(
            f"{name} is ill-defined (0/0) and being set to 0.0 for class {names}.",
            UndefinedMetricWarning,
            stacklevel=3,
        )


def ovr_curves(
    y_true: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    thresholds: ArrayLike = 0.5,
) -> pd.DataFrame:
    """Precision, recall and false-positive rate of K one-vs-rest problems at every threshold.

    One table serves both the precision-recall and the ROC curve: recall is the true-positive rate.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    probabilities : array-like of shape (n, K)
        The positive-class probability of each problem; of two classes also (n,), that of the second.
    classes : array-like of shape (K,), default=None
        The labels in column order; None takes the sorted labels of `y_true`.
    thresholds : float or array-like of shape (K,), default=0.5
        The threshold chosen for each class: the answer is yes from there on. Of two classes, one number
        is the threshold of the second.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `threshold`, `precision`, `recall`, `false_positive_rate` and `chosen`, by class
        and falling threshold. Each class begins at an infinite threshold, with precision 1 as in
        `sklearn.metrics.precision_recall_curve`, and has one row with `chosen`. Rows that change
        neither curve are left out.

    Examples
    --------
    >>> curves = ovr_curves([0, 0, 1], [0.1, 0.7, 0.6])
    >>> print(curves[curves["class"] == 1].round(2).to_string(index=False))
    class  threshold  precision  recall  false_positive_rate  chosen
        1        inf       1.00     0.0                  0.0   False
        1        0.7       0.00     0.0                  0.5   False
        1        0.6       0.50     1.0                  0.5   False
        1        0.5       0.50     1.0                  0.5    True
        1        0.1       0.33     1.0                  1.0   False
    """
    truth, found = check_truth(y_true, classes)
    checked = check_probabilities(probabilities, len(truth), len(found))
    chosen = check_thresholds(thresholds, len(found))
    positives = truth.sum(axis=0)
    warn_undefined("recall", positives == 0, found)
    warn_undefined("false_positive_rate", positives == len(truth), found)
    curves = [
        _one_curve(truth[:, k], checked[:, k], chosen[k]).assign(**{"class": label})
        for k, label in enumerate(found.tolist())
    ]
    columns = ["class", "threshold", "precision", "recall", "false_positive_rate", "chosen"]
    return pd.concat(curves, ignore_index=True)[columns]


def _one_curve(truth: NDArray[np.bool_], probability: NDArray[np.float64], chosen: float) -> pd.DataFrame:
    thresholds = np.concatenate([[np.inf], np.unique(probability)[::-1]])
    # Before an equal threshold: the chosen row is then the same point of the curve.
    place = np.searchsorted(-thresholds, -chosen)
    thresholds = np.insert(thresholds, place, chosen)
    is_chosen = np.arange(len(thresholds)) == place
    yes = np.sort(probability[truth])
    no = np.sort(probability[~truth])
    tp = len(yes) - np.searchsorted(yes, thresholds)
    fp = len(no) - np.searchsorted(no, thresholds)
    precision, nothing_found = divide(tp, tp + fp)
    frame = pd.DataFrame(
        {
            "threshold": thresholds,
            "precision": np.where(nothing_found, 1.0, precision),
            "recall": divide(tp, np.full(tp.shape, len(yes)))[0],
            "false_positive_rate": divide(fp, np.full(fp.shape, len(no)))[0],
            "chosen": is_chosen,
        }
    )
    return frame[_turns(tp) | is_chosen]


def _turns(tp: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the true positives change: between these both curves are straight."""
    changes = np.concatenate([[True], tp[1:] != tp[:-1], [True]])
    return changes[1:] | changes[:-1]


def reliability_bins(
    y_true: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    n_bins: int = N_BINS,
) -> pd.DataFrame:
    """Mean probability and share of positives in equal-width bins, for each of K problems.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    probabilities : array-like of shape (n, K)
        The positive-class probability of each problem; of two classes also (n,), that of the second.
    classes : array-like of shape (K,), default=None
        The labels in column order; None takes the sorted labels of `y_true`.
    n_bins : int, default=15
        How many bins 0-1 is cut into, those of `sklearn.calibration.calibration_curve`.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `lower`, `upper`, `count`, `mean_probability`, `share_positive`; one row for each
        class and bin that holds a probability.

    Examples
    --------
    >>> reliability_bins([0, 0, 1], [0.1, 0.7, 0.6], n_bins=2).iloc[2:].reset_index(drop=True)
       class  lower  upper  count  mean_probability  share_positive
    0      1    0.0    0.5      1              0.10             0.0
    1      1    0.5    1.0      2              0.65             0.5
    """
    truth, found = check_truth(y_true, classes)
    checked = check_probabilities(probabilities, len(truth), len(found))
    bins = [
        _one_reliability(truth[:, k], checked[:, k], n_bins).assign(**{"class": label})
        for k, label in enumerate(found.tolist())
    ]
    columns = ["class", "lower", "upper", "count", "mean_probability", "share_positive"]
    return pd.concat(bins, ignore_index=True)[columns]


def _one_reliability(truth: NDArray[np.bool_], probability: NDArray[np.float64], n_bins: int) -> pd.DataFrame:
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.searchsorted(edges[1:-1], probability)
    count = np.bincount(bins, minlength=n_bins)
    held = count > 0
    return pd.DataFrame(
        {
            "lower": edges[:-1][held],
            "upper": edges[1:][held],
            "count": count[held],
            "mean_probability": np.bincount(bins, probability, n_bins)[held] / count[held],
            "share_positive": np.bincount(bins, truth, n_bins)[held] / count[held],
        }
    )


def calibration_error(bins: pd.DataFrame) -> float:
    """Expected calibration error of one class's reliability bins.

    The mean gap between probability and share of positives, weighted by the rows in each bin: the form of
    Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (AAAI
    2015), for the positive class, with the 15 equal-width bins of Guo et al., "On Calibration of Modern
    Neural Networks" (ICML 2017).

    Parameters
    ----------
    bins : pandas.DataFrame
        The rows of :func:`reliability_bins` of one class.

    Returns
    -------
    float

    Examples
    --------
    >>> bins = reliability_bins([0, 0, 1], [0.1, 0.7, 0.6], n_bins=2)
    >>> round(calibration_error(bins[bins["class"] == 1]), 3)
    0.133
    """
    gap = (bins["mean_probability"] - bins["share_positive"]).abs()
    return float(np.average(gap, weights=bins["count"]))


def probability_scores(
    y_true: ArrayLike, probabilities: ArrayLike, *, classes: ArrayLike | None = None
) -> pd.DataFrame:
    """Average precision, area under ROC and expected calibration error of each of K problems.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    probabilities : array-like of shape (n, K)
        The positive-class probability of each problem; of two classes also (n,), that of the second.
    classes : array-like of shape (K,), default=None
        The labels in column order; None takes the sorted labels of `y_true`.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `average_precision`, `roc_auc` and `calibration_error` (see
        :func:`calibration_error`). A class without a row in `y_true` has scikit-learn's values, 0 and
        NaN, with its warnings.

    Examples
    --------
    >>> probability_scores([0, 0, 1], [0.1, 0.7, 0.6]).round(2)
       class  average_precision  roc_auc  calibration_error
    0      0               0.83      0.5                0.4
    1      1               0.50      0.5                0.4
    """
    truth, found = check_truth(y_true, classes)
    checked = check_probabilities(probabilities, len(truth), len(found))
    problems = list(zip(truth.T, checked.T, strict=True))
    return pd.DataFrame(
        {
            "class": found,
            "average_precision": [float(average_precision_score(t, p)) for t, p in problems],
            "roc_auc": [float(roc_auc_score(t, p)) for t, p in problems],
            "calibration_error": [calibration_error(_one_reliability(t, p, N_BINS)) for t, p in problems],
        }
    )
