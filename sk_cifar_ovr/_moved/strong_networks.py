"""Import path of earlier versions, which saved files may name: these builders live in `sk_cifar_ovr.networks`."""

from sk_cifar_ovr.networks import small_resnet, whitened_cnn

__all__ = ["small_resnet", "whitened_cnn"]
