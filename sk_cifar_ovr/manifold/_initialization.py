"""Initial positions of the samples of an embedding."""

import numpy as np
from openTSNE import initialization
from threadpoolctl import threadpool_limits


def initial_positions(method: str, X, affinities, n_components: int, seed: int) -> np.ndarray:
    """Compute small initial positions.

    Parameters
    ----------
    method : {"pca", "spectral", "random"}
        "pca" uses the first principal components of X, and zeros if X has fewer; "spectral" the leading eigenvectors
        of the affinities; "random" a normal distribution.
    X : ndarray of shape (n_samples, n_features)
        Only used by "pca".
    affinities : sparse matrix of shape (n_samples, n_samples)
        Only used by "spectral".
    n_components : int
        Number of dimensions.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    ndarray of shape (n_samples, n_components), float64
    """
    n_samples = affinities.shape[0]
    if method == "random":
        return initialization.random(n_samples, n_components, random_state=seed)
    # The rounding of matrix products depends on the number of threads, and worker processes have fewer threads.
    with threadpool_limits(1, user_api="blas"):
        if method == "spectral":
            return initialization.spectral(affinities, n_components, random_state=seed)
        positions = np.zeros((n_samples, n_components))
        n_known = min(n_components, *X.shape)
        positions[:, :n_known] = initialization.pca(X, n_known, random_state=seed, add_jitter=False)
    return initialization.jitter(positions, random_state=seed)
