"""Quality of predicted probabilities: calibration, and scores that need no threshold."""

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from ._validation import check_probabilities, check_truth

N_BINS = 15
Absent = Literal["zero", "nan"]


def reliability_bins(
    y_true: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    n_bins: int = N_BINS,
) -> pd.DataFrame:
    """Compute the mean probability and the share of positives in equal-width bins for each class-vs-rest task.

    Parameters
    ----------
    y_true, probabilities, classes : array-like
        True labels (n,) or label matrix (n, K), positive-class probabilities and labels in column order, as in
        :func:`ovr_curves`.
    n_bins : int, default=15
        Number of bins between 0 and 1, with the edges of `sklearn.calibration.calibration_curve`.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `lower`, `upper`, `count`, `mean_probability` and `share_positive`. One row per class and
        bin; empty bins are left out.

    See Also
    --------
    calibration_error : Summary of the bins of one class.
    sk_cifar_ovr.plots.OvRCalibrationDisplay : Draws these bins.

    Examples
    --------
    >>> from sk_cifar_ovr.metrics import reliability_bins
    >>> reliability_bins([0, 0, 1], [0.1, 0.7, 0.6], n_bins=2).iloc[2:].reset_index(drop=True)
       class  lower  upper  count  mean_probability  share_positive
    0      1    0.0    0.5      1              0.10             0.0
    1      1    0.5    1.0      2              0.65             0.5
    """
    truth = check_truth(y_true, classes)
    checked = check_probabilities(probabilities, truth)
    bins = {label: _task_bins(is_class, p, n_bins) for label, is_class, p in truth.tasks(checked)}
    return pd.concat(bins, names=["class"]).reset_index("class").reset_index(drop=True)


def _task_bins(truth: NDArray[np.bool_], probability: NDArray[np.float64], n_bins: int) -> pd.DataFrame:
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.searchsorted(edges[1:-1], probability)
    count = np.bincount(bins, minlength=n_bins)
    filled = count > 0
    return pd.DataFrame(
        {
            "lower": edges[:-1][filled],
            "upper": edges[1:][filled],
            "count": count[filled],
            "mean_probability": np.bincount(bins, probability, n_bins)[filled] / count[filled],
            "share_positive": np.bincount(bins, truth, n_bins)[filled] / count[filled],
        }
    )


def calibration_error(bins: pd.DataFrame) -> float:
    """Compute the expected calibration error (ECE) of one class from its reliability bins.

    The ECE is the mean gap between predicted probability and share of positives, weighted by the number of samples
    in each bin.

    Parameters
    ----------
    bins : pandas.DataFrame
        Rows of :func:`reliability_bins` of one class.

    Returns
    -------
    float

    References
    ----------
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"
    (AAAI 2015) defines the ECE; here it is computed for the positive class. The 15 bins of equal width are those of
    C. Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017).

    Examples
    --------
    >>> from sk_cifar_ovr.metrics import calibration_error, reliability_bins
    >>> bins = reliability_bins([0, 0, 1], [0.1, 0.7, 0.6], n_bins=2)
    >>> round(calibration_error(bins[bins["class"] == 1]), 3)
    0.133
    """
    gap = (bins["mean_probability"] - bins["share_positive"]).abs()
    return float(np.average(gap, weights=bins["count"]))


def check_absent(absent: str) -> None:
    """Raise ValueError unless `absent` is "zero" or "nan"."""
    if absent not in get_args(Absent):
        raise ValueError(f"`absent` is {absent!r}; it must be 'zero' or 'nan'.")


def probability_scores(
    y_true: ArrayLike, probabilities: ArrayLike, *, classes: ArrayLike | None = None, absent: Absent = "zero"
) -> pd.DataFrame:
    """Compute average precision, ROC AUC and expected calibration error of each class-vs-rest task.

    Parameters
    ----------
    y_true, probabilities, classes : array-like
        True labels (n,) or label matrix (n, K), positive-class probabilities and labels in column order, as in
        :func:`ovr_curves`.
    absent : {"zero", "nan"}, default="zero"
        Scores of a class without samples in `y_true`. "zero" are scikit-learn's values, 0 and NaN, with scikit-learn's
        warnings; with "nan" all are NaN.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `average_precision`, `roc_auc` and `calibration_error`.

    See Also
    --------
    ovr_curves : The curves under which these areas are.
    calibration_error : The last column, for one class.

    Examples
    --------
    >>> from sk_cifar_ovr.metrics import probability_scores
    >>> probability_scores([0, 0, 1], [0.1, 0.7, 0.6]).round(2)
       class  average_precision  roc_auc  calibration_error
    0      0               0.83      0.5                0.4
    1      1               0.50      0.5                0.4
    """
    truth = check_truth(y_true, classes)
    checked = check_probabilities(probabilities, truth)
    check_absent(absent)
    scores = []
    for label, is_class, probability in truth.tasks(checked):
        if absent == "nan" and not is_class.any():
            scores.append((label, np.nan, np.nan, np.nan))
            continue
        error = calibration_error(_task_bins(is_class, probability, N_BINS))
        precision, area = average_precision_score(is_class, probability), roc_auc_score(is_class, probability)
        scores.append((label, float(precision), float(area), error))
    frame = pd.DataFrame(scores, columns=["class", "average_precision", "roc_auc", "calibration_error"])
    return frame.assign(**{"class": truth.classes})
