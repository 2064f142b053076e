"""Means over seeds, and how far to trust them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.utils import check_array, column_or_1d


class Interval(NamedTuple):
    """A mean and the interval around it."""

    mean: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """The mean difference of two candidates over the same splits, its interval, and how surprising it is."""

    difference: Interval
    statistic: float
    pvalue: float


def corrected_paired_test(
    first: ArrayLike, second: ArrayLike, *, n_train: float, n_test: float, confidence: float = 0.95
) -> PairedTest:
    """Compare two candidates on the same splits of the same rows: the corrected resampled t-test.

    The training parts of cross-validation overlap, so the scores of its folds vary less than those of new
    data would. An ordinary paired t-test takes them for independent and finds differences where there are none,
    the more so the more often the folds are repeated. The corrected test multiplies the variance of the
    differences with ``1 / n_splits + n_test / n_train`` instead of ``1 / n_splits``.

    Parameters
    ----------
    first, second : array-like of shape (n_splits,)
        Scores of the two, split by split in the same order.
    n_train, n_test : float
        Rows in the training and the test part of a split; where splits differ, their means.
    confidence : float, default=0.95
        Of the interval.

    Returns
    -------
    PairedTest
        `difference` (mean, low, high) of ``first - second``, `statistic` (Student's t with ``n_splits - 1``
        degrees of freedom) and the two-sided `pvalue`. Where all differences are equal, the statistic is
        infinite, or 0 with a p-value of 1 where they are 0.

    Raises
    ------
    ValueError
        If the scores are fewer than two, not finite or not as many on both sides, or the rows are none.

    References
    ----------
    Nadeau and Bengio, "Inference for the Generalization Error" (Machine Learning 52, 2003); Bouckaert and
    Frank, "Evaluating the Replicability of Significance Tests for Comparing Learning Algorithms" (PAKDD 2004),
    for repeated folds.

    Examples
    --------
    >>> a, b = [0.84, 0.86, 0.85, 0.88, 0.83], [0.82, 0.85, 0.85, 0.84, 0.82]
    >>> test = corrected_paired_test(a, b, n_train=800, n_test=200)
    >>> print(f"{test.difference.mean:.3f}, p = {test.pvalue:.2f}")
    0.016, p = 0.19
    """
    one, other = (column_or_1d(check_array(scores, dtype=np.float64, ensure_2d=False)) for scores in (first, second))
    if len(one) != len(other) or len(one) < 2:
        raise ValueError(f"Give the scores of both on the same two splits or more, got {len(one)} and {len(other)}.")
    difference = one - other
    error = _split_error(difference, n_train, n_test)
    interval = _t_interval(float(difference.mean()), error, len(one) - 1, confidence)
    if error == 0:
        statistic = float(np.sign(interval.mean) * np.inf) if interval.mean else 0.0
    else:
        statistic = interval.mean / error
    return PairedTest(interval, statistic, float(2 * stats.t.sf(abs(statistic), len(one) - 1)))


def mean_and_interval(
    values: ArrayLike, confidence: float = 0.95, *, n_train: float | None = None, n_test: float | None = None
) -> Interval:
    """Return the mean of repeated runs, or of the folds of a cross-validation, and its Student's t interval.

    Parameters
    ----------
    values : array-like of shape (n_runs,)
        One figure a seed, or a fold. Of a single one the interval is NaN.
    confidence : float, default=0.95
        The share of such intervals that hold the true mean, where the figures are normal.
    n_train, n_test : float or None, default=None
        Of folds: the rows in the training and the test part of each. Training parts overlap, for which the
        interval is widened as in `corrected_paired_test`.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If the values are not finite, only one of `n_train` and `n_test` is given, or the rows are none.

    Examples
    --------
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


def _t_interval(mean: float, error: float, freedom: int, confidence: float) -> Interval:
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1, got {confidence}.")
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom) * error) if freedom else np.nan
    return Interval(mean, mean - reach, mean + reach)
