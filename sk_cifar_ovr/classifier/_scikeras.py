"""The one seam to SciKeras.

SciKeras routes parameters, encodes labels, collects ``meta`` and calls the builder. Fitting itself is this
package's engine, and SciKeras never sees ``random_state``, which it would turn into process-wide settings.
"""

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import keras
import numpy as np
from scikeras._utils import route_params
from scikeras.utils.transformers import ClassifierLabelEncoder
from scikeras.wrappers import KerasClassifier

from .._shared.text import nearest
from .._shared.variables import State, read
from ..engine.compiled import NetworkSpec, freeze
from ..exceptions import NetworkError, UnknownParameterError
from ..losses import SparseCategoricalCrossentropy, SparseCategoricalFocalLoss

LOSSES = {
    "focal": SparseCategoricalFocalLoss,
    "crossentropy": SparseCategoricalCrossentropy,
}

# Facts about the rows that a graph does not depend on; they would only keep graphs from being shared.
_NOT_IN_GRAPH = {
    "X_shape_",
    "y_shape_",
    "X_dtype_",
    "y_dtype_",
    "y_ndim_",
    "feature_encoder_",
    "target_encoder_",
}


class Bridge(KerasClassifier):
    """A SciKeras classifier that stops short of building and fitting.

    Parameters
    ----------
    model : callable
        Builder.
    loss : type or keras.losses.Loss
    optimizer : str, type or keras.optimizers.Optimizer
    image_shape : tuple of int
        Shape of one row, for ``meta["image_shape_"]``.
    **routed
        Routed parameters; those of the augmentation, which SciKeras does not know, are left out.
    """

    def __init__(self, model, *, loss, optimizer, image_shape, **routed):
        routed = {name: value for name, value in routed.items() if not name.startswith("augment__")}
        super().__init__(model=model, loss=loss, optimizer=optimizer, verbose=0, **routed)
        self.image_shape = image_shape

    def learn_meta(self, X, classes):
        """Learn ``meta`` from X and the classes; nothing is built."""
        self._random_state = self.classes_ = None
        self.image_shape_ = tuple(self.image_shape)
        self._validate_data(X, reset=True)
        _, classes = self._validate_data(y=classes, reset=True)
        self.target_encoder_ = self.target_encoder.fit(classes)
        for name, value in self.target_encoder_.get_metadata().items():
            setattr(self, name, value)
        return self

    @property
    def target_encoder(self) -> ClassifierLabelEncoder:
        """Integers whatever the loss; SciKeras one-hot encodes for losses that it knows by name."""
        return ClassifierLabelEncoder()

    def encode(self, y) -> np.ndarray:
        """Labels as integers from 0."""
        return self.target_encoder_.transform(np.asarray(y)).astype("int32").ravel()

    def network_spec(self, precision: str | None, *, n_heads=None, augment=None) -> NetworkSpec:
        """What makes the graph of this network."""
        options = route_params(self.get_params(), destination="model", pass_filter=set(), strict=True)
        meta = {k: v for k, v in self._get_metadata().items() if k not in _NOT_IN_GRAPH}
        key = (freeze(self.model), freeze(options), freeze(meta), freeze(self.X_shape_[1:]))
        return NetworkSpec(key, self.build_network, int(self.n_classes_), precision, n_heads, augment=augment)

    def build_network(self) -> keras.Model:
        """Call the builder as SciKeras does."""
        return self._build_keras_model()

    def compiled_parts(self) -> tuple[keras.losses.Loss, keras.optimizers.Optimizer]:
        """Loss and optimizer with their routed parameters."""
        parts = self._get_compile_kwargs()
        return parts["loss"], parts["optimizer"]

    def _get_metadata(self) -> dict[str, Any]:
        # A graph serves any number of rows, so the builder is not told how many there were this time.
        meta = super()._get_metadata()
        return {**meta, "X_shape_": (None, *meta["X_shape_"][1:])}


def is_scikeras(estimator) -> bool:
    """Whether an estimator is a SciKeras classifier."""
    return isinstance(estimator, KerasClassifier)


def fitted_model(estimator) -> tuple[NetworkSpec, State, tuple[int, ...]]:
    """The network of a fitted SciKeras classifier: how to build it, its values, the shape of a row of X.

    Raises
    ------
    NetworkError
        If Keras cannot clone it.
    """
    try:
        copy = keras.models.clone_model(estimator.model_)
        copy.set_weights(estimator.model_.get_weights())
    except (ValueError, TypeError, NotImplementedError) as error:
        raise NetworkError(f"{estimator.model_.name!r} is not a network that Keras can clone: {error}") from error
    spec = NetworkSpec(freeze(copy), partial(keras.models.clone_model, copy), n_classes=None)
    return spec, read(copy.variables), tuple(estimator.X_shape_[1:])


