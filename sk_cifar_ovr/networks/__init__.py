"""Networks: builders ``(meta, *, option=default, ...) -> keras.Model``, their layers and pretrained weights.

A builder takes SciKeras' ``meta`` (image shape, number of classes) and returns an uncompiled Keras model with a softmax
output. Pixels are scaled and images resized inside the network. This room must not know labels, training or
estimators.
"""

from ._backbone_layers import Backbone
from ._backbones import (
    BACKBONES,
    convnext_tiny,
    densenet121,
    efficientnet_b0,
    efficientnet_v2_b0,
    keras_application,
    mobilenet,
    mobilenet_v2,
    resnet50,
    split_weights,
    warn_of_grey,
)
from ._cifar_cnn import cifar_cnn
from ._image_input import square_image_shape
from ._inference_mode import infer_by_default
from ._outputs import cut, output_kind, unused_name, with_probabilities
from ._pretrained_weights import Pretrained
from ._registry import BUILDERS, find_builder, is_builtin
from ._small_resnet import small_resnet
from ._whitened_cnn import whitened_cnn
from ._whitening import Whitening
from .keras_models import (
    PIXELS,
    ModelCopies,
    check_config,
    copies_of,
    copy_of,
    is_keras_model,
    snapshot,
    takes_raw_pixels,
)

__all__ = [
    "BACKBONES",
    "BUILDERS",
    "PIXELS",
    "Backbone",
    "ModelCopies",
    "Pretrained",
    "Whitening",
    "check_config",
    "cifar_cnn",
    "convnext_tiny",
    "copies_of",
    "copy_of",
    "cut",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "find_builder",
    "infer_by_default",
    "is_builtin",
    "is_keras_model",
    "keras_application",
    "mobilenet",
    "mobilenet_v2",
    "output_kind",
    "resnet50",
    "small_resnet",
    "split_weights",
    "square_image_shape",
    "snapshot",
    "takes_raw_pixels",
    "unused_name",
    "warn_of_grey",
    "whitened_cnn",
    "with_probabilities",
]
