"""Small real data and small real networks for the tests."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# scikit-learn skips one of its checks without it, and SciPy reads it once, when it is imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def digits():
    """360 digits, as images and labels in a fixed shuffled order; read-only, as no one may write to them."""
    from sk_cifar_ovr import load_digit_images

    bunch = load_digit_images()
    order = np.random.default_rng(0).permutation(len(bunch.images))[:360]
    X, y = bunch.images[order], bunch.target[order]
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y
