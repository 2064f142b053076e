"""Import path of earlier versions: the layer lives in `sk_cifar_ovr.networks`."""

from .networks import Whitening

__all__ = ["Whitening"]
