"""Gradient descent of t-SNE by openTSNE: for a data set, and for new samples among embedded ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from openTSNE import TSNEEmbedding, _tsne
from openTSNE.affinity import Affinities
from openTSNE.tsne import PartialTSNEEmbedding
from scipy import sparse

from ._repulsion import repulsion

# During early exaggeration, and afterwards.
MOMENTUM = (0.5, 0.8)
# Small data sets would need very many steps at a rate proportional to their size. This is scikit-learn's minimum rate
# of 50: openTSNE's rates are four times as high.
MIN_LEARNING_RATE = 200.0
CALLBACK_INTERVAL = 25


@dataclass(frozen=True)
class GradientDescent:
    """Minimize the Kullback-Leibler divergence of the embedding from the affinities.

    Parameters
    ----------
    method : {"barnes_hut", "fft"}
        Approximation of the repulsion.
    early_exaggeration : float
        Factor of the affinities during the first quarter of the iterations.
    learning_rate : float or "auto"
        Step size.
    max_iter : int
        Number of iterations.
    n_threads : int
        Number of threads.
    """

    method: str
    early_exaggeration: float
    learning_rate: float | str
    max_iter: int
    n_threads: int

    def run(
        self, affinities, initial: np.ndarray, report: Callable[[int, float], None] | None = None
    ) -> tuple[np.ndarray, float]:
        """Move the samples from their initial positions.

        Parameters
        ----------
        affinities : sparse matrix of shape (n_samples, n_samples)
            Joint probabilities.
        initial : ndarray of shape (n_samples, n_components)
            Initial positions.
        report : callable ``(n_iterations, kl_divergence)``, default=None
            Called every 25 iterations with the number of iterations since the last call.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), float64
        kl_divergence : float
        """
        learning_rate = self.learning_rate
        if learning_rate == "auto":
            # openTSNE's own "auto" rate changes when exaggeration ends, and reaches higher divergences.
            learning_rate = max(len(initial) / self.early_exaggeration, MIN_LEARNING_RATE)
        n_early = self.max_iter // 4
        phases = ((n_early, self.early_exaggeration), (self.max_iter - n_early, 1.0))
        positions = initial
        # As in scikit-learn, the second phase starts without the momentum and gains of the first, and the step length
        # is not limited: both reach lower divergences.
        for momentum, (n_iterations, exaggeration) in zip(MOMENTUM, phases, strict=True):
            embedding = TSNEEmbedding(
                positions,
                _as_affinities(affinities),
                negative_gradient_method=METHODS[self.method],
                learning_rate=learning_rate,
                exaggeration=exaggeration,
                momentum=momentum,
                max_step_norm=None,
                n_jobs=self.n_threads,
                callbacks=report and [lambda _, divergence, __: report(CALLBACK_INTERVAL, divergence)],
                callbacks_every_iters=CALLBACK_INTERVAL,
            )
            embedding.optimize(n_iterations, inplace=True)
            positions = np.array(embedding)
        # The gradient does not depend on the number of threads, but the rounding of the divergence does.
        embedding.optimize(0, n_jobs=1, inplace=True)
        return positions, float(embedding.kl_divergence)


def embed_new_samples(affinities, initial: np.ndarray, embedding: np.ndarray, n_threads: int) -> np.ndarray:
    """Move new samples, each on its own, among embedded samples that stay fixed.

    Parameters
    ----------
    affinities : sparse matrix of shape (n_new, n_embedded)
        Conditional probabilities.
    initial : ndarray of shape (n_new, n_components)
        Initial positions of the new samples.
    embedding : ndarray of shape (n_embedded, n_components)
        Positions of the embedded samples.
    n_threads : int
        Number of threads.

    Returns
    -------
    ndarray of shape (n_new, n_components), float64
    """
    n_embedded = len(embedding)
    # The affinities among the embedded samples are not used.
    reference = TSNEEmbedding(embedding, _as_affinities(sparse.csr_matrix((n_embedded, n_embedded))))
    new = PartialTSNEEmbedding(initial, reference, affinities)
    new.optimize(
        250,
        # With interpolation, the grid and so each result would depend on all new samples.
        negative_gradient_method="bh",
        learning_rate=0.1,
        exaggeration=1.5,
        momentum=MOMENTUM[1],
        max_grad_norm=0.25,
        max_step_norm=None,
        n_jobs=n_threads,
        inplace=True,
    )
    return np.array(new)


def _gradient_on_grid(embedding, P, dof, *, n_jobs=1, should_eval_error=False, **_):
    """Objective of openTSNE with the repulsion of this package, which is faster and more accurate than openTSNE's."""
    positions = np.array(embedding)
    forces, total = repulsion(positions, n_jobs)
    gradient = -forces / total
    sum_P, divergence = _tsne.estimate_positive_gradient_nn(
        P.indices, P.indptr, P.data, positions, positions, gradient, dof, num_threads=n_jobs,
        should_eval_error=should_eval_error,
    )  # fmt: skip
    return divergence + (sum_P * np.log(total) if should_eval_error else 0), gradient


METHODS = {"barnes_hut": "bh", "fft": _gradient_on_grid}


def _as_affinities(P) -> Affinities:
    affinities = Affinities()
    affinities.P = P
    return affinities
