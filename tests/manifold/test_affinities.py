"""Metrics, precomputed distances and affinities."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier
from small_tsne import SMALL

from sk_cifar_ovr import TSNETransformer


def test_precomputed_distances(rows):
    X, y = rows
    distances = pairwise_distances(X[:300])
    spectral = TSNETransformer(**SMALL, initialization="spectral")
    tsne = TSNETransformer(**SMALL, metric="precomputed").fit(distances)
    np.testing.assert_allclose(tsne.kl_divergence_, spectral.fit(X[:300]).kl_divergence_, rtol=0.05)
    np.testing.assert_array_equal(tsne.transform(distances), tsne.embedding_)
    placed = tsne.transform(pairwise_distances(X[300:500], X[:300]))
    assert KNeighborsClassifier(5).fit(tsne.embedding_, y[:300]).score(placed, y[300:500]) > 0.85
    with pytest.raises(ValueError, match="square"):
        TSNETransformer(**SMALL, metric="precomputed").fit(distances[:, :200])


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_precomputed_affinities(rows, form):
    X, y = rows
    affinities = np.exp(-pairwise_distances(X, X[:300], squared=True, metric="euclidean") / 200)
    tsne = TSNETransformer(**SMALL, metric="precomputed_affinities")
    among = form(affinities[:300])
    places = tsne.fit_transform(among)
    np.testing.assert_array_equal(among if form is np.asarray else among.toarray(), affinities[:300])
    np.testing.assert_array_equal(tsne.transform(among), places)
    placed = tsne.transform(form(affinities[300:500]))
    assert KNeighborsClassifier(5).fit(places, y[:300]).score(placed, y[300:500]) > 0.8
    alone = affinities[:300].copy()
    alone[7] = alone[:, 7] = 0
    with pytest.raises(ValueError, match="Row 7 has no affinity"):
        TSNETransformer(**SMALL, metric="precomputed_affinities").fit(form(alone))


@pytest.mark.parametrize("metric", ["manhattan", "cosine", "chebyshev"])
def test_other_metrics(rows, metric):
    X, y = rows
    tsne = TSNETransformer(**SMALL, metric=metric).fit(X[:300])
    np.testing.assert_array_equal(tsne.transform(X[:300]), tsne.embedding_)
    score = KNeighborsClassifier(5).fit(tsne.embedding_, y[:300]).score(tsne.transform(X[300:500]), y[300:500])
    assert score > 0.85


@pytest.mark.parametrize(
    ("metric", "spoil"),
    [
        ("correlation", lambda X: np.concatenate([X, np.ones((1, 64))])),
        ("euclidean", lambda X: (1e20 * X).astype(np.float32)),
        ("euclidean", lambda X: (1e-30 * X).astype(np.float32)),
    ],
)
def test_no_place_is_nan(rows, metric, spoil):
    X, _ = rows
    with pytest.raises(ValueError, match="Scale X, or leave out such samples"), np.errstate(all="ignore"):
        TSNETransformer(**SMALL, metric=metric).fit(spoil(X[:100]))
    tsne = TSNETransformer(**SMALL, metric=metric).fit(X[:100])
    with pytest.raises(ValueError, match="Scale X"), np.errstate(all="ignore"):
        tsne.transform(np.full((1, 64), 1.0 if metric == "correlation" else 1e200))
