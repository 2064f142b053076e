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


def mean_and_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean of repeated runs and its Student's t interval.

    Parameters
    ----------
    values : array-like of shape (n_runs,)
        One figure a seed. Of a single one the interval is NaN.
    confidence : float, default=0.95
        The share of such intervals that hold the true mean, where the figures are normal.

    Returns
    -------
    Interval

    Examples
    --------
    >>> low, high = mean_and_interval([0.81, 0.83, 0.82])[1:]
    >>> print(f"{low:.3f} to {high:.3f}")
    0.795 to 0.845
    """
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1, got {confidence}.")
    checked = column_or_1d(check_array(values, dtype=np.float64, ensure_2d=False))
    mean = float(checked.mean())
    if len(checked) == 1:
        return Interval(mean, np.nan, np.nan)
    reach = float(stats.t.ppf((1 + confidence) / 2, len(checked) - 1) * stats.sem(checked))
    return Interval(mean, mean - reach, mean + reach)
