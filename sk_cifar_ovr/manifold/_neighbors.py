"""Exact nearest neighbours that come out the same whatever the number of threads."""

from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from threadpoolctl import threadpool_limits

from .._shared.sklearn_internals import ArgKmin

# Neighbours looked at beyond those asked for, where rounding might have swapped some.
MARGIN = 16
# Values in one block of differences between rows.
BLOCK = 1 << 24

Neighbors = tuple[np.ndarray, np.ndarray]


def neighbors_among(rows: np.ndarray, k: int, *, metric: Any, metric_params: dict, threads: int) -> Neighbors:
    """Nearest neighbours of rows among themselves, no row being its own.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        All different.
    k : int
        Less than n.
    metric : str or callable
        One of scikit-learn's, or "precomputed" where `rows` are distances, (n, n).
    metric_params : dict
        Arguments of the metric.
    threads : int

    Returns
    -------
    distances : ndarray of shape (n, k), float64
        In ascending order.
    indices : ndarray of shape (n, k), int
    """
    distances, indices = _search(rows, rows, k + 1, metric, metric_params, threads)
    itself = indices == np.arange(len(rows))[:, None]
    # Among rows that nearly agree rounding may leave a row out of its own list: drop the farthest then.
    itself[~itself.any(axis=1), -1] = True
    shape = (len(rows), k)
    return distances[~itself].reshape(shape), indices[~itself].reshape(shape)


def neighbors_in(
    rows: np.ndarray, reference: np.ndarray, k: int, *, metric: Any, metric_params: dict, threads: int
) -> Neighbors:
    """Nearest neighbours of rows in a reference; what is found for a row does not depend on the other rows.

    Parameters
    ----------
    rows : ndarray of shape (m, d)
        Distances to the reference, (m, n), where `metric` is "precomputed".
    reference : ndarray of shape (n, d)
    k : int
        At most n.
    metric : str or callable
    metric_params : dict
    threads : int

    Returns
    -------
    distances : ndarray of shape (m, k), float64
        In ascending order.
    indices : ndarray of shape (m, k), int
    """
    if metric != "euclidean":
        return _search(rows, reference, k, metric, metric_params, threads)
    # The search multiplies blocks of rows, which rounds a row's distances depending on its place in the block.
    _, indices = _search(rows, reference, min(k + MARGIN, len(reference)), metric, metric_params, threads)
    distances = np.empty(indices.shape)
    step = max(1, BLOCK // (indices.shape[1] * rows.shape[1]))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        differences = reference[indices[block]].astype(np.float64) - rows[block, None].astype(np.float64)
        distances[block] = np.sqrt(np.square(differences, out=differences).sum(axis=2))
    order = np.lexsort((indices, distances), axis=1)[:, :k]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)


def _search(rows, reference, k, metric, metric_params, threads) -> Neighbors:
    if metric == "precomputed":
        return _smallest(rows, k)
    rows, reference = np.ascontiguousarray(rows), np.ascontiguousarray(reference)
    if not ArgKmin.is_usable_for(rows, reference, metric):
        chunks = pairwise_distances_chunked(
            rows, reference, reduce_func=lambda block, _: _smallest(block, k), metric=metric, **metric_params
        )
        distances, indices = zip(*chunks, strict=True)
        return np.concatenate(distances), np.concatenate(indices)
    # Sharing out the rows keeps the order of equal distances; the other strategy makes it depend on the threads.
    with threadpool_limits(threads, user_api="openmp"):
        return ArgKmin.compute(
            X=rows,
            Y=reference,
            k=k,
            metric=metric,
            metric_kwargs=metric_params,
            strategy="parallel_on_X",
            return_distance=True,
        )


def _smallest(distances: np.ndarray, k: int) -> Neighbors:
    indices = np.argpartition(distances, k - 1, axis=1)[:, :k]
    found = np.take_along_axis(distances, indices, axis=1)
    order = np.lexsort((indices, found), axis=1)
    return np.take_along_axis(found, order, axis=1).astype(np.float64), np.take_along_axis(indices, order, axis=1)
