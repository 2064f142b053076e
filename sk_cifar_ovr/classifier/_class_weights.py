"""Weights of the classes, worked out from the images that are trained on."""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from .._shared.text import plain

LARGEST = float(np.finfo(np.float32).max)


def class_weights(class_weight, classes, y, sample_weight) -> np.ndarray | None:
    """Weight of each class, in the order of `classes`.

    Parameters
    ----------
    class_weight : "balanced", dict or None
    classes : ndarray of shape (C,)
    y : ndarray of shape (n,)
    sample_weight : ndarray of shape (n,) or None

    Returns
    -------
    ndarray of shape (C,), or None if `class_weight` is None

    Raises
    ------
    ValueError
        If a weight is negative, not finite or too large for float32, all are zero, or "balanced" lacks images of a
        class.
    """
    if class_weight is None:
        return None
    missing = np.setdiff1d(classes, y)
    if isinstance(class_weight, str) and len(missing):
        raise ValueError(
            f"class_weight='balanced' needs images of every class, and y holds none of {missing.tolist()}: give a dict "
            "of weights instead, as partial_fit needs."
        )
    if isinstance(class_weight, str):
        return compute_class_weight(class_weight, classes=classes, y=y, sample_weight=sample_weight)
    weights = compute_class_weight(class_weight, classes=classes, y=classes)
    wrong = np.flatnonzero(~((weights >= 0) & (weights <= LARGEST)))
    if len(wrong) or not weights.any():
        which = f"; that of class {plain(classes[wrong[0]])!r} is {weights[wrong[0]]:g}" if len(wrong) else ""
        raise ValueError(
            f"class_weight={class_weight!r}: weights are finite numbers of float32, at least 0 and not all 0{which}."
        )
    return weights


def task_class_weights(class_weight: list, labels: np.ndarray, sample_weight) -> np.ndarray | None:
    """Weights of the rest (0) and the class (1) in each of K tasks that are trained together.

    Parameters
    ----------
    class_weight : list of ("balanced", dict or None)
        Of each task.
    labels : ndarray of int, shape (n, K)
    sample_weight : ndarray of shape (n,) or (n, K), or None
        Entries of weight 0, such as labels that are not known, do not count.

    Returns
    -------
    ndarray of shape (K, 2), or None if all are None
    """
    if all(each is None for each in class_weight):
        return None
    binary = np.array([0, 1])
    if sample_weight is None:
        found = [class_weights(each, binary, column, None) for each, column in zip(class_weight, labels.T, strict=True)]
    else:
        weights = np.broadcast_to(sample_weight.T, labels.T.shape)
        found = [
            class_weights(each, binary, column[weight > 0], weight[weight > 0])
            for each, column, weight in zip(class_weight, labels.T, weights, strict=True)
        ]
    return np.stack([np.ones(2) if each is None else each for each in found])


def balanced_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights ``n / (n_classes * count)`` of scikit-learn's "balanced"; 1 for a class without images."""
    present = np.unique(labels)
    weights = np.ones(n_classes)
    if not len(present):
        return weights
    weights[present] = compute_class_weight("balanced", classes=present, y=labels)
    return weights
