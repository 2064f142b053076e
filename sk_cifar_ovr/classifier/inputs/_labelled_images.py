"""Images with labels and sample weights, checked before a fit."""

from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array

from ..._shared.label_matrices import UNKNOWN, check_plain_labels, is_label_matrix, label_matrix
from ..._shared.missing_values import check_finite_rows, unmasked
from ..._shared.text import plain
from ._collections import as_images, check_several
from ._images import LARGEST, checked_images, with_known_white


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels and weights, checked.

    Attributes
    ----------
    X : array, shape (n, h, w, c), (n, h, w) or (n, d)
    y : ndarray of shape (n,) or (n, K)
        Labels, or a label matrix of int8: 1, 0 and `UNKNOWN`.
    classes : ndarray of shape (n_classes,)
        Of labels: sorted; y need not hold all of them. Of a matrix: the names of the columns.
    sample_weight : ndarray of float64, shape (n,), or None
    groups : ndarray of int, shape (n,), or None
        Number of the group of each image; a split has all images of a group on one side.
    """

    X: Any
    y: np.ndarray
    classes: np.ndarray
    sample_weight: np.ndarray | None = None
    groups: np.ndarray | None = None

    def __getitem__(self, index: np.ndarray) -> "LabelledImages":
        """A part of the images, as a fold is."""
        weights = None if self.sample_weight is None else self.sample_weight[index]
        groups = None if self.groups is None else self.groups[index]
        return LabelledImages(self.X[index], self.y[index], self.classes, weights, groups)

    def of_tasks(self, tasks: np.ndarray) -> "LabelledImages":
        """The images with the labels of some of the binary tasks, as a label matrix."""
        return replace(self, y=self.binary_labels[:, tasks], classes=self.task_classes[tasks])

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several labels."""
        return self.y.ndim == 2

    @property
    def task_classes(self) -> np.ndarray:
        """Class of each binary task; two classes that exclude each other make one task, that of the second."""
        return self.classes if self.multilabel or len(self.classes) != 2 else self.classes[1:]

    @property
    def binary_labels(self) -> np.ndarray:
        """Label of each image in each binary task, int8 (n, n_tasks): 1, 0 and `UNKNOWN`."""
        return self.y if self.multilabel else (np.asarray(self.y)[:, None] == self.task_classes).astype("int8")

    @property
    def has_weight(self) -> np.ndarray:
        """Whether an image has a weight above 0, (n,)."""
        return np.ones(len(self.y), bool) if self.sample_weight is None else self.sample_weight > 0

    def label_counts(self) -> np.ndarray:
        """Number of images with weight that have label 0 and label 1 in each binary task, (n_tasks, 2)."""
        labels = self.binary_labels[self.has_weight]
        return np.stack([(labels == label).sum(axis=0) for label in (0, 1)], axis=1)


def labelled_images(estimator, X, y, sample_weight=None, *, classes=None, reset: bool) -> LabelledImages:
    """Check images, labels and weights of a fit.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and, if X is a data frame, ``feature_names_in_``. Its tags tell whether it takes a
        label matrix.
    X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
    y : array-like of shape (n,) or (n, K)
    sample_weight : array-like of shape (n,) or None
    classes : array-like or None, default=None
        All labels, or the names of the columns of a matrix; None takes those of y.
    reset : bool
        Whether the estimator learns the number of features anew.

    Raises
    ------
    ValueError
        If something is invalid, y holds one class only or a label that is not among `classes`, plain labels are not
        all known, or y is of another kind than in the last fit.
    InputTypeError, ImageShapeError
        If X holds no images, but paths or a dataset of examples; if X is one image, or y one label.
    """
    name, is_matrix = type(estimator).__name__, is_label_matrix(y)
    X = as_images(X, name)
    check_several(X, y, name)
    if is_matrix and not get_tags(estimator).classifier_tags.multi_label:
        raise ValueError(_where_to_go(y, name))
    if not reset and is_matrix != getattr(estimator, "multilabel_", False):
        raise ValueError(
            f"y is {'a label matrix' if is_matrix else 'one label an image'}, and the last fit had "
            f"{'one label an image' if is_matrix else 'a label matrix'}: fit a clone instead."
        )
    if not is_matrix:
        check_plain_labels(y)
        check_one_kind(y, "y")
        X, y = checked_images(estimator, X, y, reset=reset)
        check_classification_targets(y)
        classes = checked_classes(y, classes, name)
        X = with_known_white(X) if reset else X
        return LabelledImages(X, y, classes, checked_weights(sample_weight, X))
    labels, names = label_matrix(y)
    X = checked_images(estimator, X, reset=reset)
    check_consistent_length(X, labels)
    X = with_known_white(X) if reset else X
    classes = names if classes is None else _checked_names(names, np.asarray(classes), hasattr(y, "columns"))
    return LabelledImages(X, labels, classes, checked_weights(sample_weight, X))


def _where_to_go(y, estimator: str) -> str:
    """Error message for a label matrix that is given to a classifier of single labels."""
    message = (
        f"y is a label matrix of shape {tuple(np.shape(y))}, and {estimator} takes one label an image, shape (n,): for "
        "several labels an image use OneVsRestCNNClassifier."
    )
    try:
        labels, _ = label_matrix(y)
    except ValueError:
        return message
    if (labels == UNKNOWN).any() or (labels.sum(axis=1) != 1).any():
        return message
    dense = "y.toarray()" if issparse(y) else "np.asarray(y)"
    return f"{message} Here every row has exactly one 1: {dense}.argmax(axis=1) gives the label of each image."


