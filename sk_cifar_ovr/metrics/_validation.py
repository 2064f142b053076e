"""Validation of labels, predictions, probabilities and thresholds."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels


def check_truth(y_true: ArrayLike, classes: ArrayLike | None) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return the one-hot true labels (n, K) and the K classes in column order.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True labels.
    classes : array-like of shape (K,) or None
        Labels in column order. None takes the sorted labels of `y_true`.

    Returns
    -------
    truth : ndarray of shape (n, K), bool
    classes : ndarray of shape (K,)

    Raises
    ------
    ValueError
        If there are fewer than two classes, a class is named twice, or `y_true` holds a label that is not in
        `classes`.
    """
    y = np.asarray(column_or_1d(y_true))
    check_classification_targets(y)
    labels = np.asarray(np.unique(y) if classes is None else column_or_1d(classes))
    if len(labels) < 2:
        raise ValueError(
            f"One-vs-rest needs at least two classes, got {labels.tolist()}; name all of them in `classes`."
        )
    if len(np.unique(labels)) != len(labels):
        raise ValueError(f"`classes` names a class twice: {labels.tolist()}.")
    return one_hot(y, labels, "y_true"), labels


def one_hot(labels: NDArray[Any], classes: NDArray[Any], name: str) -> NDArray[np.bool_]:
    """Return labels as one-hot booleans.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    classes : ndarray of shape (K,)
        The class of each column.
    name : str
        Name of `labels` in the error message.

    Returns
    -------
    ndarray of shape (n, K), bool

    Raises
    ------
    ValueError
        If a label is not in `classes`.

    Examples
    --------
    >>> import numpy as np
    >>> one_hot(np.array(["cat", "owl"]), np.array(["cat", "dog", "owl"]), "y").astype(int)
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    hot = labels[:, None] == classes[None, :]
    unknown = ~hot.any(axis=1)
    if unknown.any():
        raise ValueError(
            f"`{name}` holds labels that are not in `classes` {classes.tolist()}: "
            f"{np.unique(labels[unknown]).tolist()}."
        )
    return hot


def check_predicted(
    y_true: ArrayLike, predicted: ArrayLike, classes: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[Any], bool]:
    """Return one-hot true labels and yes/no predictions, both (n, K), the classes, and whether labels were given."""
    y = np.asarray(column_or_1d(y_true))
    given = np.asarray(check_array(predicted, dtype=None, ensure_2d=False))
    check_consistent_length(y, given)
    if given.ndim == 1 and (given.dtype != bool or y.dtype == bool):
        check_classification_targets(given)
        truth, labels = check_truth(y, unique_labels(y, given) if classes is None else classes)
        return truth, one_hot(given, labels, "predicted"), labels, True
    if not np.isin(given, [False, True]).all():
        raise ValueError(
            "`predicted` of shape (n, K) takes the yes/no predictions of `predict_ovr`; "
            "probabilities go into `probabilities`."
        )
    truth, labels = check_truth(y, classes)
    answers = given.astype(bool)
    if _is_one_binary_column(answers, len(labels)):
        answers = np.column_stack([~answers, answers])
    _check_n_columns(answers, len(labels), "predicted")
    return truth, answers, labels, False


def check_probabilities(probabilities: ArrayLike, n_samples: int, n_classes: int) -> NDArray[np.float64]:
    """Return checked positive-class probabilities as float64, shape (n, K)."""
    checked = check_array(probabilities, dtype=np.float64, ensure_2d=False)
    if len(checked) != n_samples:
        raise ValueError(f"`probabilities` has {len(checked)} rows, but `y_true` has {n_samples}.")
    if checked.min() < 0 or checked.max() > 1:
        raise ValueError("`probabilities` has values outside 0-1; raw scores are not probabilities.")
    if _is_one_binary_column(checked, n_classes):
        checked = np.column_stack([1 - checked, checked])
    _check_n_columns(checked, n_classes, "probabilities")
    return checked


def check_truth_and_probabilities(
    y_true: ArrayLike, probabilities: ArrayLike, classes: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[Any]]:
    """Return one-hot true labels and checked probabilities, both (n, K), and the classes."""
    truth, labels = check_truth(y_true, classes)
    return truth, check_probabilities(probabilities, len(truth), len(labels)), labels


def check_thresholds(thresholds: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Return one threshold per class from a number, K numbers or, with two classes, that of the second class."""
    checked = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    if n_classes == 2 and len(checked) == 1:
        return np.array([1 - checked[0], checked[0]])
    if len(checked) not in (1, n_classes):
        raise ValueError(f"`thresholds` holds {len(checked)} values for {n_classes} classes.")
    return np.broadcast_to(checked, n_classes).copy()


def _is_one_binary_column(values: NDArray[Any], n_classes: int) -> bool:
    return n_classes == 2 and (values.ndim == 1 or values.shape[1] == 1)


def _check_n_columns(values: NDArray[Any], n_classes: int, name: str) -> None:
    n_columns = 1 if values.ndim == 1 else values.shape[1]
    if n_columns != n_classes:
        raise ValueError(
            f"`{name}` has {n_columns} columns for {n_classes} classes; list the classes in the order of the columns "
            "in `classes`, including those without a sample in `y_true`."
        )
