"""The one seam to SciKeras.

SciKeras routes parameters, encodes labels, collects ``meta`` and calls the builder. Fitting itself is done by the
engine, and SciKeras never gets ``random_state``, which it would turn into process-wide settings.
"""

from functools import partial, wraps
from typing import Any

import keras
import numpy as np
from scikeras.utils.transformers import ClassifierLabelEncoder
from scikeras.wrappers import KerasClassifier

from .._shared.variables import read, write
from ..engine import FittedNetwork
from ..engine.compiled import NetworkSpec
from ..exceptions import NetworkError


class SciKerasAdapter(KerasClassifier):
    """A SciKeras classifier that stops short of building and fitting.

    Parameters
    ----------
    model : callable
        Builder.
    loss : type or keras.losses.Loss
    optimizer : str, type or keras.optimizers.Optimizer
    image_shape : tuple of int
        Shape of one image, for ``meta["image_shape_"]``.
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

    def builder_call(self) -> partial:
        """A partial of the builder and the arguments that SciKeras chose; calling it builds the model."""
        return self._build_keras_model()

    def compiled_parts(self) -> tuple[keras.losses.Loss, keras.optimizers.Optimizer]:
        """Loss and optimizer with their routed parameters."""
        parts = self._get_compile_kwargs()
        return parts["loss"], parts["optimizer"]

    def _check_model_param(self):
        builder = super()._check_model_param()

        # `wraps` keeps the signature, by which SciKeras decides on the arguments.
        @wraps(builder)
        def collect(**arguments):
            return partial(builder, **arguments)

        return collect

    def _get_metadata(self) -> dict[str, Any]:
        # A graph serves any number of images, so the builder is not told how many there were this time.
        meta = super()._get_metadata()
        return {**meta, "X_shape_": (None, *meta["X_shape_"][1:])}


def is_scikeras(estimator) -> bool:
    """Whether an estimator is a SciKeras classifier."""
    return isinstance(estimator, KerasClassifier)


def scikeras_network(estimator) -> FittedNetwork:
    """The network of a fitted SciKeras classifier.

    Raises
    ------
    NetworkError
        If Keras cannot clone it.
    """
    try:
        copy = keras.models.clone_model(estimator.model_)
        write(copy.weights, read(estimator.model_.weights))
    except (ValueError, TypeError, NotImplementedError) as error:
        raise NetworkError(f"{estimator.model_.name!r} is not a network that Keras can clone: {error}") from error
    spec = NetworkSpec(partial(keras.models.clone_model, copy), n_classes=None)
    return FittedNetwork(spec, tuple(estimator.X_shape_[1:]), 1.0, read(copy.variables))


def scikeras_input(estimator, X) -> np.ndarray:
    """X as the network of a fitted SciKeras classifier takes it."""
    X, _ = estimator._validate_data(X)
    return estimator.feature_encoder_.transform(X)
