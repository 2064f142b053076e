"""Confidence intervals and tests for scores of repeated runs or of cross-validation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.utils import check_array, column_or_1d


class Interval(NamedTuple):
    """A mean with its confidence interval.

    Attributes
    ----------
    mean : float
    low, high : float
        Ends of the interval.

    See Also
    --------
    mean_and_interval : Returns one.
    """

    mean: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """Result of `corrected_paired_test`.

    Attributes
    ----------
    difference : Interval
        Mean difference with its confidence interval.
    statistic : float
        Student's t.
    pvalue : float
        Two-sided p-value.

    See Also
    --------
    corrected_paired_test : Returns one.
    """

    difference: Interval
    statistic: float
    pvalue: float


def corrected_paired_test(
    first: ArrayLike, second: ArrayLike, *, n_train: float, n_test: float, confidence: float = 0.95
) -> PairedTest:
    """Compare two models on the same cross-validation splits: the corrected resampled t-test.

    The training parts of cross-validation overlap, so the scores of its folds vary less than scores on new data
    would. An ordinary paired t-test assumes independent scores and finds differences that do not exist; repeating
    the folds makes this worse. The corrected test multiplies the variance of the differences by
    ``1 / n_splits + n_test / n_train`` instead of ``1 / n_splits``.

    Parameters
    ----------
    first, second : array-like of shape (n_splits,)
        Scores of the two models on each split, in the same order.
    n_train, n_test : float
        Number of samples in the training and the test part of a split; their means if splits differ in size.
    confidence : float, default=0.95
        Confidence level of the interval.

    Returns
    -------
    PairedTest
        `difference` (mean, low, high) of ``first - second``, `statistic` (Student's t with ``n_splits - 1``
        degrees of freedom) and the two-sided `pvalue`. If all differences are equal, the statistic is infinite; if
        all are 0, it is 0 and the p-value 1.

    Raises
    ------
    ValueError
        If there are fewer than two scores, the numbers of scores differ, a score is not finite, or `n_train` or
        `n_test` is not positive.

    See Also
    --------
    mean_and_interval : Interval of one model's scores.

    References
    ----------
    C. Nadeau and Y. Bengio, "Inference for the Generalization Error" (Machine Learning 52, 2003); for repeated
    folds R. R. Bouckaert and E. Frank, "Evaluating the Replicability of Significance Tests for Comparing Learning
    Algorithms" (PAKDD 2004).

    Examples
    --------
    >>> from sk_cifar_ovr.metrics import corrected_paired_test
    >>> a, b = [0.84, 0.86, 0.85, 0.88, 0.83], [0.82, 0.85, 0.85, 0.84, 0.82]
    >>> test = corrected_paired_test(a, b, n_train=800, n_test=200)
    >>> print(f"{test.difference.mean:.3f}, p = {test.pvalue:.2f}")
    0.016, p = 0.19
    """
    a, b = (column_or_1d(check_array(scores, dtype=np.float64, ensure_2d=False)) for scores in (first, second))
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"Give the scores of both on the same two splits or more, got {len(a)} and {len(b)}.")
    difference = a - b
    error = _split_error(difference, n_train, n_test)
    interval = _t_interval(float(difference.mean()), error, len(a) - 1, confidence)
    if error == 0:
        statistic = float(np.sign(interval.mean) * np.inf) if interval.mean else 0.0
    else:
        statistic = interval.mean / error
    return PairedTest(interval, statistic, float(2 * stats.t.sf(abs(statistic), len(a) - 1)))


def mean_and_interval(
    values: ArrayLike, confidence: float = 0.95, *, n_train: float | None = None, n_test: float | None = None
) -> Interval:
    """Return the mean of repeated runs, or of cross-validation folds, with its Student's t interval.

    Parameters
    ----------
    values : array-like of shape (n_runs,)
        One score per run or fold. With a single score, the interval is NaN.
    confidence : float, default=0.95
        Confidence level: the share of such intervals that contain the true mean, if the scores are normal.
    n_train, n_test : float or None, default=None
        For folds: number of samples in the training and the test part of each. The interval is then widened as in
        :func:`~sk_cifar_ovr.metrics.corrected_paired_test`, because training parts overlap.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If a value is not finite, only one of `n_train` and `n_test` is given, or one of them is not positive.

    See Also
    --------
    corrected_paired_test : Compares two models on the same splits.

    Examples
    --------
    >>> from sk_cifar_ovr.metrics import mean_and_interval
    >>> low, high = mean_and_interval([0.81, 0.83, 0.82])[1:]
    >>> print(f"{low:.3f} to {high:.3f}")
    0.795 to 0.845
    >>> low, high = mean_and_interval([0.81, 0.83, 0.82], n_train=600, n_test=300)[1:]
    >>> print(f"{low:.3f} to {high:.3f}")
    0.781 to 0.859
    """
    checked = column_or_1d(check_array(values, dtype=np.float64, ensure_2d=False))
    if len(checked) == 1:
        error = np.nan
    elif n_train is None and n_test is None:
        error = float(stats.sem(checked))
    else:
        error = _split_error(checked, n_train, n_test)
    return _t_interval(float(checked.mean()), error, len(checked) - 1, confidence)


def _split_error(values: np.ndarray, n_train: float | None, n_test: float | None) -> float:
    """Standard error of the mean over splits whose training parts overlap."""
    if not (n_train and n_test and n_train > 0 and n_test > 0):
        raise ValueError(f"`n_train` and `n_test` must both be above 0, got {n_train} and {n_test}.")
    return float(np.sqrt(values.var(ddof=1) * (1 / len(values) + n_test / n_train)))


def _t_interval(mean: float, error: float, degrees_of_freedom: int, confidence: float) -> Interval:
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must be between 0 and 1, got {confidence}.")
    half_width = float(stats.t.ppf((1 + confidence) / 2, degrees_of_freedom) * error) if degrees_of_freedom else np.nan
    return Interval(mean, mean - half_width, mean + half_width)
