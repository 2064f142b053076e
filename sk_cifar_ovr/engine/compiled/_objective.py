"""What a fit minimises: a loss as a graph, which fits share; and what differs between them, learning rate included."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from ...losses import sparse_categorical_focal_loss
from ._graph_key import settings_key


@dataclass(frozen=True)
class LossGraph:
    """A loss that gives one value an image: ``graph(y, y_pred, **values)``.

    Attributes
    ----------
    key : hashable
        Equal for losses that trace to the same graph.
    value_names : tuple of str
        Names of the values it takes.
    loss : keras.losses.Loss or None
        None for the focal loss of this package.
    one_hot : bool
        Whether `loss` takes one-hot labels.
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

    def cast(self, dtype: np.dtype) -> "Objective":
        """The same with values of this dtype."""
        return Objective(self.graph, {name: np.asarray(value, dtype) for name, value in self.values.items()})


def focal_objective(alpha: np.ndarray, gamma: float, label_smoothing: float) -> Objective:
    """Focal loss; cross-entropy is the focal loss with ``gamma=0``, so both share one graph.

    Parameters
    ----------
    alpha : ndarray of float, shape (C,) or (K, C)
        Weight of each class, for each of K tasks trained together.
    gamma, label_smoothing : float
    """
    values = {"alpha": alpha, "gamma": gamma, "label_smoothing": label_smoothing}
    return Objective(FOCAL, {name: np.asarray(value, "float64") for name, value in values.items()})


def keras_objective(loss: keras.losses.Loss, n_classes: int) -> Objective:
    """Any other loss of Keras or of the user's.

    Raises
    ------
    ValueError
        If it does not give one value an image.
    """
    return Objective(LossGraph(key=settings_key(loss), loss=loss, one_hot=takes_one_hot(loss, n_classes)), {})


def takes_one_hot(loss: keras.losses.Loss, n_classes: int, dtype: str = "float32") -> bool:
    """Whether a loss takes one-hot labels, (n, C), rather than integers, (n,); found by calling it.

    Parameters
    ----------
    loss : keras.losses.Loss
    n_classes : int
    dtype : str, default="float32"
        Dtype of the probabilities.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If it gives one value an image for neither.

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
        f"{type(loss).__name__} must give one value an image, shape (n,), so that images can be weighted; given {n} "
        f"labels it gave {answers[0]} for integers of shape ({n},), and {answers[1]} for one-hot ones of shape "
        f"({n}, {n_classes})."
    )


def rate_is_value(optimizer) -> bool:
    """Whether the learning rate is a number, which can change without a new graph, and not a schedule."""
    return isinstance(getattr(optimizer, "_learning_rate", None), keras.Variable)


def set_learning_rate(optimizer, learning_rate) -> None:
    """Set the learning rate, unless the optimizer has a schedule of its own."""
    if rate_is_value(optimizer):
        optimizer.learning_rate = learning_rate
