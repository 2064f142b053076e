"""The original CIFAR-10: its files, where copies of them are looked for, and their download."""

from ._cifar10 import fetch_cifar10
from ._cifar10_files import CLASS_NAMES

__all__ = ["CLASS_NAMES", "fetch_cifar10"]
