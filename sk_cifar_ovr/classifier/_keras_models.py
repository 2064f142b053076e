"""Estimators on Keras models that exist already: fitted without training, cloned and pickled by what they hold."""

import json
import math
import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..engine import FittedNetwork
from ..engine.compiled import borrow, seeded_building
from ..exceptions import ImageShapeError
from ..networks import PIXELS, ModelCopies, copies_of, copy_of, is_keras_model, takes_raw_pixels
from ._fitting import set_fitted
from ._network_setup import NetworkSetup, set_up_network
from .inputs import check_one_kind


def checked_outputs(classes) -> np.ndarray:
    """Labels of the outputs of a model.

    Raises
    ------
    ValueError
        If there are fewer than two, a label is missing or occurs twice, or strings and other labels are mixed.
    """
    check_one_kind(classes, "classes")
    labels = np.asarray(classes)
    if labels.ndim != 1 or len(labels) < 2 or len(np.unique(labels)) != len(labels):
        raise ValueError(
            f"classes={classes!r}: give the label of each output of the model once, in the order of the outputs; for "
            "one sigmoid those of 0 and 1."
        )
    return labels


def with_columns(params: dict[str, Any], classes, pixels) -> tuple[np.ndarray, dict[str, Any]]:
    """Classes in sorted order, and the parameters of an estimator with what says how its model reads images.

    Parameters
    ----------
    params : dict
        Parameters of `CNNClassifier`.
    classes : array-like of shape (n_classes,)
        In the order of the model's outputs.
    pixels : str or None
        See `keras_model`.

    Raises
    ------
    ValueError
        If a class occurs twice, or the last layer of the model would be replaced.
    """
    found, order = np.unique(checked_outputs(classes), return_index=True)
    params = dict(params)
    if params.get("model__head") == "new":
        raise ValueError("model__head='new' replaces the last layer, and from_keras predicts with that of the model.")
    if pixels is not None:
        params["model__pixels"] = pixels
    if not np.array_equal(order, np.arange(len(order))):
        params["model__columns"] = tuple(order.tolist())
    return found, params


def set_up_trained(estimator, classes: np.ndarray) -> NetworkSetup:
    """Check a trained Keras model against the parameters of an estimator, and copy it.

    Parameters
    ----------
    estimator : CNNClassifier
        Its `model` is a Keras model or the path of one.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    NetworkSetup

    Raises
    ------
    TypeError
        If `model` is something else.
    ImageShapeError
        If the model takes images of any size and `image_shape` does not tell which.
    ValueError
        If nothing tells which pixels the model takes, or a parameter is invalid.
    """
    if not is_keras_model(estimator.model):
        raise TypeError(f"from_keras takes a Keras model or the path of a .keras file, not {estimator.model!r}.")
    estimator._validate_params()
    # Nothing is trained, so a recipe and lengths do not matter.
    given = estimator.get_params(deep=False)
    if given.get("model__weights", "trained") is None:
        raise ValueError("model__weights=None draws new weights, and from_keras predicts with those of the model.")
    settings = type(estimator)(**{**given, "recipe": None, "epochs": 1, "batch_size": 1})
    with seeded_building(0):
        model = copy_of(settings.model)
        shape = _shape_of_images(model, settings.image_shape)
        told = given.get("model__pixels") is not None or len(shape) != 3 or takes_raw_pixels(model)
    if not told:
        raise ValueError(
            "Nothing tells which pixels the model takes: its first layers do not scale them. Pass pixels, one of "
            f"{list(PIXELS)}, or the name of a network of keras.applications for its preprocessing, such as "
            "'ResNet50'. The estimator converts images with pixels 0-255 to these."
        )
    return set_up_network(settings, np.zeros((1, *shape), "uint8"), classes)


def _shape_of_images(model: keras.Model, image_shape) -> tuple[int, ...]:
    """Shape of one image: as `image_shape` tells, or as the model takes it."""
    shape = tuple(model.inputs[0].shape[1:])
    if image_shape is None and None in shape:
        raise ImageShapeError(
            f"The model takes images of any size, {shape}: pass image_shape=(height, width, channels) of your images."
        )
    shape = shape if image_shape is None else tuple(int(side) for side in image_shape)
    return (*shape, 1) if len(shape) == 2 else shape


def trained_network(setup: NetworkSetup) -> FittedNetwork:
    """The network of a setup with the weights of its Keras model."""
    with borrow(setup.spec, setup.seed) as network:
        return setup.fitted(network.spec, network.initial_state(setup.seed))


def set_trained(estimator, setup: NetworkSetup, fitted: FittedNetwork):
    """Make an estimator fitted with a network that was not trained here."""
    estimator.n_features_in_ = math.prod(setup.shape)
    estimator.image_reading_ = None
    return set_fitted(estimator, fitted, setup.classes, {"loss": []})


def sharing_model(clone, estimator):
    """Clone an estimator without copying its Keras model, which fits never change.

    Parameters
    ----------
    clone : callable
        Clones an estimator with a model that is cheap to copy.
    estimator : CNNClassifier
    """
    light = object.__new__(type(estimator))
    vars(light).update({**vars(estimator), "model": None})
    cloned = clone(light)
    cloned.model = estimator.model
    return cloned


@dataclass(frozen=True)
class KerasObject:
    """A loss, an optimizer or a layer by its configuration, in JSON.

    Their attributes belong to the backend: only pickle writes them, and only Keras' own pickle.
    """

    config: str

    def __call__(self):
        """Make an equal object."""
        return keras.saving.deserialize_keras_object(json.loads(self.config))


def picklable(state: dict[str, Any]) -> dict[str, Any]:
    """The attributes of an estimator with its Keras objects as plain data, which workers and skops can make again.

    Keras' own pickle needs custom layers to be registered, and the loss with which a model was compiled.
    """
    return {name: _plain(value) for name, value in state.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, keras.Model):
        return copies_of(value)
    known = type(value).__module__.partition(".")[0] == "keras"
    if not known or not isinstance(value, (keras.losses.Loss, keras.optimizers.Optimizer, keras.layers.Layer)):
        return value
    with warnings.catch_warnings():
        # Keras reads a learning rate in a way that NumPy 2 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        return KerasObject(json.dumps(keras.saving.serialize_keras_object(value)))


def restored(state: dict[str, Any]) -> dict[str, Any]:
    """The reverse of `picklable`."""
    if not any(isinstance(value, (KerasObject, ModelCopies)) for value in state.values()):
        return state
    with seeded_building(0):
        return {
            name: value() if isinstance(value, (KerasObject, ModelCopies)) else value for name, value in state.items()
        }
