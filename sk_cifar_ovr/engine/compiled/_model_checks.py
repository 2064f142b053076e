"""Checks of the model that a builder returns: functional, with class probabilities as output and new layers."""

import weakref
from collections.abc import Callable

import keras
import numpy as np

from ..._shared.variables import State, same_shapes
from ...exceptions import NetworkError
from ...networks import output_kind, with_probabilities

N_TEST_IMAGES = 8
# Side of a test image if the model takes images of any size.
TEST_SIDE = 32

_seen_layers: weakref.WeakSet = weakref.WeakSet()


def check_own_layers(model: keras.Model) -> None:
    """Raise an error if trainable layers belong to an earlier network: fits would overwrite each other's weights.

    Parameters
    ----------
    model : keras.Model

    Raises
    ------
    NetworkError
        The message lists the layers.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.trainable_variables]
    shared = [layer.name for layer in layers if layer in _seen_layers]
    if shared:
        raise NetworkError(
            f"The builder returned {model.name!r} with layers of an earlier network: {shared}. Make them "
            "inside the builder, so that each fit has its own, or freeze them (trainable = False)."
        )
    _seen_layers.update(layers)


def checked_model(model, n_classes: int | None) -> keras.Model:
    """Check that a builder returned a functional model with one input and the right output shape.

    Logits, and a single output for two classes, become probabilities.

    Parameters
    ----------
    model : object
        Return value of the builder.
    n_classes : int or None
        Required number of outputs; None accepts any output.

    Returns
    -------
    keras.Model
        `model`, with a Sequential converted to a functional model, and with probabilities as output.

    Raises
    ------
    NetworkError
        If the model has another type, several inputs, another output shape than (n, n_classes), or a sigmoid for
        each class.
    """
    if not isinstance(model, keras.Model):
        raise NetworkError(f"The builder returned {type(model).__name__}, not a keras.Model.")
    if isinstance(model, keras.Sequential) and model.built:
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    inputs = getattr(model, "inputs", None) or []
    if not isinstance(model, keras.models.Model) or not hasattr(model, "_nodes") or len(inputs) != 1:
        raise NetworkError(
            f"The builder returned {model.name!r} with {len(inputs)} inputs: return a functional model, or a "
            "Sequential that starts with keras.Input, that takes one input."
        )
    if n_classes is None:
        return model
    model = with_probabilities(model, n_classes)
    if len(model.outputs) != 1 or tuple(model.outputs[0].shape[1:]) != (n_classes,):
        shapes = [tuple(output.shape) for output in model.outputs]
        raise NetworkError(
            f"The builder returned {model.name!r} with output {shapes}: a softmax over {n_classes} classes, "
            f"shape (None, {n_classes}), is needed. Take the number from meta['n_classes_']."
        )
    return model


def check_softmax(model: keras.Model, predict: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Raise an error if the outputs of a network do not sum to 1.

    Parameters
    ----------
    model : keras.Model
        Not run if its last layer is a softmax.
    predict : callable
        Compiled prediction, ``predict(images, scale)``.

    Raises
    ------
    NetworkError
        The message gives the sum.
    """
    if output_kind(model) == "softmax":
        return
    (pixels,) = model.inputs
    shape = [TEST_SIDE if length is None else length for length in pixels.shape[1:]]
    largest = 255 if len(shape) == 3 else 1
    images = np.random.default_rng(0).uniform(0, largest, (N_TEST_IMAGES, *shape)).astype(pixels.dtype)
    totals = predict(images, np.asarray(1.0, pixels.dtype)).sum(-1).ravel()
    # Random images may give outputs that are not finite, which does not show that a softmax is missing.
    off = np.abs(np.where(np.isfinite(totals), totals, 1) - 1)
    worst = totals[np.argmax(off)]
    if off.max() > 1e-2:
        raise NetworkError(
            f"The outputs of {model.name!r} for an image sum to {worst:.3g}, and its last layers do not show what they "
            "are. Class probabilities are needed: end a builder in Dense(n_classes, activation='softmax'); behind a "
            "trained model whose outputs are logits put keras.layers.Softmax(), as in "
            "keras.Model(model.inputs[0], keras.layers.Softmax()(model.outputs[0]))."
        )


def check_fits(model: keras.Model, values: State) -> None:
    """Raise an error if values do not have the shapes of the variables of a model that was built again.

    Raises
    ------
    NetworkError
        If a shape differs.
    """
    if not same_shapes(model.variables, values):
        raise changed_builder(model)


def changed_builder(model: keras.Model) -> NetworkError:
    """Error for a builder that returns another network than when the estimator was fitted."""
    return NetworkError(
        f"The builder of {model.name!r} makes another network now than when the estimator was fitted: something that "
        "it reads from elsewhere has changed. Set that back, or fit again; what changes between fits is best a "
        "parameter of the builder, model__NAME."
    )


def forget_layers() -> None:
    """Allow the layers of earlier networks in new networks again."""
    _seen_layers.clear()
