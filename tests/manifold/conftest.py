"""Digits, and a transformer that is fitted to some of them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sk_cifar_ovr import TSNETransformer


@pytest.fixture(scope="module")
def rows():
    """900 digits as rows of 64 values, in a fixed shuffled order, and their labels."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[:900]
    X, y = X[order], y[order]
    X.setflags(write=False)
    return X, y


@pytest.fixture(scope="module")
def fitted(rows):
    return TSNETransformer(random_state=0, max_iter=500).fit(rows[0][:600])
