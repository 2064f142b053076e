"""What a fit minimises: a loss as a graph (shared by many fits) and the values that differ between them."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops
from sklearn.utils.class_weight import compute_class_weight

from ...losses import (
    SparseCategoricalCrossentropy,
    SparseCategoricalFocalLoss,
    class_alpha,
    sparse_categorical_focal_loss,
)
from ._freeze import freeze


@dataclass(frozen=True)
class LossGraph:
    """A loss of one value a row: ``graph(y, y_pred, **values)``.

    Attributes
    ----------
    key : hashable
        Equal for losses that trace to the same graph.
    value_names : tuple of str
        The values it takes.
    loss : keras.losses.Loss or None
        None is this package's focal loss.
    one_hot : bool
        Whether `loss` takes labels as one-hot rows.
    """

    key: Hashable
    value_names: tuple[str, ...] = ()
    loss: keras.losses.Loss | None = field(default=None, compare=False)
    one_hot: bool = False

    def __call__(self, y, y_pred, **values):
        if self.loss is None:
            return sparse_categorical_focal_loss(y, y_pred, **values)
        if self.one_hot:
            y = ops.one_hot(y, y_pred.shape[-1], dtype=keras.backend.standardize_dtype(y_pred.dtype))
        return self.loss.call(y, y_pred)


FOCAL = LossGraph(key="focal", value_names=("alpha", "gamma", "label_smoothing"))


@dataclass(frozen=True)
class Objective:
    """A `LossGraph` with its values for one fit."""

    graph: LossGraph
    values: dict[str, np.ndarray]


def make_objective(
    loss: keras.losses.Loss, labels: np.ndarray, n_classes: int, dtype: str, counts: np.ndarray | None = None
) -> Objective:
    """Split a Keras loss into graph and values.

    Cross-entropy is the focal loss at gamma 0, so both share one graph.

    Parameters
    ----------
    loss : keras.losses.Loss
        The loss as the user configured it.
    labels : ndarray of int, shape (n,) or (n, K)
        Encoded labels; ``alpha="balanced"`` is worked out from them, for each of K problems on its own.
    n_classes : int
        Number of outputs of the softmax.
    dtype : str
        Dtype of the values.
    counts : ndarray of int, shape (n, K), or None, default=None
        How often each of K problems has a row; None is once.

    Returns
    -------
    Objective

    Raises
    ------
    ValueError
        If the loss expects logits, or does not give one value a row.
    """
    if _takes_logits(loss):
        raise ValueError(f"{type(loss).__name__}: the network ends in a softmax, so from_logits must be False.")
    if type(loss) in (SparseCategoricalFocalLoss, SparseCategoricalCrossentropy):
        alpha, gamma, smoothing = loss.alpha, loss.gamma, loss.label_smoothing
    elif type(loss) is keras.losses.SparseCategoricalCrossentropy and loss.get_config().get("ignore_class") is None:
        alpha, gamma, smoothing = None, 0.0, 0.0
    else:
        graph = LossGraph(key=freeze(loss), loss=loss, one_hot=takes_one_hot(loss, n_classes, dtype))
        return Objective(graph, {})
    weights = _alpha_values(alpha, labels, n_classes, counts)
    return Objective(
        FOCAL,
        {
            "alpha": weights.astype(dtype),
            "gamma": np.asarray(gamma, dtype),
            "label_smoothing": np.asarray(smoothing, dtype),
        },
    )


def _takes_logits(loss) -> bool:
    own = getattr(loss, "from_logits", False)
    try:
        return bool(loss.get_config().get("from_logits", own))
    except NotImplementedError:
        return bool(own)


def _alpha_values(alpha, labels, n_classes, counts):
    """One weight a class, or one a problem and class: (C,) or (K, C)."""
    if isinstance(alpha, str):
        if labels.ndim == 1:
            return balanced_weights(labels, n_classes)
        columns = labels.T if counts is None else map(np.repeat, labels.T, counts.T)
        return np.stack([balanced_weights(column, n_classes) for column in columns])
    weights = class_alpha(alpha, n_classes)
    weights = np.ones(n_classes) if weights is None else weights
    return weights if labels.ndim == 1 else np.tile(weights, (labels.shape[1], 1))


def balanced_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights ``n / (n_classes * count)`` of scikit-learn's "balanced"; 1 for a class without rows."""
    present = np.unique(labels)
    weights = np.ones(n_classes)
    weights[present] = compute_class_weight("balanced", classes=present, y=labels)
    return weights


def takes_one_hot(loss: keras.losses.Loss, n_classes: int, dtype: str = "float32") -> bool:
    """Whether a loss takes one-hot labels, (n, C), rather than integers, (n,): it is asked, not named.

    Parameters
    ----------
    loss : keras.losses.Loss
    n_classes : int
    dtype : str, default="float32"
        Of the probabilities.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If it gives one value a row for neither.

    Examples
    --------
    >>> import keras
    >>> takes_one_hot(keras.losses.SparseCategoricalCrossentropy(), 3)
    False
    >>> takes_one_hot(keras.losses.CategoricalFocalCrossentropy(), 3)
    True
    """
    n = n_classes + 2
    labels = ops.convert_to_tensor(np.arange(n, dtype="int32") % n_classes)
    probabilities = ops.convert_to_tensor(np.full((n, n_classes), 1 / n_classes, dtype))
    answers = []
    for one_hot in (False, True):
        try:
            asked = ops.one_hot(labels, n_classes, dtype=dtype) if one_hot else labels
            shape = tuple(loss.call(asked, probabilities).shape)
        except Exception as error:
            # Each backend refuses shapes that do not fit with an exception of its own.
            answers.append(f"{type(error).__name__}: {error}".strip())
            continue
        if shape == (n,):
            return one_hot
        answers.append(f"shape {shape}")
    raise ValueError(
        f"{type(loss).__name__} must give one value a row, shape (n,), so that rows can be weighed; given {n} labels "
        f"it gave {answers[0]} for integers of shape ({n},), and {answers[1]} for one-hot ones of shape "
        f"({n}, {n_classes})."
    )
