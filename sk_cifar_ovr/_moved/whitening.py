"""Import path of earlier versions. The layer is defined in `sk_cifar_ovr.networks`."""

from sk_cifar_ovr.networks import Whitening

__all__ = ["Whitening"]
