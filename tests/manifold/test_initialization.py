"""Initial positions."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from small_tsne import SMALL

from sk_cifar_ovr import TSNETransformer


def test_starts_as_principal_components(rows):
    X, _ = rows
    components = PCA(2, random_state=0).fit_transform(X[:300])
    before = TSNETransformer(**{**SMALL, "max_iter": 1}).fit_transform(X[:300])
    for component, place in zip(components.T, before.T, strict=True):
        assert abs(np.corrcoef(component, place)[0, 1]) > 0.9


@pytest.mark.parametrize("start", ["pca", "spectral", "random", "array"])
def test_starts(rows, start):
    X, _ = rows
    given = np.random.default_rng(1).normal(0, 1e-4, (300, 2)) if start == "array" else start
    settings = {**SMALL, "max_iter": 400}
    places = TSNETransformer(**settings, initialization=given).fit_transform(X[:300])
    assert trustworthiness(X[:300], places, n_neighbors=5) > 0.95