def encoded_rows(estimator, X) -> np.ndarray:
    """X as the network of a fitted SciKeras classifier takes it."""
    X, _ = estimator._validate_data(X)
    return estimator.feature_encoder_.transform(X)


def loss_class(loss) -> Any:
    """A Keras loss class, or the instance given.

    Parameters
    ----------
    loss : {"focal", "crossentropy"}, keras.losses.Loss, or a subclass of it

    Returns
    -------
    type or keras.losses.Loss

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(f"loss={loss!r}{nearest(loss, LOSSES)}: use one of {sorted(LOSSES)} or a Keras loss.")
        return LOSSES[loss]
    if isinstance(loss, keras.losses.Loss) or (inspect.isclass(loss) and issubclass(loss, keras.losses.Loss)):
        return loss
    raise ValueError(f"loss={loss!r}: use one of {sorted(LOSSES)}, a keras.losses.Loss or a subclass of it.")


def optimizer_class(optimizer) -> Any:
    """A Keras optimizer class, or the instance given.

    Parameters
    ----------
    optimizer : str, keras.optimizers.Optimizer, or a subclass of it

    Returns
    -------
    type or keras.optimizers.Optimizer

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(optimizer, str):
        known = _named_optimizers()
        try:
            return known.get(optimizer.lower()) or type(keras.optimizers.get(optimizer))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"optimizer={optimizer!r} is not an optimizer of Keras{nearest(optimizer, known)}."
            ) from error
    scaling = keras.optimizers.LossScaleOptimizer
    if isinstance(optimizer, scaling) or (_is_optimizer(optimizer) and issubclass(optimizer, scaling)):
        raise ValueError("optimizer: a LossScaleOptimizer is for float16, which is not among the precisions here.")
    if isinstance(optimizer, keras.optimizers.Optimizer) or _is_optimizer(optimizer):
        return optimizer
    raise ValueError(f"optimizer={optimizer!r}: use the name of a Keras optimizer, an instance or a class.")


def _is_optimizer(value) -> bool:
    return inspect.isclass(value) and issubclass(value, keras.optimizers.Optimizer)


def _named_optimizers() -> dict[str, type]:
    # `keras.optimizers.get` does not know all of them.
    unnamed = (keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer)
    found = {name.lower(): cls for name, cls in vars(keras.optimizers).items() if _is_optimizer(cls)}
    return {name: cls for name, cls in found.items() if cls not in unnamed}


def check_routed_names(names: Iterable[str], estimator: str, *, own: Iterable[str]) -> None:
    """Refuse names that are not routed to the builder, the loss, the optimizer or the augmentation.

    Parameters
    ----------
    names : iterable of str
    estimator : str
        Name for the message.
    own : iterable of str
        Parameters that the estimator does have.

    Raises
    ------
    UnknownParameterError
        Naming the nearest match.
    """
    for name in names:
        prefix, delimiter, rest = name.partition("__")
        if not delimiter or prefix not in ("model", "loss", "optimizer", "augment") or not rest:
            raise UnknownParameterError(
                f"{estimator} has no parameter {name!r}{nearest(name, own)}; parameters of the builder, the "
                "loss, the optimizer and the augmentation start with model__, loss__, optimizer__ or augment__."
            )


def check_routed(routed: dict[str, Any], *, model: Callable, loss, optimizer, augment=None) -> None:
    """Check that builder, loss, optimizer and augmentation take what is routed to them.

    Raises
    ------
    UnknownParameterError
        Naming the parameter, who does not take it, and the nearest one that it takes.
    """
    targets = {"model": model, "loss": loss, "optimizer": optimizer, "augment": augment}
    for name in routed:
        prefix, _, option = name.partition("__")
        target = targets[prefix]
        if target is None:
            raise UnknownParameterError(f"{name}: {prefix} is None; name one.")
        if prefix != "model" and not inspect.isclass(target):
            raise UnknownParameterError(
                f"{name}: the {prefix} is an instance, which has its parameters already; give the class or name."
            )
        known = _parameters(target, follow_bases=prefix == "optimizer")
        if option not in known:
            whom = getattr(target, "__name__", None) or getattr(getattr(target, "func", None), "__name__", prefix)
            raise UnknownParameterError(
                f"{name}: {whom} takes no {option!r}{nearest(option, known)}. It takes {sorted(known)}."
            )


def _parameters(target, *, follow_bases: bool) -> set[str]:
    # An optimizer passes **kwargs on to its base, which takes weight_decay, clipnorm and others.
    bases = [c for c in target.__mro__ if issubclass(c, keras.optimizers.Optimizer)] if follow_bases else [target]
    found = [parameter for base in bases for parameter in inspect.signature(base).parameters.values()]
    return {p.name for p in found if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)} - {"meta"}
