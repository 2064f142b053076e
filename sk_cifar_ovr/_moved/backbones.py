"""Import path of earlier versions. The builders are defined in `sk_cifar_ovr.networks`."""

from sk_cifar_ovr.networks import (
    BACKBONES,
    convnext_tiny,
    densenet121,
    efficientnet_b0,
    efficientnet_v2_b0,
    keras_application,
    mobilenet,
    mobilenet_v2,
    resnet50,
)

__all__ = [
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
