"""From a Keras loss to what the engine minimises."""

import keras
import numpy as np

from ..engine.compiled import Objective, focal_objective, keras_objective
from ..losses import SparseCategoricalCrossentropy, SparseCategoricalFocalLoss, class_alpha
from ._class_weights import balanced_weights


def make_objective(
    loss: keras.losses.Loss, labels: np.ndarray, n_classes: int, counts: np.ndarray | None = None
) -> Objective:
    """Split a loss into a graph, which many fits share, and its values for one fit.

    Parameters
    ----------
    loss : keras.losses.Loss
        The loss as the user configured it.
    labels : ndarray of int, shape (n,) or (n, K)
        Encoded labels of the training images; ``alpha="balanced"`` is computed from them, for each task alone.
    n_classes : int
        Number of outputs of the softmax.
    counts : ndarray of int, shape (n, K), or None, default=None
        How often each of K tasks has an image; None is once.

    Returns
    -------
    Objective

    Raises
    ------
    ValueError
        If the loss expects logits, or does not give one value an image.
    """
    if _takes_logits(loss):
        raise ValueError(f"{type(loss).__name__}: the network ends in a softmax, so from_logits must be False.")
    if type(loss) in (SparseCategoricalFocalLoss, SparseCategoricalCrossentropy):
        alpha = _alpha_of_classes(loss.alpha, labels, n_classes, counts)
        return focal_objective(alpha, loss.gamma, loss.label_smoothing)
    if type(loss) is keras.losses.SparseCategoricalCrossentropy and loss.get_config().get("ignore_class") is None:
        return focal_objective(_alpha_of_classes(None, labels, n_classes, counts), 0.0, 0.0)
    return keras_objective(loss, n_classes)


def _takes_logits(loss) -> bool:
    own = getattr(loss, "from_logits", False)
    try:
        return bool(loss.get_config().get("from_logits", own))
    except NotImplementedError:
        return bool(own)


def _alpha_of_classes(alpha, labels, n_classes, counts):
    """One weight a class, or one a task and class: shape (C,) or (K, C)."""
    if isinstance(alpha, str):
        if labels.ndim == 1:
            return balanced_weights(labels, n_classes)
        columns = labels.T if counts is None else map(np.repeat, labels.T, counts.T)
        return np.stack([balanced_weights(column, n_classes) for column in columns])
    weights = class_alpha(alpha, n_classes)
    weights = np.ones(n_classes) if weights is None else weights
    return weights if labels.ndim == 1 else np.tile(weights, (labels.shape[1], 1))
