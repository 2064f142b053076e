"""Networks of `keras.applications`: without top and preprocessing, and the preprocessing each expects."""

import inspect
from dataclasses import dataclass

import keras

from .._shared.text import nearest
from ..exceptions import NetworkError

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """Preprocessing of pixels 0-255 that a network expects: ``pixels * scale + offset`` per channel.

    Attributes
    ----------
    scale, offset : tuple of three floats
    reverse : bool, default=False
        Whether RGB is reversed to BGR first.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    reverse: bool = False


SYMMETRIC = Preprocessing((1 / 127.5,) * 3, (-1.0,) * 3)
SYMMETRIC_128 = Preprocessing((1 / 128,) * 3, (-1.0,) * 3)
STANDARDIZED = Preprocessing(
    tuple(1 / (255 * std) for std in _STD), tuple(-mean / std for mean, std in zip(_MEAN, _STD, strict=True))
)
BGR = Preprocessing((1.0,) * 3, (-103.939, -116.779, -123.68), reverse=True)

# By module of `keras.applications`.
_PREPROCESSING = {
    "convnext": STANDARDIZED,
    "densenet": STANDARDIZED,
    "efficientnet": STANDARDIZED,
    "efficientnet_v2": STANDARDIZED,
    "resnet": BGR,
    "vgg16": BGR,
    "vgg19": BGR,
}
_LARGE_V2 = ("EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L")
_SMALLEST_SIDE = {"xception": 71, "inception_v3": 75, "inception_resnet_v2": 75}

# Files of the published weights without the top, in <keras home>/models.
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
    """The function of `keras.applications` with this name.

    Parameters
    ----------
    name : str

    Raises
    ------
    NetworkError
        If there is none. The message suggests a similar name.
    """
    known = application_names()
    if name not in known:
        raise NetworkError(
            f"name={name!r} is no network of keras.applications{nearest(str(name), known)}: use one of {known}."
        )
    return getattr(keras.applications, name)


def preprocessing_of(name: str) -> Preprocessing:
    """The preprocessing that a network expects."""
    if name in _LARGE_V2:
        return SYMMETRIC_128
    return _PREPROCESSING.get(_module(name), SYMMETRIC)


def smallest_side(name: str) -> int:
    """Smallest height and width of images that a network accepts, in pixels."""
    return _SMALLEST_SIDE.get(_module(name), 32)


def make_application(name: str, sides: tuple[int, int], options=None, *, weights=None) -> keras.Model:
    """A network of `keras.applications` up to the pooled features, including its own preprocessing layers.

    Parameters
    ----------
    name : str
        Name of the function in `keras.applications`.
    sides : tuple of int
        Height and width of the images.
    options : dict or None, default=None
        Further arguments of that function, such as ``{"alpha": 0.25}``.
    weights : {"imagenet"} or None, default=None
        Published weights, or random ones.

    Returns
    -------
    keras.Model

    Raises
    ------
    NetworkError
        If `options` is no dict, or contains arguments that the function does not take or that are set here.
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
    """The part of a network after its own preprocessing layers. Variables are shared.

    The preprocessing of Keras' EfficientNet has variables, and it depends on which weights are loaded.
    """
    first = next(layer for layer in application.layers if not _is_preprocessing(layer))
    return keras.Model(first.input, application.outputs[0], name=application.name)


def _is_preprocessing(layer) -> bool:
    kinds = (keras.layers.InputLayer, keras.layers.Rescaling, keras.layers.Normalization)
    if isinstance(layer, keras.Sequential):
        return all(_is_preprocessing(inner) for inner in layer.layers)
    return isinstance(layer, kinds)


def _module(name: str) -> str:
    return find_application(name).__module__.rpartition(".")[2]


def _arguments(function) -> set[str]:
    return set(inspect.signature(function).parameters)
