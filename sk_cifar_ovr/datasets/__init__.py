"""Images as uint8 arrays with labels: from folders, archives, CIFAR-10's own files and scikit-learn's digits.

Loaders take a path, a table, or nothing for the digits, and return a `sklearn.utils.Bunch` with `images`, `target` and
`target_names`. The room does not know networks or estimators.
"""

from .._shared.lazy_arrays import LazyArray
from ._digits import load_digit_images
from ._image_folder import load_image_folder
from ._image_sizes import image_sizes
from ._image_table import load_image_table
from ._read_images import read_images
from ._unlabeled_images import image_file_blocks, read_image_files
from .cifar10 import CLASS_NAMES, fetch_cifar10
from .duplicates import near_duplicates
from .files import Fit, ImageFiles

__all__ = [
    "CLASS_NAMES",
    "Fit",
    "ImageFiles",
    "LazyArray",
    "fetch_cifar10",
    "image_file_blocks",
    "image_sizes",
    "load_digit_images",
    "load_image_folder",
    "load_image_table",
    "near_duplicates",
    "read_image_files",
    "read_images",
]
