"""What a builder may return: a functional model of the right output, with layers of its own."""

import weakref

import keras

from ...exceptions import NetworkError

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


def ends_in_softmax(model: keras.Model) -> bool:
    """Whether the activation of the last layer is a softmax."""
    last = model.outputs[0]._keras_history.operation
    return getattr(last, "activation", None) is keras.activations.softmax


def forget_layers() -> None:
    """Let the layers made so far be used again."""
    _made.clear()
