"""The images on which one-vs-rest predictions are confidently wrong."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ._validation import check_predicted, check_probabilities


def worst_mistakes(
    y_true: ArrayLike,
    predicted: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    n: int | None = 8,
) -> pd.DataFrame:
    """List the samples on which each class-vs-rest task is most confidently wrong.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, K)
        True labels, or a label matrix, as in :func:`~sk_cifar_ovr.ovr_report`.
    predicted : array-like of shape (n, K) or (n,)
        Yes/no predictions or labels, as in :func:`~sk_cifar_ovr.ovr_report`.
    probabilities : array-like of shape (n, K)
        Positive-class probability in each task. With two classes, (n,) is accepted too: the probability of the
        second class.
    classes : array-like of shape (K,), default=None
        Labels in column order. None takes the sorted labels, or the columns of a matrix.
    n : int or None, default=8
        Maximum number of samples per class and kind of mistake. None lists all of them.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `mistake`, `row`, `true` and `probability`. `mistake` is "missed" (a sample of the class,
        predicted "no") or "false yes" (a sample of another class, predicted "yes"), `row` the index of the sample
        and `true` its label (of a label matrix: a text that lists
        its classes). Sorted by class and kind, the worst mistake first: the lowest probability of "missed",
        the highest of "false yes".

    See Also
    --------
    sk_cifar_ovr.ovr_report : Counts all mistakes.

    Examples
    --------
    >>> from sk_cifar_ovr.metrics import worst_mistakes
    >>> worst_mistakes([0, 0, 1, 1], [0, 1, 1, 0], [0.1, 0.7, 0.6, 0.2], n=1)
       class    mistake  row  true  probability
    0      0     missed    1     0          0.3
    1      0  false yes    3     1          0.8
    2      1     missed    3     1          0.2
    3      1  false yes    1     0          0.7
    """
    truth, answers, _ = check_predicted(y_true, predicted, classes)
    checked = check_probabilities(probabilities, truth)
    true = truth.labels()
    missed, false_yes = truth.positive & ~answers, truth.negative & answers
    parts = []
    for k, (label, probability) in enumerate(zip(truth.classes.tolist(), checked.T, strict=True)):
        for mistake, wrong, order in (
            ("missed", missed[:, k], probability),
            ("false yes", false_yes[:, k], -probability),
        ):
            rows = np.flatnonzero(wrong)
            rows = rows[np.argsort(order[rows], kind="stable")][:n]
            columns = {"row": rows, "true": true[rows], "probability": probability[rows]}
            parts.append(pd.DataFrame({"class": label, "mistake": mistake, **columns}))
    return pd.concat(parts, ignore_index=True)
