"""Validation of labels, predictions, probabilities and thresholds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from .._shared.label_matrices import UNKNOWN, check_plain_labels, columns_in_order, is_label_matrix, label_matrix
from .._shared.missing_values import check_finite_rows, unmasked


@dataclass(frozen=True, eq=False)
class Truth:
    """True labels of K class-vs-rest tasks, checked.

    Attributes
    ----------
    positive : ndarray of shape (n, K), bool
        Whether a sample belongs to a class. False if that is not known.
    classes : ndarray of shape (K,)
        The class of each column.
    known : ndarray of shape (n, K), bool, or None
        Which entries are known. None if all are.
    multilabel : bool
        Whether the labels were given as a matrix, so that the classes do not exclude each other.
    """

    positive: NDArray[np.bool_]
    classes: NDArray[Any]
    known: NDArray[np.bool_] | None = None
    multilabel: bool = False

    def __len__(self) -> int:
        return len(self.positive)

    @property
    def negative(self) -> NDArray[np.bool_]:
        """Whether a sample is known not to belong to a class, shape (n, K)."""
        return ~self.positive if self.known is None else ~self.positive & self.known

    @property
    def is_binary(self) -> bool:
        """Whether there are two classes that exclude each other: one column then determines the other."""
        return len(self.classes) == 2 and not self.multilabel

    def tasks(self, values: NDArray[Any]) -> Iterator[tuple[Any, NDArray[np.bool_], NDArray[Any]]]:
        """Yield the label, the truth and the column of `values` of each task, for the samples whose label is known."""
        for k, label in enumerate(self.classes.tolist()):
            rows = slice(None) if self.known is None else self.known[:, k]
            yield label, self.positive[rows, k], values[rows, k]

    def labels(self) -> NDArray[Any]:
        """Return the label of each sample, shape (n,); of a matrix, a text that lists the classes of the sample."""
        if not self.multilabel:
            return self.classes[self.positive.argmax(axis=1)]
        names = np.array([str(label) for label in self.classes.tolist()], dtype=object)
        texts = np.array([", ".join(names[row]) for row in self.positive], dtype=object)
        texts[texts == ""] = "none"
        if self.known is not None:
            texts[(texts == "none") & ~self.known.all(axis=1)] = "not known"
        return texts


def check_truth(y_true: ArrayLike, classes: ArrayLike | None) -> Truth:
    """Return checked true labels.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, K)
        True labels, or a label matrix.
    classes : array-like of shape (K,) or None
        Labels in column order. None takes the sorted labels of `y_true`; of a matrix, the names of its columns or 0
        to K - 1.

    Returns
    -------
    Truth

    Raises
    ------
    ValueError
        If there are fewer than two classes, a class is named twice, or `y_true` holds a label that is not in
        `classes`; see also :func:`check_label_matrix`.
    """
    if is_label_matrix(y_true):
        return check_label_matrix(y_true, classes)
    y = _label_column(y_true)
    labels = np.asarray(np.unique(y) if classes is None else column_or_1d(classes))
    _check_classes(labels)
    return Truth(one_hot(y, labels, "y_true"), labels)


def check_label_matrix(y: Any, classes: ArrayLike | None) -> Truth:
    """Return a checked label matrix.

    Parameters
    ----------
    y : array-like, data frame, masked array or sparse matrix of shape (n, K)
        1 if the sample belongs to the class of the column, 0 if not. NaN, None and masked entries are not known.
    classes : array-like of shape (K,) or None
        Class of each column. None takes the column names of a data frame, otherwise 0 to K - 1. If both are given
        and hold the same labels, the columns are put in the order of `classes`.

    Returns
    -------
    Truth

    Raises
    ------
    ValueError
        If the matrix holds other values, has fewer than two columns or no row, a class has no known label, or
        `classes` does not fit the columns.
    """
    labels, names = label_matrix(y)
    if classes is not None:
        wanted = np.asarray(column_or_1d(classes))
        labels, names = labels[:, _columns_of(wanted, names)], wanted
    _check_classes(names)
    known = labels != UNKNOWN
    empty = names[~known.any(axis=0)].tolist()
    if empty:
        raise ValueError(
            f"No label of {', '.join(map(repr, empty))} is known: leave such columns out of the label matrix and of "
            "the predictions."
        )
    return Truth(labels == 1, names, None if known.all() else known, multilabel=True)


def _columns_of(classes: NDArray[Any], names: NDArray[Any]) -> list[int]:
    """Column of each class: matched by name, or by position if no name is a class."""
    if len(classes) != len(names):
        raise ValueError(f"The label matrix has {len(names)} columns for {len(classes)} classes: {classes.tolist()}.")
    order = columns_in_order(classes.tolist(), names.tolist())
    return _by_position(classes, names.tolist(), "label matrix") if order is None else order


def _by_position(classes: NDArray[Any], names: list[Any], what: str) -> list[int]:
    """All columns in their order, if their names are none of the classes."""
    wanted, positions = classes.tolist(), list(range(len(names)))
    if set(wanted) & set(names) and names != positions:
        raise ValueError(f"The columns {names} of the {what} are not the classes {wanted}.")
    return positions


def _label_column(y: ArrayLike) -> NDArray[Any]:
    check_plain_labels(y)
    check_classification_targets(y)
    return np.asarray(column_or_1d(y))


def _check_classes(labels: NDArray[Any]) -> None:
    if len(labels) < 2:
        raise ValueError(
            f"One-vs-rest needs at least two classes, got {labels.tolist()}; name all of them in `classes`."
        )
    if len(set(labels.tolist())) != len(labels):
        raise ValueError(f"`classes` names a class twice: {labels.tolist()}.")


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
) -> tuple[Truth, NDArray[np.bool_], bool]:
    """Return checked true labels, yes/no predictions (n, K), and whether the predictions were labels."""
    truth = check_label_matrix(y_true, classes) if is_label_matrix(y_true) else None
    y = _label_column(y_true) if truth is None else truth.positive
    plain: Any = unmasked(predicted, "predicted")
    if isinstance(plain, np.ndarray):
        check_finite_rows(plain, "predicted")
    given = check_array(plain, accept_sparse=True, dtype=None, ensure_2d=False)
    given = np.asarray(given.toarray() if issparse(given) else given)
    check_consistent_length(y, given)
    if truth is None and given.ndim == 1 and (given.dtype != bool or y.dtype == bool):
        check_classification_targets(given)
        truth = check_truth(y, unique_labels(y, given) if classes is None else classes)
        return truth, one_hot(given, truth.classes, "predicted"), True
    if truth is not None and given.ndim == 1:
        raise ValueError(
            f"`y_true` is a label matrix with {len(truth.classes)} columns, but `predicted` has shape {given.shape}: "
            "give the yes/no predictions of all classes, shape (n, K)."
        )
    if not np.isin(given, [False, True]).all():
        raise ValueError(
            "`predicted` of shape (n, K) takes the yes/no predictions of `predict_ovr`; "
            "probabilities go into `probabilities`."
        )
    truth = check_truth(y, classes) if truth is None else truth
    given = _in_class_order(given.astype(bool), predicted, truth, "predicted")
    return truth, _task_columns(given, truth, "predicted", np.logical_not), False


def check_probabilities(probabilities: ArrayLike, truth: Truth) -> NDArray[np.float64]:
    """Return checked positive-class probabilities as float64, shape (n, K)."""
    plain: Any = unmasked(probabilities, "probabilities")
    checked = check_array(plain, dtype=np.float64, ensure_2d=False, ensure_all_finite=False)
    check_finite_rows(checked, "probabilities")
    if len(checked) != len(truth):
        raise ValueError(f"`probabilities` has {len(checked)} rows, but `y_true` has {len(truth)}.")
    if checked.min() < 0 or checked.max() > 1:
        raise ValueError("`probabilities` has values outside 0-1; raw scores are not probabilities.")
    checked = _in_class_order(checked, probabilities, truth, "probabilities")
    return _task_columns(checked, truth, "probabilities", lambda positive: 1 - positive)


def _in_class_order(values: NDArray[Any], given: Any, truth: Truth, name: str) -> NDArray[Any]:
    """The columns of a data frame in the order of the classes, if it names them; other values as they are."""
    names = list(getattr(given, "columns", []))
    if len(names) != len(truth.classes) or names == list(range(len(names))):
        return values
    order = columns_in_order(truth.classes.tolist(), names)
    return values[:, _by_position(truth.classes, names, f"data frame `{name}`") if order is None else order]


def check_thresholds(thresholds: ArrayLike, truth: Truth) -> NDArray[np.float64]:
    """Return one threshold per class from a number, K numbers or, with two classes, that of the second class."""
    checked = np.atleast_1d(np.asarray(unmasked(thresholds, "thresholds"), dtype=np.float64))
    n_classes = len(truth.classes)
    if np.isnan(checked).any():
        raise ValueError(f"`thresholds` holds NaN at index {np.flatnonzero(np.isnan(checked))[0]}.")
    if truth.is_binary and len(checked) == 1:
        return np.array([1 - checked[0], checked[0]])
    if len(checked) not in (1, n_classes):
        raise ValueError(f"`thresholds` holds {len(checked)} values for {n_classes} classes.")
    return np.broadcast_to(checked, n_classes).copy()


def _task_columns(values: NDArray[Any], truth: Truth, name: str, complement: Callable[..., Any]) -> NDArray[Any]:
    """One column per class; with two classes, that of the first is the complement of a single given one."""
    n_columns, n_classes = 1 if values.ndim == 1 else values.shape[1], len(truth.classes)
    if truth.is_binary and n_columns == 1:
        return np.column_stack([complement(values), values])
    if n_columns != n_classes:
        raise ValueError(
            f"`{name}` has {n_columns} columns for {n_classes} classes; list the classes in the order of the columns "
            "in `classes`, including those without a sample in `y_true`."
        )
    return values
