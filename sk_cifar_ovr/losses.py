"""Losses for integer labels: a pure function, and Keras classes that call it."""

from numbers import Real

import keras
import numpy as np
from keras import ops


def sparse_categorical_focal_loss(y_true, y_pred, gamma=2.0, alpha=None, from_logits=False, label_smoothing=0.0):
    r"""Focal loss for integer labels, one value per sample.

    .. math:: -\sum_c y_c \, \alpha_c \, (1 - p_c)^\gamma \, \log p_c

    where ``y`` is the one-hot label, smoothed to ``y (1 - s) + s / C``. With ``gamma=0`` and without ``alpha``
    this is the sparse categorical cross-entropy.

    Parameters
    ----------
    y_true : tensor of int, shape (...)
        Labels from 0 to C - 1.
    y_pred : tensor of float, shape (..., C)
        Probabilities, or logits if `from_logits` is True.
    gamma : float or scalar tensor, default=2.0
        Focusing parameter, at least 0.
    alpha : tensor broadcastable to (..., C) or None, default=None
        Weight of each class.
    from_logits : bool, default=False
        Whether `y_pred` are logits.
    label_smoothing : float or scalar tensor, default=0.0
        Fraction of the label that is distributed evenly over all classes.

    Returns
    -------
    tensor of float, shape (...)

    See Also
    --------
    SparseCategoricalFocalLoss : The same as a Keras loss.

    References
    ----------
    Lin, Goyal, Girshick, He and Dollar (2017), "Focal Loss for Dense Object Detection", equation 5.

    Examples
    --------
    >>> import numpy as np
    >>> loss = sparse_categorical_focal_loss(np.array([1]), np.array([[0.5, 0.5]], dtype="float32"))
    >>> round(float(loss[0]), 4)
    0.1733
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if keras.backend.standardize_dtype(y_pred.dtype) in ("float16", "bfloat16"):
        y_pred = ops.cast(y_pred, "float32")
    dtype = keras.backend.standardize_dtype(y_pred.dtype)
    # The smallest normal number keeps each logarithm and its gradient finite at p = 0 and p = 1.
    tiny = ops.convert_to_tensor(np.finfo(dtype).tiny, dtype=dtype)
    n_classes = y_pred.shape[-1]
    labels = ops.one_hot(ops.cast(y_true, "int32"), n_classes, dtype=dtype)
    smoothing = ops.cast(label_smoothing, dtype)
    smoothed = labels * (1 - smoothing) + smoothing / n_classes
    if from_logits:
        log_p = ops.log_softmax(y_pred, axis=-1)
        p = ops.exp(log_p)
    else:
        p = y_pred
        log_p = ops.log(_at_least(p, tiny))
    # 1 - p, as the sum over the rest of the classes.
    rest = _at_least(ops.sum(p, axis=-1, keepdims=True) - p, tiny)
    terms = smoothed * ops.exp(ops.cast(gamma, dtype) * ops.log(rest)) * log_p
    if alpha is not None:
        terms = terms * ops.cast(alpha, dtype)
    return -ops.sum(terms, axis=-1)


def _at_least(x, least):
    # `ops.maximum` converts float64 to float32 on PyTorch.
    return ops.where(x < least, least, x)


def class_alpha(alpha, n_classes: int) -> np.ndarray | None:
    """Convert `alpha` to one weight per class.

    Parameters
    ----------
    alpha : None, float or array-like of shape (n_classes,)
        With two classes, a number is the weight of the positive class, and ``1 - alpha`` that of the negative class,
        as in the paper. With more classes, a number is the weight of every class.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_classes,), or None
        None if `alpha` is None.

    Raises
    ------
    ValueError
        If an array has another length, or if weights are negative, not finite or all 0.

    Examples
    --------
    >>> class_alpha(0.25, 2).tolist()
    [0.75, 0.25]
    """
    if alpha is None:
        return None
    if isinstance(alpha, str):
        raise ValueError(
            f"alpha={alpha!r} depends on the labels: give an array with one weight per class here, or fit a "
            "CNNClassifier, which computes 'balanced' from y."
        )
    weights = np.asarray(alpha, dtype="float64")
    if weights.ndim == 0:
        value = float(weights)
        weights = np.array([1 - value, value]) if n_classes == 2 else np.full(n_classes, value)
    if weights.shape != (n_classes,):
        raise ValueError(f"alpha has shape {weights.shape}: it needs one weight for each of {n_classes} classes.")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(
            f"alpha={alpha!r} gives weights that are negative, not finite or all 0; with two classes a single "
            "number lies from 0 to 1."
        )
    return weights


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class SparseCategoricalFocalLoss(keras.losses.Loss):
    """Focal loss for integer labels.

    Parameters
    ----------
    gamma : float, default=2.0
        Focusing parameter; 0 gives the sparse categorical cross-entropy.
    alpha : None, float, array-like of shape (n_classes,) or "balanced", default=None
        Class weights. With two classes, a number is the weight of the positive class, and ``1 - alpha`` that of the
        negative class. With more classes, a number is the weight of every class. ``"balanced"`` can be used only in
        `CNNClassifier`, which computes the weights from the labels.
    from_logits : bool, default=False
        Whether predictions are logits instead of probabilities.
    label_smoothing : float, default=0.0
        Fraction of the label that is distributed evenly over all classes; at least 0 and below 1.
    reduction : str, default="sum_over_batch_size"
        See `keras.losses.Loss`.
    name : str, default="sparse_categorical_focal_loss"
        Name of the loss.
    dtype : str, keras.DTypePolicy or None, default=None
        See `keras.losses.Loss`.

    Raises
    ------
    ValueError
        If `gamma` is negative, `label_smoothing` is outside [0, 1), or `alpha` does not fit the classes.

    See Also
    --------
    losses.SparseCategoricalCrossentropy : The same with ``gamma=0``.
    losses.sparse_categorical_focal_loss : The same as a function.

    References
    ----------
    Lin, Goyal, Girshick, He and Dollar (2017), "Focal Loss for Dense Object Detection", equation 5.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_cifar_ovr import SparseCategoricalFocalLoss
    >>> loss = SparseCategoricalFocalLoss(gamma=2.0)
    >>> round(float(loss(np.array([1]), np.array([[0.5, 0.5]], dtype="float32"))), 4)
    0.1733
    """

    def __init__(
        self,
        gamma=2.0,
        alpha=None,
        from_logits=False,
        label_smoothing=0.0,
        reduction="sum_over_batch_size",
        name="sparse_categorical_focal_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not (isinstance(gamma, Real) and np.isfinite(float(gamma)) and float(gamma) >= 0):
            raise ValueError(f"gamma={gamma!r} must be a finite number, at least 0.")
        if not (isinstance(label_smoothing, Real) and 0 <= float(label_smoothing) < 1):
            raise ValueError(f"label_smoothing={label_smoothing!r} must be a number from 0 to below 1.")
        if isinstance(alpha, str) and alpha != "balanced":
            raise ValueError(f"alpha={alpha!r}: the only allowed string is 'balanced'.")
        self.gamma = gamma
        self.alpha = alpha
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Compute the loss of each sample.

        Parameters
        ----------
        y_true : tensor of int, shape (...) or (..., 1)
        y_pred : tensor of float, shape (..., n_classes)

        Returns
        -------
        tensor of float, shape (...)
        """
        if len(y_true.shape) == len(y_pred.shape):
            y_true = ops.squeeze(y_true, axis=-1)
        return sparse_categorical_focal_loss(
            y_true,
            y_pred,
            gamma=self.gamma,
            alpha=class_alpha(self.alpha, y_pred.shape[-1]),
            from_logits=self.from_logits,
            label_smoothing=self.label_smoothing,
        )

    def get_config(self):
        """Constructor arguments, for serialisation."""
        alpha = self.alpha
        return {
            **super().get_config(),
            "gamma": self.gamma,
            "alpha": np.asarray(alpha).tolist() if isinstance(alpha, (np.ndarray, list, tuple)) else alpha,
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
        }


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class SparseCategoricalCrossentropy(SparseCategoricalFocalLoss):
    """Cross-entropy for integer labels with label smoothing, which Keras' class of this name does not have.

    It is the focal loss with ``gamma=0`` and shares its compiled graph.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Fraction of the label that is distributed evenly over all classes; at least 0 and below 1.
    from_logits : bool, default=False
        Whether predictions are logits instead of probabilities.
    **options
        Arguments of `keras.losses.Loss`.

    See Also
    --------
    SparseCategoricalFocalLoss : The focal loss.

    References
    ----------
    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), "Rethinking the Inception Architecture for Computer Vision".

    Examples
    --------
    >>> import numpy as np
    >>> from sk_cifar_ovr.losses import SparseCategoricalCrossentropy
    >>> loss = SparseCategoricalCrossentropy(label_smoothing=0.1)
    >>> round(float(loss(np.array([1]), np.array([[0.5, 0.5]], dtype="float32"))), 4)
    0.6931
    """

    def __init__(self, label_smoothing=0.0, from_logits=False, **options):
        options = {"name": "sparse_categorical_crossentropy", **options}
        super().__init__(gamma=0.0, label_smoothing=label_smoothing, from_logits=from_logits, **options)

    def get_config(self):
        """Constructor arguments, for serialisation."""
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in ("gamma", "alpha")}
