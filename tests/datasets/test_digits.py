"""scikit-learn's digits as images."""

import numpy as np
import pytest

from sk_cifar_ovr import load_digit_images
from sk_cifar_ovr.exceptions import DatasetError


def test_digits_are_scikit_learns_spread_over_a_byte():
    from sklearn.datasets import load_digits

    data, original = load_digit_images(), load_digits()
    assert data.images.shape == (1797, 8, 8, 1)
    assert data.images.dtype == np.uint8
    assert data.target.dtype == np.int64
    np.testing.assert_array_equal(data.images[..., 0], np.rint(original.images * 255 / 16))
    np.testing.assert_array_equal(data.target, original.target)
    assert data.target_names == [str(i) for i in range(10)]
    assert data.sha256 == load_digit_images("all").sha256
    assert data.n_train is None


@pytest.mark.parametrize("subset", ["train", "test"])
def test_digits_have_no_parts(subset):
    with pytest.raises(DatasetError, match="not split"):
        load_digit_images(subset)
