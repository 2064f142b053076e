"""Builders on networks of `keras.applications`, with random weights or weights from a file or ImageNet."""

import re
import warnings
from collections.abc import Callable
from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import layers

from ..exceptions import ColorWarning, ImageShapeError, NetworkError
from ._backbone_layers import Backbone, ExpectedPixels
from ._image_input import pixel_input, resized, square_image_shape
from ._keras_applications import smallest_side
from ._pretrained_weights import Pretrained

# Options of the builders that set initial values and leave the graph unchanged.
WEIGHT_OPTIONS = ("weights", "weights_sha256")


def keras_application(
    meta, *, name=None, weights=None, weights_sha256=None, trainable=False, image_size=None, options=None
):
    """A network of `keras.applications` with global average pooling and a new softmax layer.

    Images are resized, grey images repeated to three channels, and pixels scaled as the network expects, all inside
    the returned model.

    Parameters
    ----------
    meta : dict
        SciKeras' meta: ``n_classes_``, and ``image_shape_`` (this package's) or ``X_shape_``.
    name : str
        Name of the function in `keras.applications`, such as ``"ResNet101"``.
    weights : {"imagenet"}, str, path-like or None, default=None
        ``"imagenet"`` for the published weights, which Keras downloads and caches, or the path of a file with weights
        of the network without its top (``.weights.h5``, ``.h5`` or ``.keras``). None initialises at random.
    weights_sha256 : str or None, default=None
        SHA-256 checksum that the file must have.
    trainable : bool or str, default=False
        Which part of the backbone is trained: nothing, everything, or, for example with ``"last_20"``, the last 20
        layers that have weights. Batch normalisation layers that are not trained keep their statistics.
    image_size : int, (height, width) or None, default=None
        Images are resized to this size. If None, only images that are too small for the network are resized.
    options : dict or None, default=None
        Further arguments of the function in `keras.applications`, such as ``{"alpha": 0.25}``.

    Returns
    -------
    keras.Model
        Uncompiled; input (n, h, w, c), pixels 0-255; output (n, n_classes). Its layer ``"backbone"``, before the
        softmax, is the network.

    Raises
    ------
    NetworkError
        If there is no such network, or it does not take the options.
    ImageShapeError
        If `image_size` is too small for the network, or the images are neither grey nor RGB.
    WeightsError, ChecksumError, FileNotFoundError
        If the weights are not available or do not fit the network.

    See Also
    --------
    cifar_cnn : A small network for training from scratch.

    Examples
    --------
    >>> from sk_cifar_ovr.networks import keras_application
    >>> meta = {"image_shape_": (32, 32, 3), "n_classes_": 2}
    >>> keras_application(meta, name="MobileNet", options={"alpha": 0.25}).count_params()
    219058
    """
    if name is None:
        raise NetworkError("Give the network's name in keras.applications: model__name='ResNet101', for example.")
    flag, last = _trained_part(trainable)
    smallest = smallest_side(name)
    inputs, x = pixel_input(meta)
    *given, channels = x.shape[1:]
    sides = _target_sides(image_size, given, smallest, name)
    if channels not in (1, 3):
        raise ImageShapeError(f"{name} takes images of 3 channels, or grey ones of 1, and these have {channels}.")
    x = ExpectedPixels(name, name="expected_pixels")(resized(x, sides, "resize"))
    backbone = Backbone(name, sides, options, last, trainable=flag, name="backbone")
    outputs = layers.Dense(meta["n_classes_"], activation="softmax", name="softmax")(backbone(x))
    model = keras.Model(inputs, outputs, name=name.lower())
    if weights is not None:
        Pretrained(name, weights, weights_sha256, options).load_into(model)
    return model


def _trained_part(trainable) -> tuple[bool, int | None]:
    if isinstance(trainable, (bool, np.bool_)):
        return bool(trainable), None
    match = re.fullmatch(r"last_([1-9]\d*)", str(trainable))
    if match is None:
        raise NetworkError(f"trainable={trainable!r}: use True, False or 'last_N', such as 'last_20'.")
    return True, int(match[1])


