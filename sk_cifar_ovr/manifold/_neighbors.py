"""Exact nearest neighbors that do not depend on the number of threads."""

from collections.abc import Callable

import numpy as np
from sklearn import get_config
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

# Additional neighbors in the Euclidean search, because rounding can swap nearly equal distances.
N_SPARE_CANDIDATES = 16
# Maximum number of values in a block of differences between samples.
BLOCK_SIZE = 1 << 24

Neighbors = tuple[np.ndarray, np.ndarray]


def neighbors_among(
    X: np.ndarray, n_neighbors: int, *, metric: str | Callable, metric_params: dict | None, n_threads: int
) -> Neighbors:
    """Find the nearest neighbors of each sample among the other samples.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Distinct samples, or their distances, (n_samples, n_samples), if `metric` is "precomputed".
    n_neighbors : int
        Less than n_samples.
    metric : str or callable
        Metric of `sklearn.neighbors.NearestNeighbors`.
    metric_params : dict or None
        Arguments of the metric.
    n_threads : int
        Maximum number of threads.

    Returns
    -------
    distances : ndarray of shape (n_samples, n_neighbors), float64
        In ascending order.
    indices : ndarray of shape (n_samples, n_neighbors), int
    """
    distances, indices = _kneighbors(X, X, n_neighbors + 1, metric, metric_params, n_threads)
    is_self = indices == np.arange(len(X))[:, None]
    # Rounding can put so many nearly equal samples first that a sample is not found itself: drop the farthest then.
    is_self[~is_self.any(axis=1), -1] = True
    shape = (len(X), n_neighbors)
    return distances[~is_self].reshape(shape), indices[~is_self].reshape(shape)


def neighbors_in(
    X: np.ndarray,
    reference: np.ndarray,
    n_neighbors: int,
    *,
    metric: str | Callable,
    metric_params: dict | None,
    n_threads: int,
) -> Neighbors:
    """Find the nearest reference samples of each sample, independently of the other samples.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples, or their distances to the reference, (n_samples, n_reference), if `metric` is "precomputed".
    reference : ndarray of shape (n_reference, n_features)
        Ignored if `metric` is "precomputed".
    n_neighbors : int
        At most n_reference.
    metric, metric_params, n_threads
        As in `neighbors_among`.

    Returns
    -------
    distances, indices
        As in `neighbors_among`.
    """
    n_spare = N_SPARE_CANDIDATES if metric == "euclidean" else 0
    n_candidates = min(n_neighbors + n_spare, X.shape[1] if metric == "precomputed" else len(reference))
    distances, indices = _kneighbors(X, reference, n_candidates, metric, metric_params, n_threads)
    if metric == "euclidean":
        distances = _euclidean_distances(X, reference, indices)
    order = np.lexsort((indices, distances), axis=1)[:, :n_neighbors]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)


def _euclidean_distances(X, reference, indices) -> np.ndarray:
    """Compute the distances from differences: unlike those of the search, they do not depend on the other samples."""
    distances = np.empty(indices.shape)
    step = max(1, BLOCK_SIZE // (indices.shape[1] * X.shape[1]))
    for start in range(0, len(X), step):
        block = slice(start, start + step)
        differences = reference[indices[block]].astype(np.float64) - X[block, None].astype(np.float64)
        distances[block] = np.sqrt(np.square(differences, out=differences).sum(axis=2))
    return distances


def _kneighbors(X, reference, n_neighbors, metric, metric_params, n_threads) -> Neighbors:
    if metric == "precomputed":
        return _smallest(X, n_neighbors)
    params = dict(metric_params or {})
    p = params.pop("p", 2) if metric == "minkowski" else 2
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute", metric=metric, p=p, metric_params=params)
    # scikit-learn splits the queries between the threads only if each thread gets more than four chunks. Otherwise it
    # splits the reference, and which of several equally distant neighbors is found depends on the number of threads.
    n_threads = min(n_threads, (len(X) - 1) // (4 * get_config()["pairwise_dist_chunk_size"]))
    with threadpool_limits(max(1, n_threads), user_api="openmp"):
        return search.fit(reference).kneighbors(X)


def _smallest(distances, n_neighbors) -> Neighbors:
    indices = np.argpartition(distances, n_neighbors - 1, axis=1)[:, :n_neighbors]
    found = np.take_along_axis(distances, indices, axis=1)
    order = np.lexsort((indices, found), axis=1)
    return np.take_along_axis(found, order, axis=1).astype(np.float64), np.take_along_axis(indices, order, axis=1)
