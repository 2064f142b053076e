"""Labels and weights of rows, checked before a fit."""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from .._shared.sklearn_internals import check_sample_weight


def checked_classes(y, classes, name: str) -> np.ndarray:
    """Sorted class labels.

    Raises
    ------
    ValueError
        If there is one only, or y holds another.
    """
    classes = np.unique(y if classes is None else classes)
    if len(classes) < 2:
        raise ValueError(f"{name} needs at least two classes, but y holds one class only: {classes[0]!r}.")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(f"y holds labels that are not among the classes {classes}: {unknown[:5].tolist()}.")
    return classes


def check_partial_fit(estimator, classes, going_on: bool, *, early_stopping: bool) -> None:
    """Check what only `partial_fit` asks for.

    Parameters
    ----------
    estimator : estimator
        With ``classes_`` where it is fitted.
    classes : array-like or None
        As `partial_fit` got them.
    going_on : bool
        Whether it is fitted.
    early_stopping : bool

    Raises
    ------
    ValueError
        If the first call has no classes, a later one others, or training may stop early.
    """
    if early_stopping:
        raise ValueError("partial_fit trains for one epoch, so that early_stopping=True has none to choose from.")
    if not going_on and classes is None:
        raise ValueError(
            "classes must be passed on the first call to partial_fit: all labels that will ever come, such as "
            "np.unique(y) of the whole data."
        )
    if going_on and classes is not None and not np.array_equal(np.unique(classes), estimator.classes_):
        raise ValueError(
            f"classes={classes!r} is not the same as on the last call to partial_fit or fit, which had "
            f"{estimator.classes_!r}: fit a clone instead."
        )


def checked_weights(sample_weight, X) -> np.ndarray | None:
    """Weights as floats, not all of them zero; None stays None."""
    if sample_weight is None:
        return None
    return check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


def class_weights(class_weight, classes, y, sample_weight) -> np.ndarray | None:
    """Weight of each class, in the order of `classes`.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are zero, or "balanced" lacks rows of a class.
    """
    if class_weight is None:
        return None
    missing = np.setdiff1d(classes, y)
    if isinstance(class_weight, str) and len(missing):
        raise ValueError(
            f"class_weight='balanced' needs rows of every class, and y holds none of {missing.tolist()}: give a dict "
            "of weights instead, as partial_fit needs."
        )
    if isinstance(class_weight, str):
        return compute_class_weight(class_weight, classes=classes, y=y, sample_weight=sample_weight)
    weights = compute_class_weight(class_weight, classes=classes, y=classes)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(f"class_weight={class_weight!r}: weights are finite, at least 0 and not all 0.")
    return weights
