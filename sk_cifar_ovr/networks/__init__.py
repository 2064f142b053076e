"""Networks: builders ``(meta, *, option=default, ...) -> keras.Model``, and the way of pixels into them.

In comes SciKeras' ``meta`` (shape of an image, number of classes), out goes an uncompiled Keras model with a softmax
output. Rescaling and enlarging happen inside the network. Nothing here knows of labels, training or estimators.
"""

from ._backbone_layers import Backbone
from ._backbones import BACKBONES, keras_application, split_weights, warn_of_grey
from ._cifar_cnn import cifar_cnn
from ._image_input import square_image_shape
from ._pretrained_weights import Pretrained
from ._registry import BUILDERS, find_builder, is_builtin
from ._small_resnet import small_resnet
from ._whitened_cnn import whitened_cnn
from ._whitening import Whitening

__all__ = [
    "BACKBONES",
    "BUILDERS",
    "Backbone",
    "Pretrained",
    "Whitening",
    "cifar_cnn",
    "find_builder",
    "is_builtin",
    "keras_application",
    "small_resnet",
    "split_weights",
    "square_image_shape",
    "warn_of_grey",
    "whitened_cnn",
]
