"""`load_digit_images`: scikit-learn's handwritten digits as images."""

from __future__ import annotations

import hashlib

import numpy as np
from sklearn.utils import Bunch

from ._subset import Subset, select_parts


def load_digit_images(subset: Subset = None) -> Bunch:
    """Load scikit-learn's handwritten digits as uint8 images, without a download.

    Parameters
    ----------
    subset : {None, "all"}, default=None
        Both load all images. The digits are not split, so "train" and "test" are errors.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (1797, 8, 8, 1). The original gray levels 0-16, scaled to 0-255.
        - target : ndarray of int64, shape (1797,).
        - target_names : list of str.
        - n_train : None.
        - sha256 : str. Hash of images and target.
        - DESCR : str.

    Raises
    ------
    DatasetError
        If `subset` is "train" or "test".
    ValueError
        If `subset` has another value.

    See Also
    --------
    sklearn.datasets.load_digits : The same images as floats and as flat samples.
    fetch_cifar10 : Color images, with a test part.
    load_image_folder : Your own images.

    Examples
    --------
    >>> from sk_cifar_ovr import load_digit_images
    >>> data = load_digit_images()
    >>> data.images.shape, data.target_names[:3]
    ((1797, 8, 8, 1), ['0', '1', '2'])
    """
    from sklearn.datasets import load_digits

    select_parts(subset, [""], "the digits dataset")
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    target = digits.target.astype(np.int64)
    return Bunch(
        images=images,
        target=target,
        target_names=[str(name) for name in digits.target_names],
        n_train=None,
        sha256=hashlib.sha256(images.tobytes() + target.astype("<i8").tobytes()).hexdigest(),
        DESCR=digits.DESCR,
    )
