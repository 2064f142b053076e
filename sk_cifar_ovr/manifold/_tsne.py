"""`TSNETransformer`: t-SNE that also places rows it never saw."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.neighbors import VALID_METRICS
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, check_non_negative, validate_data

from .._shared.progress import Progress
from .._shared.sklearn_internals import Interval, StrOptions, fit_context, openmp_threads
from ._distinct_rows import digests, distinct
from ._neighbors import neighbors_among, neighbors_in
from ._opentsne import (
    METHODS,
    add,
    affinities_among,
    affinities_to,
    embed,
    principal_start,
    random_start,
    spectral_start,
)

# Rows from which the grid is quicker than Barnes-Hut.
FFT_FROM = 2_000
# New rows look at fewer neighbours than those embedded together.
NEW_PERPLEXITY = 5.0
PRECOMPUTED = ("precomputed", "precomputed_affinities")


class TSNETransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """t-distributed stochastic neighbour embedding, in the plane, of rows seen and unseen.

    Parameters
    ----------
    n_components : int, default=2
        Dimensions of the embedding: 1, 2 or 3.
    perplexity : float, default=30.0
        Effective number of neighbours of a row. X needs at least three times as many rows.
    early_exaggeration : float, default=12.0
        Factor of the attraction during the first quarter of the iterations.
    learning_rate : float or "auto", default="auto"
        Step of the descent. "auto" is the number of rows divided by `early_exaggeration` [3]_, or 200 where that is
        more. scikit-learn's counts a quarter of it: its 50 is 200 here.
    max_iter : int, default=1000
        Iterations.
    initialization : {"pca", "spectral", "random"} or ndarray of shape (n, n_components), default="pca"
        Where the rows start. "pca" is "spectral" where X is precomputed.
    metric : str or callable, default="euclidean"
        Distance of two rows, as scikit-learn's `pairwise_distances` takes it. "precomputed" says that X holds the
        distances of n rows to each other, (n, n), and "precomputed_affinities" that it holds their affinities,
        dense or sparse, which `perplexity` plays no part in; `transform` then takes those of new rows to the n.
    metric_params : dict or None, default=None
        Arguments of the metric.
    method : {"auto", "barnes_hut", "fft"}, default="auto"
        How repulsion is approximated: by a tree [2]_ or on a grid, by Fourier transforms [4]_, which "auto" takes
        from 2,000 rows on.
    random_state : int, numpy.random.RandomState or None, default=None
        Seed of the start.
    n_jobs : int or None, default=None
        Threads, never more than OpenMP would start here. None is all of these, as scikit-learn's own `TSNE` has
        it. The result does not depend on their number.
    verbose : int, default=0
        1 shows a progress line on standard error.

    Attributes
    ----------
    embedding_ : ndarray of shape (n, n_components)
        Places of the rows.
    kl_divergence_ : float
        Kullback-Leibler divergence that the descent ended with.
    n_iter_ : int
        Iterations done.
    method_ : {"barnes_hut", "fft"}
        What "auto" came to.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X had names.

    See Also
    --------
    sklearn.manifold.TSNE : Has no place for rows that it never saw.

    Notes
    -----
    Rows that are equal in all columns are embedded once and share their place, and `transform` gives a row that
    equals one of those in `fit` the place of that one. Any other row starts at the median of its nearest
    neighbours and moves by the same forces, while they stay where they are [5]_; the other new rows play no part
    in it.

    References
    ----------
    .. [1] L. van der Maaten, G. Hinton, "Visualizing data using t-SNE", Journal of Machine Learning Research 9, 2008.
    .. [2] L. van der Maaten, "Accelerating t-SNE using tree-based algorithms", Journal of Machine Learning
       Research 15, 2014.
    .. [3] A. C. Belkina et al., "Automated optimized parameters for t-distributed stochastic neighbor embedding
       improve visualization and analysis of large datasets", Nature Communications 10, 2019.
    .. [4] G. C. Linderman et al., "Fast interpolation-based t-SNE for improved visualization of single-cell RNA-seq
       data", Nature Methods 16, 2019.
    .. [5] P. G. Policar, M. Strazar, B. Zupan, "openTSNE: a modular Python library for t-SNE dimensionality
       reduction and embedding", Journal of Statistical Software 109, 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_cifar_ovr import TSNETransformer
    >>> X = load_digits().data
    >>> tsne = TSNETransformer(max_iter=250, random_state=0).fit(X[:500])
    >>> tsne.transform(X[500:503]).shape
    (3, 2)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, 3, closed="both")],
        "perplexity": [Interval(Real, 1, None, closed="left")],
        "early_exaggeration": [Interval(Real, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "initialization": [StrOptions({"pca", "spectral", "random"}), np.ndarray],
        "metric": [StrOptions({*VALID_METRICS["brute"], *PRECOMPUTED}), callable],
        "metric_params": [dict, None],
        "method": [StrOptions({"auto", *METHODS})],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=2,
        *,
        perplexity=30.0,
        early_exaggeration=12.0,
        learning_rate="auto",
        max_iter=1000,
        initialization="pca",
        metric="euclidean",
        metric_params=None,
        method="auto",
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.initialization = initialization
        self.metric = metric
        self.metric_params = metric_params
        self.method = method
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y=None):
        """Embed rows.

        Parameters
        ----------
        X : array-like of shape (n, d), or (n, n) where precomputed
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is invalid, X is not finite, its different rows are fewer than three times the
            perplexity, or its distances cannot be computed.
        """
        self.fit_transform(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Embed rows and give their places.

        Parameters
        ----------
        X : array-like of shape (n, d), or (n, n) where precomputed
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n, n_components)
        """
        X = self._checked(X, reset=True)
        self._check_number(X.shape[0], "rows")
        first, where = distinct(X)
        # Equal rows of distances or affinities belong to columns of their own, so they are not left out.
        taken = np.arange(X.shape[0]) if self._precomputed else first
        if not self._precomputed:
            self._check_number(len(first), "different rows")
        start = self._given_start(X.shape[0])
        places, divergence = self._embed(X[taken], None if start is None else start[taken])
        places = places.astype(X.dtype)
        if self._precomputed:
            places = places[first[where]]
        self._places, self._rows = places, X[:0] if self._precomputed else X[taken]
        self._known = {key: i for i, key in reversed(list(enumerate(digests(X[taken]))))}
        self.embedding_ = places.copy() if self._precomputed else places[where]
        self.kl_divergence_ = divergence
        self.n_iter_ = self.max_iter
        self._n_features_out = self.n_components
        return self.embedding_

    def transform(self, X):
        """Give rows their places: those that were in `fit` their own, others one among these.

        Parameters
        ----------
        X : array-like of shape (m, d), or (m, n) where precomputed

        Returns
        -------
        ndarray of shape (m, n_components)
            What a row gets does not depend on the other rows.

        Raises
        ------
        ValueError
            If X is not finite, or has another number of columns than in `fit`.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        known = np.array([self._known.get(key, -1) for key in digests(X.astype(self._places.dtype, copy=False))])
        places = np.empty((len(known), self._n_features_out), X.dtype)
        places[known >= 0] = self._places[known[known >= 0]]
        if (known < 0).any():
            places[known < 0] = self._add(X[known < 0])
        return places

    @property
    def _precomputed(self) -> bool:
        return self.metric in PRECOMPUTED

    @property
    def _threads(self) -> int:
        return max(1, min(effective_n_jobs(-1 if self.n_jobs is None else self.n_jobs), openmp_threads()))

    def _checked(self, X, *, reset: bool):
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            accept_sparse="csr" if self.metric == "precomputed_affinities" else False,
            ensure_min_samples=2 if reset else 1,
        )
        if self._precomputed:
            check_non_negative(X, f"{type(self).__name__} with metric={self.metric!r}")
            if reset and X.shape[0] != X.shape[1]:
                raise ValueError(f"metric={self.metric!r} needs a square X, and its shape is {X.shape}.")
        return X

    def _check_number(self, n: int, what: str) -> None:
        if n == 1:
            raise ValueError("All rows of X are equal (constant features): there is nothing to tell them apart by.")
        if n < 3:
            raise ValueError(f"{type(self).__name__} needs at least 3 different rows, and X has {n} {what}.")
        if self.metric != "precomputed_affinities" and n < 3 * self.perplexity:
            raise ValueError(
                f"perplexity={self.perplexity} needs at least {3 * self.perplexity:g} different rows, and X has {n} "
                f"{what}: set perplexity to {n / 3:.3g} or less."
            )

    def _given_start(self, n: int):
        if isinstance(self.initialization, str):
            return None
        start = check_array(self.initialization, dtype=np.float64, input_name="initialization")
        if start.shape != (n, self.n_components):
            raise ValueError(f"initialization has shape {start.shape} where {(n, self.n_components)} is needed.")
        return start

    def _embed(self, X, start) -> tuple[np.ndarray, float]:
        n = X.shape[0]
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self.method_ = self._method(n)
        early = self.max_iter // 4
        with Progress(self.max_iter, verbose=self.verbose) as progress:
            progress.now("finding neighbours")
            progress.advance(0, 0)
            affinities = self._affinities(X)
            if start is None:
                start = self._start(X, affinities, seed)
            _check_finite(start)

            def report(iterations: int, divergence: float) -> None:
                progress.now(f"KL divergence {divergence:.3f}")
                progress.advance(iterations, 0)

            return embed(
                affinities,
                start,
                method=self.method_,
                early_exaggeration=self.early_exaggeration,
                learning_rate=self.learning_rate,
                iterations=(early, self.max_iter - early),
                threads=self._threads,
                report=report if self.verbose else None,
            )

    def _method(self, n: int) -> str:
        if self.method == "fft" and self.n_components == 3:
            raise ValueError("method='fft' has a grid in one or two dimensions: use 'barnes_hut' for three.")
        if self.method != "auto":
            return self.method
        return "fft" if n >= FFT_FROM and self.n_components < 3 else "barnes_hut"

    def _affinities(self, X):
        if self.metric == "precomputed_affinities":
            given = sparse.csr_matrix(X, dtype=np.float64)
            given.setdiag(0)
            joint = (given + given.T).tocsr() / 2
            _check_affinities(joint)
            return joint / joint.sum()
        k = min(X.shape[0] - 1, int(3 * self.perplexity))
        distances, indices = neighbors_among(X, k, **self._search)
        _check_finite(distances)
        return affinities_among(distances, indices, self.perplexity, self._threads)

    def _start(self, X, affinities, seed: int) -> np.ndarray:
        if self.initialization == "random":
            return random_start(X.shape[0], self.n_components, seed)
        if self.initialization == "pca" and not self._precomputed:
            return principal_start(X, self.n_components, seed)
        return spectral_start(affinities, self.n_components, seed)

    def _add(self, X) -> np.ndarray:
        """Places of rows that were not in `fit`."""
        n = len(self._places)
        if self.metric == "precomputed_affinities":
            given = sparse.csr_matrix(X, dtype=np.float64)
            _check_affinities(given)
            affinities = (sparse.diags(1 / np.asarray(given.sum(axis=1)).ravel()) @ given).tocsr()
        else:
            perplexity = min(NEW_PERPLEXITY, self.perplexity)
            k = min(n, int(3 * perplexity))
            distances, indices = neighbors_in(X, self._rows, k, **self._search)
            _check_finite(distances)
            affinities = affinities_to(distances, indices, perplexity, n, self._threads)
        places = self._places.astype(np.float64)
        return add(affinities, affinities @ places, places, self._threads)

    @property
    def _search(self) -> dict[str, Any]:
        return {"metric": self.metric, "metric_params": self.metric_params or {}, "threads": self._threads}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.pairwise = self._precomputed
        tags.input_tags.positive_only = self._precomputed
        tags.input_tags.sparse = self.metric == "precomputed_affinities"
        return tags


def _check_affinities(matrix) -> None:
    alone = np.flatnonzero(np.asarray(matrix.sum(axis=1)).ravel() == 0)
    if len(alone):
        raise ValueError(f"Row {alone[0]} has no affinity to any other ({len(alone)} such rows): leave it out.")


def _check_finite(values: np.ndarray) -> None:
    """Refuse to go on with what would make every place NaN."""
    if not np.isfinite(values).all():
        raise ValueError(
            "Distances between rows of X are not finite: its values are too large or too small to be squared, or the "
            "metric is undefined for a row (a constant one has no correlation). Scale X, or leave such rows out."
        )
