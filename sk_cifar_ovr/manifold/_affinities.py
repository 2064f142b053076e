"""Affinities between samples: joint within a data set, conditional from new samples to embedded ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from openTSNE.affinity import joint_probabilities_nn
from scipy import sparse

from ._neighbors import neighbors_among, neighbors_in

# New samples use fewer neighbors than those that are embedded together.
MAX_NEW_PERPLEXITY = 5.0


@dataclass(frozen=True)
class Affinities:
    """Compute affinities from samples, distances or given affinities.

    Parameters
    ----------
    perplexity : float
        Effective number of neighbors. Not used with precomputed affinities.
    metric : str or callable
        Metric of `sklearn.neighbors.NearestNeighbors`, or "precomputed_affinities".
    metric_params : dict or None
        Arguments of the metric.
    n_threads : int
        Number of threads.
    """

    perplexity: float
    metric: str | Callable
    metric_params: dict | None
    n_threads: int

    def joint(self, X) -> sparse.csr_matrix:
        """Compute the joint probabilities of samples.

        Parameters
        ----------
        X : ndarray or sparse matrix of shape (n_samples, n_features)
            Samples, or their distances or affinities, (n_samples, n_samples).

        Returns
        -------
        sparse matrix of shape (n_samples, n_samples)
            Symmetric, with sum 1.

        Raises
        ------
        ValueError
            If a distance is not finite, or a sample has no affinity to any other.
        """
        if self.metric == "precomputed_affinities":
            affinities = sparse.csr_matrix(X, dtype=np.float64, copy=True)
            affinities.setdiag(0)
            joint = (affinities + affinities.T).tocsr() / 2
            _row_sums(joint)
            return joint / joint.sum()
        n_neighbors = min(X.shape[0] - 1, int(3 * self.perplexity))
        distances, indices = neighbors_among(
            X, n_neighbors, metric=self.metric, metric_params=self.metric_params, n_threads=self.n_threads
        )
        check_finite(distances)
        return joint_probabilities_nn(indices, distances, [self.perplexity], n_jobs=self.n_threads)

    def conditional(self, X, reference) -> sparse.csr_matrix:
        """Compute the probabilities with which new samples choose embedded samples as neighbors.

        Parameters
        ----------
        X : ndarray or sparse matrix of shape (n_new, n_features)
            New samples, or their distances or affinities to the embedded samples, (n_new, n_embedded).
        reference : ndarray of shape (n_embedded, n_features)
            Embedded samples. Not used with precomputed distances or affinities.

        Returns
        -------
        sparse matrix of shape (n_new, n_embedded)
            Each row sums to 1.

        Raises
        ------
        ValueError
            As in `joint`.
        """
        if self.metric == "precomputed_affinities":
            affinities = sparse.csr_matrix(X, dtype=np.float64)
            return (sparse.diags(1 / _row_sums(affinities)) @ affinities).tocsr()
        perplexity = min(MAX_NEW_PERPLEXITY, self.perplexity)
        n_embedded = X.shape[1] if self.metric == "precomputed" else len(reference)
        n_neighbors = min(n_embedded, int(3 * perplexity))
        distances, indices = neighbors_in(
            X, reference, n_neighbors, metric=self.metric, metric_params=self.metric_params, n_threads=self.n_threads
        )
        check_finite(distances)
        return joint_probabilities_nn(
            indices,
            distances,
            [perplexity],
            symmetrize=False,
            normalization="point-wise",
            n_reference_samples=n_embedded,
            n_jobs=self.n_threads,
        )


def check_finite(values: np.ndarray) -> None:
    """Refuse distances, or positions computed from them, that are not finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            "Distances between samples are not finite. The values of X are too large or too small to be squared, or "
            "the metric is undefined for a sample (a constant one has no correlation). Scale X, or leave out such "
            "samples."
        )


def _row_sums(affinities) -> np.ndarray:
    sums = np.asarray(affinities.sum(axis=1)).ravel()
    isolated = np.flatnonzero(sums == 0)
    if len(isolated):
        raise ValueError(
            f"Row {isolated[0]} has no affinity to any other sample ({len(isolated)} such rows). Leave it out."
        )
    return sums