def _target_sides(image_size, given, smallest: int, name: str) -> tuple[int, int]:
    if image_size is None:
        return tuple(max(side, smallest) for side in given)
    sides = (image_size, image_size) if isinstance(image_size, Integral) else image_size
    pair = isinstance(sides, (tuple, list)) and len(sides) == 2 and all(isinstance(side, Integral) for side in sides)
    if not pair or min(sides) < smallest:
        raise ImageShapeError(
            f"image_size={image_size!r}: {name} takes images of {smallest} pixels a side or more; give one number, or "
            "(height, width)."
        )
    return int(sides[0]), int(sides[1])


def _builder(application: str, name: str) -> Callable[..., keras.Model]:
    # Each result is assigned to the module attribute of its name below, so that it can be pickled.
    def build(meta, *, weights=None, weights_sha256=None, trainable=False, image_size=None, options=None):
        return keras_application(
            meta,
            name=application,
            weights=weights,
            weights_sha256=weights_sha256,
            trainable=trainable,
            image_size=image_size,
            options=options,
        )

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"`keras_application` with ``name={application!r}``."
    return build


resnet50 = _builder("ResNet50", "resnet50")
mobilenet = _builder("MobileNet", "mobilenet")
mobilenet_v2 = _builder("MobileNetV2", "mobilenet_v2")
densenet121 = _builder("DenseNet121", "densenet121")
efficientnet_b0 = _builder("EfficientNetB0", "efficientnet_b0")
efficientnet_v2_b0 = _builder("EfficientNetV2B0", "efficientnet_v2_b0")
convnext_tiny = _builder("ConvNeXtTiny", "convnext_tiny")

APPLICATIONS = {
    resnet50: "ResNet50",
    mobilenet: "MobileNet",
    mobilenet_v2: "MobileNetV2",
    densenet121: "DenseNet121",
    efficientnet_b0: "EfficientNetB0",
    efficientnet_v2_b0: "EfficientNetV2B0",
    convnext_tiny: "ConvNeXtTiny",
}
BACKBONES = {builder.__name__: builder for builder in (*APPLICATIONS, keras_application)}


def warn_of_grey(builder, shape: tuple[int, ...], estimator: str) -> None:
    """Warn if a builder repeats the one channel of grey images to three.

    Parameters
    ----------
    builder : callable
    shape : tuple of int
        Shape of one sample: ``(h, w, c)`` or ``(d,)``.
    estimator : str
        Name of the estimator for the warning.

    Warns
    -----
    ColorWarning
    """
    if builder in BACKBONES.values() and (shape if len(shape) == 3 else square_image_shape(shape[0]))[-1] == 1:
        warnings.warn(
            f"{estimator}: X holds grey images, and {builder.__name__} takes red, green and blue: the one channel is "
            "repeated inside the network.",
            ColorWarning,
            stacklevel=4,
        )


def split_weights(builder, routed: dict[str, Any]) -> tuple[dict[str, Any], Pretrained | None]:
    """Separate the source of pretrained weights from the other routed parameters.

    Weights do not change the graph. Fits that differ only in their weights therefore share a compiled graph, and a
    saved estimator can be loaded without the file of weights.

    Parameters
    ----------
    builder : callable
    routed : dict
        Routed parameters of an estimator, such as ``model__weights``.

    Returns
    -------
    routed : dict
        Without the parameters of pretrained weights.
    pretrained : Pretrained or None
        Where the weights come from.
    """
    if builder not in BACKBONES.values():
        return routed, None
    dropped = {f"model__{option}" for option in WEIGHT_OPTIONS}
    kept = {name: value for name, value in routed.items() if name not in dropped}
    source = routed.get("model__weights")
    application = APPLICATIONS.get(builder, routed.get("model__name"))
    if source is None or application is None:
        return kept, None
    checksum, options = routed.get("model__weights_sha256"), routed.get("model__options")
    return kept, Pretrained(application, source, checksum, options)
