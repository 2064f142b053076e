"""Input that is refused, before any computation."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import pairwise_distances
from small_tsne import SMALL

from sk_cifar_ovr import TSNETransformer
from sk_cifar_ovr.manifold import _tsne as manifold


def test_bad_input(rows):
    X, _ = rows
    with pytest.raises(ValueError, match=r"perplexity=30.0 needs at least 90 .* has 60 samples. Set perplexity to 20"):
        TSNETransformer().fit(X[:60])
    with pytest.raises(ValueError, match="has 60 distinct samples"):
        TSNETransformer().fit(np.concatenate([X[:60], X[:60]]))
    with pytest.raises(ValueError, match=r"constant features"):
        TSNETransformer().fit(np.ones((200, 5)))
    with pytest.raises(ValueError, match="contains NaN"):
        TSNETransformer().fit(np.where(X == 16, np.nan, X))
    with pytest.raises(ValueError, match=r"\(100, 3\); expected \(100, 2\)"):
        TSNETransformer(**SMALL, initialization=np.zeros((100, 3))).fit(X[:100])
    with pytest.raises(ValueError, match="needs at least 3 distinct samples; X has 2"):
        TSNETransformer(perplexity=1).fit(X[:2])
    with pytest.raises(NotFittedError):
        TSNETransformer().transform(X)


@pytest.mark.parametrize("metric", ["euclidean", "precomputed"])
def test_perplexity_is_checked_before_any_work(rows, metric, monkeypatch):
    X = pairwise_distances(rows[0][:60]) if metric == "precomputed" else rows[0][:60]

    def work(*args, **kwargs):
        raise AssertionError("work was done")

    for name in ("distinct_rows", "Affinities", "initial_positions"):
        monkeypatch.setattr(manifold, name, work)
    with pytest.raises(ValueError, match="perplexity=30.0 needs at least 90"):
        TSNETransformer(metric=metric).fit(X)
