"""Import path of earlier versions. The builders are defined in `sk_cifar_ovr.networks`."""

from .networks import keras_application
from .networks._backbones import (
    APPLICATIONS,
    BACKBONES,
    convnext_tiny,
    densenet121,
    efficientnet_b0,
    efficientnet_v2_b0,
    mobilenet,
    mobilenet_v2,
    resnet50,
)

__all__ = [
    "APPLICATIONS",
    "BACKBONES",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "keras_application",
    "mobilenet",
    "mobilenet_v2",
    "resnet50",
]
