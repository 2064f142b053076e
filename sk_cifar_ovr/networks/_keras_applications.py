"""Keras Applications without their top and without their preprocessing, and what each expects of its pixels."""

import difflib
import inspect
from dataclasses import dataclass

import keras

from ..exceptions import NetworkError

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Pixels:
    """What a network expects of pixels from 0 to 255: ``pixels * scale + offset``, for red, green and blue.

    Attributes
    ----------
    scale, offset : tuple of three floats
    reverse : bool
        Whether blue comes first, before scale and offset.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    reverse: bool = False


SYMMETRIC = Pixels((1 / 127.5,) * 3, (-1.0,) * 3)
SYMMETRIC_128 = Pixels((1 / 128,) * 3, (-1.0,) * 3)
STANDARDISED = Pixels(
    tuple(1 / (255 * std) for std in _STD), tuple(-mean / std for mean, std in zip(_MEAN, _STD, strict=True))
)
BLUE_FIRST = Pixels((1.0,) * 3, (-103.939, -116.779, -123.68), reverse=True)

# By Keras' module of the network.
_PIXELS = {
    "convnext": STANDARDISED,
    "densenet": STANDARDISED,
    "efficientnet": STANDARDISED,
    "efficientnet_v2": STANDARDISED,
    "resnet": BLUE_FIRST,
    "vgg16": BLUE_FIRST,
    "vgg19": BLUE_FIRST,
}
_LARGE_V2 = ("EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L")
_SMALLEST_SIDE = {"xception": 71, "inception_v3": 75, "inception_resnet_v2": 75}

# Where Keras keeps the published weights without the top, in <keras home>/models.
WEIGHT_FILES = {
    "ResNet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "MobileNet": "mobilenet_1_0_224_tf_no_top.h5",
    "MobileNetV2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "DenseNet121": "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "EfficientNetB0": "efficientnetb0_notop.h5",
    "EfficientNetV2B0": "efficientnetv2-b0_notop.h5",
    "ConvNeXtTiny": "convnext_tiny_notop.h5",
}


def application_names() -> list[str]:
    """Names of the networks in `keras.applications`."""
    found = vars(keras.applications).items()
    return sorted(name for name, thing in found if inspect.isfunction(thing) and "weights" in _arguments(thing))


def find_application(name):
    """The function of `keras.applications` of that name.

    Raises
    ------
    NetworkError
        If there is none; names the nearest one.
    """
    known = application_names()
    if name not in known:
        lowered = {each.lower(): each for each in known}
        near = difflib.get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.4)
        hint = f" (did you mean {lowered[near[0]]!r}?)" if near else ""
        raise NetworkError(f"name={name!r} is no network of keras.applications{hint}: use one of {known}.")
    return getattr(keras.applications, name)


def pixels_of(name: str) -> Pixels:
    """What an application expects of its pixels."""
    if name in _LARGE_V2:
        return SYMMETRIC_128
    return _PIXELS.get(_module(name), SYMMETRIC)


def smallest_side(name: str) -> int:
    """The shortest side of an image that an application takes."""
    return _SMALLEST_SIDE.get(_module(name), 32)


def make_application(name: str, sides: tuple[int, int], options=None, *, weights=None) -> keras.Model:
    """An application as Keras builds it, its own preprocessing included, up to the pooled features.

    Parameters
    ----------
    name : str
        Of a function in `keras.applications`.
    sides : tuple of int
        Height and width.
    options : dict or None
        Further arguments of that function, such as ``{"alpha": 0.25}``.
    weights : {"imagenet"} or None

    Raises
    ------
    NetworkError
        If the function takes no such options; names those that it takes.
    """
    function, options = find_application(name), {} if options is None else options
    if not isinstance(options, dict):
        raise NetworkError(f"options={options!r}: give a dict of arguments of keras.applications.{name}.")
    taken = _arguments(function) - {"include_top", "weights", "input_tensor", "input_shape", "pooling", "name"}
    unknown = sorted(options.keys() - taken)
    if unknown:
        raise NetworkError(f"options: keras.applications.{name} takes no {unknown}. It takes {sorted(taken)}.")
    return function(include_top=False, weights=weights, input_shape=(*sides, 3), pooling="avg", **options)


def backbone_of(application: keras.Model) -> keras.Model:
    """The part of an application behind its own preprocessing; the variables are shared.

    Keras' preprocessing of EfficientNet holds variables of its own, and differs with the weights.
    """
    behind = next(layer for layer in application.layers if not _is_preprocessing(layer))
    return keras.Model(behind.input, application.outputs[0], name=application.name)


def _is_preprocessing(layer) -> bool:
    kinds = (keras.layers.InputLayer, keras.layers.Rescaling, keras.layers.Normalization)
    if isinstance(layer, keras.Sequential):
        return all(_is_preprocessing(inner) for inner in layer.layers)
    return isinstance(layer, kinds)


def _module(name: str) -> str:
    return find_application(name).__module__.rpartition(".")[2]


def _arguments(function) -> set[str]:
    return set(inspect.signature(function).parameters)
