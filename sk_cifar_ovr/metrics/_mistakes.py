"""Which rows K one-vs-rest problems got most wrong."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ._input import check_predicted, check_probabilities


def worst_mistakes(
    y_true: ArrayLike,
    predicted: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    n: int | None = 8,
) -> pd.DataFrame:
    """List the rows each "class k vs others" problem was most sure of, and wrong about.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    predicted : array-like of shape (n, K) or (n,)
        As in :func:`~sk_cifar_ovr.ovr_report`.
    probabilities : array-like of shape (n, K)
        The positive-class probability of each problem; of two classes also (n,), that of the second.
    classes : array-like of shape (K,), default=None
        The labels in column order; None takes the sorted labels.
    n : int or None, default=8
        How many of each kind for each class; None takes all.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `mistake` ("missed": the class, answered no; "false yes": another class, answered
        yes), `row`, `true` (the row's label) and `probability`; by class and kind, the worst first: the
        lowest probability of those missed, the highest of the false yes.

    Examples
    --------
    >>> worst_mistakes([0, 0, 1, 1], [0, 1, 1, 0], [0.1, 0.7, 0.6, 0.2], n=1)
       class    mistake  row  true  probability
    0      0     missed    1     0          0.3
    1      0  false yes    3     1          0.8
    2      1     missed    3     1          0.2
    3      1  false yes    1     0          0.7
    """
    truth, answers, found, _ = check_predicted(y_true, predicted, classes)
    checked = check_probabilities(probabilities, len(truth), len(found))
    labels = found[truth.argmax(axis=1)]
    parts = []
    for k, label in enumerate(found.tolist()):
        for mistake, wrong, order in (
            ("missed", truth[:, k] & ~answers[:, k], checked[:, k]),
            ("false yes", ~truth[:, k] & answers[:, k], -checked[:, k]),
        ):
            rows = np.flatnonzero(wrong)
            rows = rows[np.argsort(order[rows], kind="stable")][:n]
            columns = {"row": rows, "true": labels[rows], "probability": checked[rows, k]}
            parts.append(pd.DataFrame({"class": label, "mistake": mistake, **columns}))
    return pd.concat(parts, ignore_index=True)
