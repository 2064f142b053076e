"""Images as uint8 arrays with labels: from folders, archives, CIFAR-10's own files and scikit-learn's digits.

Loaders take a path, or nothing for the digits, and return a `sklearn.utils.Bunch` with `images`, `target` and
`target_names`. The room does not know networks or estimators.
"""

from ._cifar10 import fetch_cifar10
from ._cifar10_files import CLASS_NAMES
from ._digits import load_digit_images
from ._image_folder import load_image_folder, read_image_files

__all__ = ["CLASS_NAMES", "fetch_cifar10", "load_digit_images", "load_image_folder", "read_image_files"]
