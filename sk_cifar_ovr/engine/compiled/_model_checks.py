"""Checks of what a builder returned: a functional model with a softmax output and layers of its own."""

import weakref
from collections.abc import Callable

import keras
import numpy as np

from ..._shared.variables import State, fits
from ...exceptions import NetworkError

PROBED_ROWS = 8
ANY_LENGTH = 32

_made: weakref.WeakSet = weakref.WeakSet()


def check_own_layers(model: keras.Model) -> None:
    """Refuse layers to be trained that an earlier network has: fits would overwrite each other's weights.

    Parameters
    ----------
    model : keras.Model

    Raises
    ------
    NetworkError
        Naming the layers.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.trainable_variables]
    shared = [layer.name for layer in layers if layer in _made]
    if shared:
        raise NetworkError(
            f"The builder returned {model.name!r} with layers of an earlier network: {shared}. Make them "
            "inside the builder, so that each fit has its own, or freeze them (trainable = False)."
        )
    _made.update(layers)


def checked_model(model, n_classes: int | None) -> keras.Model:
    """Check what a builder returned.

    Parameters
    ----------
    model : object
        The builder's answer.
    n_classes : int or None
        Outputs asked for; None asks for nothing.

    Returns
    -------
    keras.Model
        Functional, one input, one output of shape (n, n_classes) where that is given.

    Raises
    ------
    NetworkError
        If it is no such model.
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
    if len(model.outputs) != 1 or tuple(model.outputs[0].shape[1:]) != (n_classes,):
        shapes = [tuple(output.shape) for output in model.outputs]
        raise NetworkError(
            f"The builder returned {model.name!r} with output {shapes}: a softmax over {n_classes} classes, "
            f"shape (None, {n_classes}), is needed. Take the number from meta['n_classes_']."
        )
    return model


def check_softmax(model: keras.Model, predict: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Refuse a network whose outputs do not sum to 1.

    Parameters
    ----------
    model : keras.Model
        If its last layer is a softmax, nothing is computed.
    predict : callable
        ``predict(images, scale)``, the compiled network.

    Raises
    ------
    NetworkError
        With the sum that was found.
    """
    last = model.outputs[0]._keras_history.operation
    if getattr(last, "activation", None) is keras.activations.softmax:
        return
    (pixels,) = model.inputs
    shape = [ANY_LENGTH if length is None else length for length in pixels.shape[1:]]
    largest = 255 if len(shape) == 3 else 1
    rows = np.random.default_rng(0).uniform(0, largest, (PROBED_ROWS, *shape)).astype(pixels.dtype)
    totals = predict(rows, np.asarray(1.0, pixels.dtype)).sum(-1).ravel()
    # Made-up images may give outputs that are not finite, which shows nothing.
    off = np.abs(np.where(np.isfinite(totals), totals, 1) - 1)
    worst = totals[np.argmax(off)]
    if off.max() > 1e-2:
        raise NetworkError(
            f"The builder returned {model.name!r}, whose outputs sum to {worst:.3g}: end it in a softmax, "
            "such as Dense(n_classes, activation='softmax')."
        )


def check_fits(model: keras.Model, values: State) -> None:
    """Refuse values of another network than this one, which its builder has made again.

    Raises
    ------
    NetworkError
        If the shapes differ.
    """
    if not fits(model.variables, values):
        raise changed_builder(model)


def changed_builder(model: keras.Model) -> NetworkError:
    """The error for a builder that makes another network than before."""
    return NetworkError(
        f"The builder of {model.name!r} makes another network now than when the estimator was fitted: something that "
        "it reads from elsewhere has changed. Set that back, or fit again; what changes between fits is best a "
        "parameter of the builder, model__NAME."
    )


def forget_layers() -> None:
    """Allow the layers made so far to be used again."""
    _made.clear()
