"""The one seam to openTSNE: affinities, the descent, and rows added to an embedding."""

from collections.abc import Callable

import numpy as np
from openTSNE import TSNEEmbedding, _tsne, initialization
from openTSNE.affinity import Affinities, joint_probabilities_nn
from openTSNE.tsne import PartialTSNEEmbedding
from scipy import sparse
from threadpoolctl import threadpool_limits

from ._repulsion import repulsion

# Of the exaggerated phase and of what follows.
MOMENTUM = (0.5, 0.8)
# Few points would hardly move in steps as small as their number suggests. scikit-learn's least rate, in openTSNE's
# count.
LEAST_LEARNING_RATE = 200.0
# Rows that are added move in small steps among points that stay where they are.
PLACING = {"learning_rate": 0.1, "exaggeration": 1.5, "max_grad_norm": 0.25, "max_step_norm": None}
PLACING_ITERATIONS = 250
REPORT_EVERY = 25


def affinities_among(distances: np.ndarray, indices: np.ndarray, perplexity: float, threads: int):
    """Joint probabilities of rows from their nearest neighbours.

    Parameters
    ----------
    distances : ndarray of shape (n, k)
    indices : ndarray of shape (n, k)
    perplexity : float
    threads : int

    Returns
    -------
    sparse matrix of shape (n, n)
        Symmetric, with sum 1.
    """
    return joint_probabilities_nn(indices, distances, [perplexity], n_jobs=threads)


def affinities_to(distances: np.ndarray, indices: np.ndarray, perplexity: float, n: int, threads: int):
    """Probabilities with which new rows take embedded ones as neighbours.

    Parameters
    ----------
    distances : ndarray of shape (m, k)
    indices : ndarray of shape (m, k)
    perplexity : float
    n : int
        Embedded rows.
    threads : int

    Returns
    -------
    sparse matrix of shape (m, n)
        Each row sums to 1.
    """
    return joint_probabilities_nn(
        indices,
        distances,
        [perplexity],
        symmetrize=False,
        normalization="point-wise",
        n_reference_samples=n,
        n_jobs=threads,
    )


def principal_start(X: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """The first principal components, shrunk; zeros where X has fewer, and a little noise everywhere."""
    start = np.zeros((len(X), n_components))
    known = min(n_components, *X.shape)
    # Matrix products round differently with the number of threads, of which a worker process has fewer.
    with threadpool_limits(1, user_api="blas"):
        start[:, :known] = initialization.pca(X, known, random_state=seed, add_jitter=False)
    return initialization.jitter(start, random_state=seed)


def spectral_start(affinities, n_components: int, seed: int) -> np.ndarray:
    """The leading eigenvectors of the affinities, shrunk."""
    with threadpool_limits(1, user_api="blas"):
        return initialization.spectral(affinities, n_components, random_state=seed)


def random_start(n: int, n_components: int, seed: int) -> np.ndarray:
    """A small Gaussian cloud."""
    return initialization.random(n, n_components, random_state=seed)


def embed(
    affinities,
    start: np.ndarray,
    *,
    method: str,
    early_exaggeration: float,
    learning_rate: float | str,
    iterations: tuple[int, int],
    threads: int,
    report: Callable[[int, float], None] | None = None,
) -> tuple[np.ndarray, float]:
    """Let points move until their places agree with the affinities.

    Parameters
    ----------
    affinities : sparse matrix of shape (n, n)
    start : ndarray of shape (n, n_components)
    method : {"barnes_hut", "fft"}
    early_exaggeration : float
        Factor of the affinities in the first phase.
    learning_rate : float or "auto"
    iterations : (int, int)
        Of the first phase and of the second.
    threads : int
    report : callable or None
        Called now and then with the iterations done since the last call and the divergence.

    Returns
    -------
    places : ndarray of shape (n, n_components), float64
    kl_divergence : float
    """
    if learning_rate == "auto":
        # openTSNE's own "auto" grows with the end of the exaggeration, and then stops at higher divergences.
        learning_rate = max(len(start) / early_exaggeration, LEAST_LEARNING_RATE)
    callbacks = None if report is None else [lambda _, error, __: report(REPORT_EVERY, error)]
    places = start
    # As scikit-learn does, the second phase forgets the momentum and the gains of the first, and no step has a limit:
    # both end at lower divergences.
    for phase, exaggeration in enumerate((early_exaggeration, 1.0)):
        embedding = TSNEEmbedding(
            places,
            _holding(affinities),
            negative_gradient_method=METHODS[method],
            learning_rate=learning_rate,
            exaggeration=exaggeration,
            momentum=MOMENTUM[phase],
            max_step_norm=None,
            n_jobs=threads,
            callbacks=callbacks,
            callbacks_every_iters=REPORT_EVERY,
        )
        embedding.optimize(iterations[phase], inplace=True)
        places = np.array(embedding)
    # The gradient is the same on any number of threads, the sum of the divergence on one only.
    embedding.optimize(0, n_jobs=1, inplace=True)
    return places, float(embedding.kl_divergence)


def add(affinities, start: np.ndarray, places: np.ndarray, threads: int) -> np.ndarray:
    """Let new points find their places among embedded ones, which stay; each for itself.

    Parameters
    ----------
    affinities : sparse matrix of shape (m, n)
    start : ndarray of shape (m, n_components)
    places : ndarray of shape (n, n_components)
    threads : int

    Returns
    -------
    ndarray of shape (m, n_components), float64
    """
    n = len(places)
    # Affinities among the embedded points play no part any more.
    reference = TSNEEmbedding(places, _holding(sparse.csr_matrix((n, n))))
    points = PartialTSNEEmbedding(start, reference, affinities)
    # Interpolation shares its grid among the new points; Barnes-Hut looks at each of them alone.
    points.optimize(
        PLACING_ITERATIONS,
        negative_gradient_method="bh",
        momentum=MOMENTUM[1],
        n_jobs=threads,
        inplace=True,
        **PLACING,
    )
    return np.array(points)


def _gradient_on_grid(embedding, P, dof, *, n_jobs=1, should_eval_error=False, **_):
    """openTSNE's objective with repulsion by our grid, which is more exact than its own and quicker."""
    points = np.array(embedding)
    forces, total = repulsion(points, n_jobs)
    gradient = -forces / total
    share, divergence = _tsne.estimate_positive_gradient_nn(
        P.indices, P.indptr, P.data, points, points, gradient, dof, num_threads=n_jobs,
        should_eval_error=should_eval_error,
    )  # fmt: skip
    return divergence + (share * np.log(total) if should_eval_error else 0), gradient


METHODS = {"barnes_hut": "bh", "fft": _gradient_on_grid}


def _holding(matrix) -> Affinities:
    affinities = Affinities()
    affinities.P = matrix
    return affinities
