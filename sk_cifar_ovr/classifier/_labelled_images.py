"""Images with labels and sample weights, checked before a fit."""

from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array

from ._images import checked_images


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels and weights, checked.

    Attributes
    ----------
    X : ndarray, shape (n, h, w, c), (n, h, w) or (n, d)
    y : ndarray of shape (n,)
    classes : ndarray of shape (n_classes,)
        Sorted; y need not hold all of them.
    sample_weight : ndarray of float64, shape (n,), or None
    """

    X: np.ndarray
    y: np.ndarray
    classes: np.ndarray
    sample_weight: np.ndarray | None = None

    def __getitem__(self, index: np.ndarray) -> "LabelledImages":
        """A part of the images, as a fold is."""
        weights = None if self.sample_weight is None else self.sample_weight[index]
        return LabelledImages(self.X[index], self.y[index], self.classes, weights)


def labelled_images(estimator, X, y, sample_weight=None, *, classes=None, reset: bool) -> LabelledImages:
    """Check images, labels and weights of a fit.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and, if X is a data frame, ``feature_names_in_``.
    X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
    y : array-like of shape (n,)
    sample_weight : array-like of shape (n,) or None
    classes : array-like or None, default=None
        All labels; None takes those of y.
    reset : bool
        Whether the estimator learns the number of features anew.

    Raises
    ------
    ValueError
        If something is invalid, y holds one class only or a label that is not among `classes`.
    """
    X, y = checked_images(estimator, X, y, reset=reset)
    check_classification_targets(y)
    classes = checked_classes(y, classes, type(estimator).__name__)
    return LabelledImages(X, y, classes, checked_weights(sample_weight, X))


def checked_classes(y, classes, estimator: str) -> np.ndarray:
    """Sorted class labels.

    Raises
    ------
    ValueError
        If there is only one, or y holds another one.
    """
    classes = np.unique(y if classes is None else classes)
    if len(classes) < 2:
        raise ValueError(f"{estimator} needs at least two classes, but y holds one class only: {classes[0]!r}.")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(f"y holds labels that are not among the classes {classes}: {unknown[:5].tolist()}.")
    return classes


def check_partial_fit(estimator, classes, *, early_stopping: bool) -> None:
    """Check what only `partial_fit` asks for.

    Parameters
    ----------
    estimator : estimator
        With ``classes_`` if it is fitted.
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
    if not fitted and classes is None:
        raise ValueError(
            "classes must be passed on the first call to partial_fit: all labels that will ever come, such as "
            "np.unique(y) of the whole data."
        )
    if fitted and classes is not None and not np.array_equal(np.unique(classes), estimator.classes_):
        raise ValueError(
            f"classes={classes!r} is not the same as on the last call to partial_fit or fit, which had "
            f"{estimator.classes_!r}: fit a clone instead."
        )


def checked_weights(sample_weight: Any, X) -> np.ndarray | None:
    """Sample weights as float64; None stays None.

    Raises
    ------
    ValueError
        If they are not one non-negative finite number an image, or all are 0.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Number):
        sample_weight = np.full(len(X), sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (len(X),):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected one number an image: ({len(X)},).")
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`.")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights
