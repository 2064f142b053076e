"""The number of threads, which changes no result."""

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from small_tsne import SMALL
from threadpoolctl import threadpool_limits

from sk_cifar_ovr import TSNETransformer
from sk_cifar_ovr.manifold._threads import effective_n_threads


@pytest.mark.parametrize("method", ["barnes_hut", "fft"])
def test_threads_change_no_bit(rows, method, monkeypatch):
    X, _ = rows
    # Two threads even where the environment allows one.
    monkeypatch.setattr("sk_cifar_ovr.manifold._threads._max_openmp_threads", lambda: 2)
    quick = {**SMALL, "max_iter": 60}
    one, two = (TSNETransformer(**quick, method=method, n_jobs=n).fit(X[:600]) for n in (1, 2))
    np.testing.assert_array_equal(one.embedding_, two.embedding_)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))
    assert one.kl_divergence_ == two.kl_divergence_
    other = TSNETransformer(**{**quick, "random_state": 1}, method=method).fit(X[:600])
    assert not np.array_equal(one.embedding_, other.embedding_)


def test_processes_change_no_bit(rows):
    """Several at once in worker processes, which have fewer threads each."""
    X, _ = rows
    quick = {**SMALL, "max_iter": 100}
    here = [TSNETransformer(**quick, n_jobs=n).fit(X[:300]) for n in (None, 2)]
    there = Parallel(n_jobs=2, backend="loky")(delayed(clone(tsne).fit)(X[:300]) for tsne in here)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.embedding_, other.embedding_)
        np.testing.assert_array_equal(one.transform(X[300:]), other.transform(X[300:]))


def test_threads_of_matrix_products_change_no_bit(rows):
    """The start by principal components is made of them."""
    X, _ = rows
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(TSNETransformer(**{**SMALL, "max_iter": 20}).fit(X[:300]).embedding_)
    np.testing.assert_array_equal(*found)


def test_no_more_threads_than_openmp_has(monkeypatch):
    monkeypatch.setattr("sk_cifar_ovr.manifold._threads._max_openmp_threads", lambda: 2)
    monkeypatch.setattr("sk_cifar_ovr.manifold._threads.effective_n_jobs", lambda n: 8 if n == -1 else n)
    assert [effective_n_threads(n, 2000) for n in (None, -1, 1, 2, 7)] == [2, 2, 1, 2, 2]
    assert [effective_n_threads(n, 1999) for n in (None, -1, 1, 2, 7)] == [1, 2, 1, 2, 2]
