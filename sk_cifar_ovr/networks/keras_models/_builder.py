"""A builder on a Keras model: a copy of it for some images and classes."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

from ...exceptions import ImageShapeError, NetworkError, PixelScaleWarning
from .._image_input import image_shape
from .._outputs import LOGITS, SIGMOID, Columns, cut, output_kind, unused_name, with_probabilities
from ._copies import ModelCopies, copies_of
from ._files import is_model_path, read_model
from ._pixels import PIXELS, as_expected, check_pixels, takes_raw_pixels

WEIGHTS = ("trained", None)
HEADS = ("kept", "new")


def is_keras_model(model) -> bool:
    """Whether the parameter `model` of an estimator is a Keras model or the path of a file."""
    return isinstance(model, keras.Model) or is_model_path(model)


def snapshot(call: partial) -> ModelCopies | None:
    """What a call of a builder on a Keras model makes, as plain data; None for another builder.

    The model may change later, and its file may go away.

    Parameters
    ----------
    call : functools.partial
        A builder with all its arguments.
    """
    function: Callable = call
    arguments: tuple = ()
    options: dict[str, Any] = {}
    while isinstance(function, partial):
        arguments, options = (*function.args, *arguments), {**function.keywords, **options}
        function = function.func
    return network_copies(*arguments, **options) if function is keras_model else None


def keras_model(source, meta, *, weights="trained", head="kept", pixels=None, columns=None):
    """A network that starts as a copy of a Keras model.

    Parameters
    ----------
    source : keras.Model, str or path-like
        The model, which is not changed, or the path of a ``.keras`` file.
    meta : dict
        SciKeras' meta: ``n_classes_``, and ``image_shape_`` (this package's) or ``X_shape_``.
    weights : {"trained", None}, default="trained"
        Start from the weights of the model. None draws new ones.
    head : {"kept", "new"}, default="kept"
        "new" replaces the last layer that has weights, and what is behind it, by a new ``Dense`` layer with softmax.
    pixels : {"0-255", "0-1", "-1-1"}, str or None, default=None
        Pixels that the model takes, to which 0-255 are converted inside the network. The name of a network of
        `keras.applications` stands for its preprocessing. None passes 0-255 on, as a model that scales pixels itself
        needs them.
    columns : sequence of int or None, default=None
        Index of the output that belongs to each class, in the order of the sorted classes. None keeps the order.

    Returns
    -------
    keras.Model
        Uncompiled; input (n, h, w, c), pixels 0-255; output (n, n_classes).

    Raises
    ------
    NetworkError
        If the model cannot be copied, or its outputs do not fit the classes.
    ImageShapeError
        If it takes images of another shape.
    FileNotFoundError, SavedFileError
        If the file cannot be read.

    Warns
    -----
    PixelScaleWarning
        If a trained model on images neither scales pixels itself nor `pixels` is given.
    """
    options = {"weights": weights, "head": head, "pixels": pixels, "columns": columns}
    return network_copies(source, meta, **options)()


def network_copies(source, meta, *, weights="trained", head="kept", pixels=None, columns=None) -> ModelCopies:
    """What `keras_model` makes, as plain data, from which it is made again without the source.

    Parameters
    ----------
    source, meta, weights, head, pixels, columns
        See `keras_model`.

    Returns
    -------
    ModelCopies
        The values of a new last layer, or of all layers if `weights` is None, are drawn with each copy.
    """
    for name, value, known in (("weights", weights, WEIGHTS), ("head", head, HEADS)):
        if value not in known:
            raise NetworkError(f"{name}={value!r}: use one of {known}.")
    check_pixels(pixels)
    inner = copy_of(source)
    shape = image_shape(meta)
    if pixels is None and weights is not None and len(shape) == 3 and not takes_raw_pixels(inner):
        warnings.warn(
            f"Nothing tells which pixels the model {inner.name!r} takes, so it gets them from 0 to 255. If it was "
            f"trained on others, pass model__pixels, one of {list(PIXELS)} or the name of a network of "
            "keras.applications; model__pixels='0-255' keeps this and avoids the warning.",
            PixelScaleWarning,
            stacklevel=2,
        )
    model = _on_images(inner, shape, pixels)
    new = _with_new_head(model, meta["n_classes_"], trained=weights is not None) if head == "new" else None
    model = _with_head(model, meta["n_classes_"], columns) if new is None else new
    found = copies_of(model)
    if weights is None:
        return found.without_values()
    if new is not None:
        fresh = {id(variable) for variable in model.layers[-1].variables}
        values = [None if id(v) in fresh else x for v, x in zip(model.variables, found.values or [], strict=True)]
        found = ModelCopies(found.config, values, found.trainable, found.custom_objects)
    return found


def copy_of(source) -> keras.Model:
    """A functional copy of a Keras model, with its weights.

    Parameters
    ----------
    source : keras.Model, str or path-like

    Raises
    ------
    NetworkError
        If the model takes images with their channels first, or cannot be copied.
    """
    model = copies_of(_model(source))()
    _check_channels_last(model)
    return model


def _model(source) -> keras.Model:
    return source if isinstance(source, keras.Model) else read_model(source)


def _check_channels_last(model: keras.Model) -> None:
    shape = tuple(model.inputs[0].shape[1:])
    looks_first = len(shape) == 3 and shape[0] in (1, 3, 4)
    if not looks_first:
        return
    first = [
        layer.name
        for layer in model._flatten_layers(include_self=False)
        if getattr(layer, "data_format", None) == "channels_first"
    ]
    if first:
        given = (*shape[1:], shape[0])
        raise NetworkError(
            f"{model.name!r} takes images of shape {shape} with their channels first (layer {first[0]!r}), and images "
            f"here have them last: put a Permute in front, inputs = keras.Input({given}), "
            "keras.Model(inputs, model(keras.layers.Permute((3, 1, 2))(inputs)))."
        )


def _on_images(inner: keras.Model, shape: tuple[int, ...], pixels) -> keras.Model:
    """The model with an input for images with pixels 0-255."""
    if len(inner.inputs) != 1 or len(inner.outputs) != 1:
        raise NetworkError(
            f"{inner.name!r} has {len(inner.inputs)} inputs and {len(inner.outputs)} outputs, and needs one of each: "
            "cut it with keras.Model(inputs, outputs)."
        )
    wanted = tuple(inner.inputs[0].shape[1:])
    dtype = inner.inputs[0].dtype
    taken = {layer.name for layer in inner.layers}
    inputs = keras.Input(
        shape, dtype=dtype if "float" in dtype else keras.config.floatx(), name=unused_name("pixels", taken)
    )
    x = inputs
    if wanted == shape[:-1] and shape[-1] == 1:
        x = layers.Reshape(wanted, name=unused_name("without_channel", taken))(x)
    elif len(wanted) != len(shape) or any(a not in (None, b) for a, b in zip(wanted, shape, strict=True)):
        raise ImageShapeError(_other_shape(inner.name, wanted, shape))
    # `call` puts the layers themselves behind the new input, where `inner(x)` would make one layer of them all.
    outputs = inner.call(as_expected(x, pixels, taken))
    return keras.Model(inputs, outputs, name=inner.name)


def _other_shape(name: str, wanted, shape) -> str:
    if len(shape) == 1:
        what = f"image_shape={wanted} if the rows of X are such images"
    elif len(wanted) == 1:
        what = "X.reshape(len(X), -1) if it takes flat rows"
    elif len(wanted) == len(shape) and wanted[-1] == 3 and shape[-1] == 1:
        what = "np.repeat(X, 3, axis=-1) to make red, green and blue of grey"
    else:
        what = "images of that size"
    return f"The model {name!r} takes inputs of shape {wanted}, and one image of X has the shape {shape}: pass {what}."


def _with_head(model: keras.Model, n_classes: int, columns) -> keras.Model:
    """The model with its own last layer and probabilities of the classes."""
    (output,) = model.outputs
    width = output.shape[-1]
    single = n_classes == 2 and width == 1
    if single and output_kind(model) not in (SIGMOID, LOGITS):
        raise NetworkError(
            f"{model.name!r} has one output for two classes, and its last layers do not tell whether it is a "
            "probability or a logit: end it in a sigmoid, or, for a logit, in a layer without activation."
        )
    if len(output.shape) != 2 or not (width == n_classes or single):
        raise NetworkError(
            f"{model.name!r} has outputs of shape {tuple(output.shape[1:])}, and there are {n_classes} classes. "
            "model__head='new' replaces its last layer by a new one for these classes. Or cut it yourself: "
            f"outputs = keras.layers.Dense({n_classes}, activation='softmax')(model.layers[-2].output), "
            "model = keras.Model(model.inputs[0], outputs)."
        )
    model = with_probabilities(model, n_classes)
    if columns is None or list(columns) == list(range(n_classes)):
        return model
    if sorted(columns) != list(range(n_classes)):
        raise NetworkError(f"columns={columns!r}: give each index from 0 to {n_classes - 1} once.")
    taken = {layer.name for layer in model.layers}
    ordered = Columns(columns, dtype=model.outputs[0].dtype, name=unused_name("columns", taken))
    return keras.Model(model.inputs[0], ordered(model.outputs[0]), name=model.name)


def _with_new_head(model: keras.Model, n_classes: int, *, trained: bool) -> keras.Model:
    """The model with a new last layer."""
    last = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if isinstance(last, keras.Model):
        raise NetworkError(
            f"The last layer of {model.name!r} that has weights is a model, {last.name!r}, whose own last layer cannot "
            "be replaced: for new classes, and for the tasks of one-vs-rest, pass a functional or Sequential model of "
            "single layers (instead of a subclassed model or a model in a model), or a builder, a function "
            "(meta) -> keras.Model."
        )
    features, tail = cut(model)
    if len(features.shape) != 2:
        raise NetworkError(
            f"The last layer with weights of {model.name!r}, {tail[0].name!r}, takes an array of shape "
            f"{tuple(features.shape[1:])} an image, and a new last layer takes a row of features: cut the model "
            "yourself, behind a pooling or Flatten layer."
        )
    names = {layer.name for layer in model.layers} - {layer.name for layer in tail}
    # Features of a trained model may be large: random weights would begin with probabilities near 0 and 1.
    head = layers.Dense(
        n_classes,
        activation="softmax",
        kernel_initializer="zeros" if trained else "glorot_uniform",
        dtype=tail[0].dtype_policy,
        name=unused_name("head", names),
    )
    return keras.Model(model.inputs[0], head(features), name=model.name)
