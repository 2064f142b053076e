"""Images in: folders, archives, CIFAR-10's own files and handwritten digits, as uint8 arrays with labels.

In comes a path, out goes a `sklearn.utils.Bunch` with `images`, `target` and `target_names`. Nothing here knows of
networks or estimators.
"""

from ._cifar10 import CLASS_NAMES
from ._folder import fetch_cifar10, load_digit_images, load_image_folder, read_image_files

__all__ = ["CLASS_NAMES", "fetch_cifar10", "load_digit_images", "load_image_folder", "read_image_files"]