def _checked_names(names: np.ndarray, classes: np.ndarray, are_given: bool) -> np.ndarray:
    """Classes of an earlier fit or of `partial_fit`, checked against the columns of a matrix."""
    if len(names) != len(classes) or (are_given and not np.array_equal(names, classes)):
        what = f"columns {names.tolist()}" if are_given else f"{len(names)} columns"
        raise ValueError(f"The label matrix has {what}, but its classes are {classes.tolist()}.")
    if len(set(classes.tolist())) != len(classes):
        raise ValueError(f"classes names a class twice: {classes.tolist()}.")
    return classes


def check_one_kind(labels, name: str) -> None:
    """Refuse labels of which some are missing, or some are strings and others are not.

    Parameters
    ----------
    labels : array-like
        Arrays of numbers, and of strings, pass.
    name : str
        Name of the argument, for messages.

    Raises
    ------
    ValueError
        Naming a label.

    Examples
    --------
    >>> check_one_kind([1, "cat"], "y")
    Traceback (most recent call last):
        ...
    ValueError: y mixes strings and other labels, such as 'cat' and 1, which cannot be sorted: make all of them ...
    """
    if not isinstance(labels, (list, tuple)) and getattr(getattr(labels, "dtype", None), "kind", None) != "O":
        return
    items = list(np.asarray(labels, object).ravel())
    missing = [i for i, label in enumerate(items) if label is None or isinstance(label, float) and np.isnan(label)]
    if missing:
        raise ValueError(f"{name} holds no label ({plain(items[missing[0]])!r}) at index {missing[0]}.")
    strings = [label for label in items if isinstance(label, str)]
    if 0 < len(strings) < len(items):
        other = next(label for label in items if not isinstance(label, str))
        raise ValueError(
            f"{name} mixes strings and other labels, such as {plain(strings[0])!r} and {plain(other)!r}, which cannot "
            "be sorted: make all of them strings, [str(label) for label in labels], or all numbers."
        )


def check_known_columns(images: LabelledImages, *, partial: bool) -> None:
    """Refuse columns of a label matrix without any known label.

    Parameters
    ----------
    images : LabelledImages
    partial : bool
        Whether it is one of several calls, of which only a matrix without any known label is refused.

    Raises
    ------
    ValueError
        The message names the columns.
    """
    is_empty = images.label_counts().sum(axis=1) == 0
    if images.multilabel and (is_empty.all() if partial else is_empty.any()):
        empty = images.classes[is_empty].tolist()
        raise ValueError(
            f"No label of {', '.join(map(repr, empty))} is known for an image that has weight: leave such columns out "
            "of the label matrix, or give more images."
        )


def checked_classes(y, classes, estimator: str) -> np.ndarray:
    """Sorted class labels.

    Raises
    ------
    ValueError
        If there is only one, or y holds another one.
    """
    classes = np.unique(y if classes is None else classes)
    if len(classes) < 2:
        raise ValueError(f"{estimator} needs at least two classes, but y holds one class only: {plain(classes[0])!r}.")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(f"y holds labels that are not among the classes {classes}: {unknown[:5].tolist()}.")
    return classes


def check_partial_fit(estimator, y, classes, *, early_stopping: bool) -> None:
    """Check what only `partial_fit` asks for.

    Parameters
    ----------
    estimator : estimator
        With ``classes_`` if it is fitted.
    y : array-like of shape (n,) or (n, K)
        The columns of a label matrix are its classes.
    classes : array-like or None
        The argument of `partial_fit`.
    early_stopping : bool

    Raises
    ------
    ValueError
        If the first call has no classes, a later one has others, or training may stop early.
    """
    fitted = hasattr(estimator, "classes_")
    if early_stopping:
        raise ValueError("partial_fit trains for one epoch, so that early_stopping=True has none to choose from.")
    if not fitted and classes is None and not is_label_matrix(y):
        raise ValueError(
            "classes must be passed on the first call to partial_fit: all labels that will ever come, such as "
            "np.unique(y) of the whole data."
        )
    if classes is not None and not is_label_matrix(y):
        classes = np.unique(classes)
    if fitted and classes is not None and not np.array_equal(np.asarray(classes), estimator.classes_):
        raise ValueError(
            f"classes={classes!r} is not the same as on the last call to partial_fit or fit, which had "
            f"{estimator.classes_!r}: fit a clone instead."
        )


def checked_weights(sample_weight: Any, X) -> np.ndarray | None:
    """Sample weights as float64; None stays None.

    Raises
    ------
    ValueError
        If they are not one non-negative finite number an image, or all are 0. A `NonFiniteInputError` names the
        number of images whose weight is NaN, infinite or too large for float32, and the first.
    InputTypeError
        If a weight is masked.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Number):
        sample_weight = np.full(len(X), sample_weight)
    weights = check_array(
        unmasked(sample_weight, "sample_weight"), ensure_2d=False, dtype=np.float64, ensure_all_finite=False
    )
    if weights.shape != (len(X),):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected one number an image: ({len(X)},).")
    check_finite_rows(weights, "sample_weight", rows="images", largest=LARGEST)
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: {len(negative)} of {len(weights)}, the first at index "
            f"{negative[0]}."
        )
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights
