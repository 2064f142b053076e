"""`TSNETransformer`: t-SNE that also embeds new samples."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.neighbors import VALID_METRICS
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from .._shared.progress import Progress
from .._shared.sklearn_internals import Interval, StrOptions, fit_context
from ._affinities import Affinities, check_finite
from ._distinct_rows import distinct_rows, row_hashes
from ._gradient_descent import METHODS, GradientDescent, embed_new_samples
from ._initialization import initial_positions
from ._threads import effective_n_threads
from ._validation import check_initialization, check_n_samples, check_values, keeping_last_fit

# Number of samples from which the grid is faster than Barnes-Hut.
MIN_SAMPLES_FFT = 2_000
PRECOMPUTED = ("precomputed", "precomputed_affinities")


class TSNETransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """t-distributed stochastic neighbor embedding (t-SNE) that can also embed new samples.

    t-SNE [1]_ maps samples to a few dimensions, usually two, so that neighbors stay close. `fit` computes an
    embedding by openTSNE [5]_, and `transform` adds samples to it.

    Parameters
    ----------
    n_components : int, default=2
        Number of dimensions of the embedding: 1, 2 or 3.
    perplexity : float, default=30.0
        Effective number of neighbors of a sample. X needs at least three times as many samples.
    early_exaggeration : float, default=12.0
        Factor of the attraction during the first quarter of the iterations.
    learning_rate : float or "auto", default="auto"
        Step size of the gradient descent. "auto" is the number of samples divided by `early_exaggeration` [3]_, but
        at least 200. scikit-learn's rates are a quarter of openTSNE's: its 50 is 200 here.
    max_iter : int, default=1000
        Number of iterations.
    initialization : {"pca", "spectral", "random"} or ndarray of shape (n_samples, n_components), default="pca"
        Initial positions. If `metric` is one of the precomputed ones, "pca" means "spectral".
    metric : str or callable, default="euclidean"
        Distance between two samples, as in `sklearn.metrics.pairwise_distances`. If "precomputed", X contains
        distances, of shape (n_samples, n_samples). If "precomputed_affinities", X contains affinities, dense or
        sparse, of the same shape, and `perplexity` is not used. `transform` then takes the distances or affinities
        of new samples to those in `fit`.
    metric_params : dict or None, default=None
        Arguments of the metric.
    method : {"auto", "barnes_hut", "fft"}, default="auto"
        Approximation of the repulsion: "barnes_hut" uses a tree [2]_ and "fft" a grid and Fourier transforms [4]_.
        "auto" is "fft" from 2,000 samples on, unless `n_components` is 3.
    random_state : int, numpy.random.RandomState or None, default=None
        Seed of the initial positions.
    n_jobs : int or None, default=None
        Number of threads, at most as many as OpenMP uses by default. None means all of these for 2,000 samples or
        more, and one for fewer. The result does not depend on it.
    verbose : int, default=0
        If 1, show a progress line on standard error.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Positions of the samples.
    kl_divergence_ : float
        Kullback-Leibler divergence after the last iteration.
    n_iter_ : int
        Number of iterations.
    method_ : {"barnes_hut", "fft"}
        Approximation of the repulsion that was used.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Only defined if X has feature names that are all strings.

    See Also
    --------
    sklearn.manifold.TSNE : t-SNE without `transform`.
    sk_cifar_ovr.CNNFeatures : Features of a trained network, to be embedded.
    sk_cifar_ovr.EmbeddingDisplay : Scatter plot of an embedding.

    Notes
    -----
    Equal samples are embedded once and share their position. `transform` gives a sample that equals one of those in
    `fit` the position of that sample. A new sample starts at the mean of its nearest neighbors, weighted by affinity,
    and moves by the same forces as in `fit`, while the samples of `fit` stay fixed [5]_. New samples do not influence
    each other.

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
    >>> tsne.embedding_.shape
    (500, 2)
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
        """Embed samples.

        The positions are in `embedding_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or their distances or affinities, (n_samples, n_samples), if `metric` is one of the precomputed
            ones.
        y : None
            Ignored.

        Returns
        -------
        self : TSNETransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter is invalid, X is not finite, it has fewer distinct samples than three times the
            perplexity, or the distances are not finite.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_cifar_ovr import TSNETransformer
        >>> tsne = TSNETransformer(perplexity=5, max_iter=50, random_state=0)
        >>> tsne.fit(load_digits().data[:50]).embedding_.shape
        (50, 2)
        """
        self.fit_transform(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Embed samples and return their positions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Positions in the embedding.

        Raises
        ------
        ValueError
            As in `fit`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_cifar_ovr import TSNETransformer
        >>> tsne = TSNETransformer(perplexity=5, max_iter=50, random_state=0)
        >>> tsne.fit_transform(load_digits().data[:50]).shape
        (50, 2)
        """
        with keeping_last_fit(self):
            return self._fitted(X)

    def _fitted(self, X) -> np.ndarray:
        """Embed samples, set the fitted attributes and return the positions."""
        X = self._validate_X(X, reset=True)
        n_samples = X.shape[0]
        perplexity = None if self.metric == "precomputed_affinities" else self.perplexity
        check_n_samples(n_samples, "samples", perplexity)
        initial = check_initialization(self.initialization, (n_samples, self.n_components))
        hashes, first, inverse = distinct_rows(X)
        if self._is_precomputed:
            # Samples with equal distances or affinities still have columns of their own, so all are embedded.
            positions, self.kl_divergence_ = self._embed(X, initial)
            self._samples = X[:0]
            self._positions = positions[first[inverse]].astype(X.dtype)
            self._known = dict(zip(hashes, first, strict=True))
            self.embedding_ = self._positions.copy()
        else:
            check_n_samples(len(first), "distinct samples", perplexity)
            positions, self.kl_divergence_ = self._embed(X[first], None if initial is None else initial[first])
            self._samples = X[first]
            self._positions = positions.astype(X.dtype)
            self._known = {key: i for i, key in enumerate(hashes)}
            self.embedding_ = self._positions[inverse]
        self.n_iter_ = self.max_iter
        self._n_features_out = self.n_components
        return self.embedding_

    def transform(self, X):
        """Return the positions of samples, and embed those that were not in `fit`.

        The embedding of the samples in `fit` does not change.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or their distances or affinities to the samples in `fit`, if `metric` is one of the precomputed
            ones.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The positions of `fit` for samples that were in `fit`. The position of a sample does not depend on the
            other samples in X.

        Raises
        ------
        ValueError
            If X or the distances are not finite, or X has another number of features than in `fit`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_cifar_ovr import TSNETransformer
        >>> X = load_digits().data
        >>> tsne = TSNETransformer(perplexity=5, max_iter=50, random_state=0).fit(X[:50])
        >>> tsne.transform(X[49:52]).shape
        (3, 2)
        """
        check_is_fitted(self)
        X = self._validate_X(X, reset=False)
        hashes = row_hashes(X.astype(self._positions.dtype, copy=False))
        known = np.array([self._known.get(key, -1) for key in hashes])
        is_new = known < 0
        positions = np.empty((len(known), self._n_features_out), X.dtype)
        positions[~is_new] = self._positions[known[~is_new]]
        if is_new.any():
            embedding = self._positions.astype(np.float64)
            affinities = self._affinities(len(embedding)).conditional(X[is_new], self._samples)
            n_threads = effective_n_threads(self.n_jobs, int(is_new.sum()))
            positions[is_new] = embed_new_samples(affinities, affinities @ embedding, embedding, n_threads)
        return positions

    @property
    def _is_precomputed(self) -> bool:
        return self.metric in PRECOMPUTED

    def _affinities(self, n_samples: int) -> Affinities:
        n_threads = effective_n_threads(self.n_jobs, n_samples)
        return Affinities(self.perplexity, self.metric, self.metric_params, n_threads)

    def _validate_X(self, X, *, reset: bool):
        """Validate samples, distances or affinities; `reset` is True in `fit`."""
        X = validate_data(
            self,
            check_values(X),
            reset=reset,
            dtype=[np.float64, np.float32],
            accept_sparse="csr" if self.metric == "precomputed_affinities" else False,
            ensure_min_samples=2 if reset else 1,
        )
        if self._is_precomputed:
            check_non_negative(X, f"{type(self).__name__} with metric={self.metric!r}")
            if reset and X.shape[0] != X.shape[1]:
                raise ValueError(f"metric={self.metric!r} needs a square X; got shape {X.shape}.")
        return X

    def _embed(self, X, initial: np.ndarray | None) -> tuple[np.ndarray, float]:
        """Compute the positions of distinct samples and the divergence, and show progress."""
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self.method_ = self._choose_method(X.shape[0])
        n_threads = effective_n_threads(self.n_jobs, X.shape[0])
        descent = GradientDescent(self.method_, self.early_exaggeration, self.learning_rate, self.max_iter, n_threads)
        with Progress(self.max_iter, verbose=self.verbose) as progress:
            progress.now("finding neighbors")
            progress.advance(0)
            affinities = self._affinities(X.shape[0]).joint(X)
            if initial is None:
                spectral = self._is_precomputed and self.initialization == "pca"
                method = "spectral" if spectral else self.initialization
                initial = initial_positions(method, X, affinities, self.n_components, seed)
            check_finite(initial)

            def report(n_iterations: int, kl_divergence: float) -> None:
                progress.now(f"KL divergence {kl_divergence:.3f}")
                progress.advance(n_iterations)

            return descent.run(affinities, initial, report if self.verbose else None)

    def _choose_method(self, n_samples: int) -> str:
        """Resolve `method="auto"`, which is "fft" if that is faster and supports the number of dimensions."""
        if self.method == "fft" and self.n_components == 3:
            raise ValueError("method='fft' supports n_components=1 or 2. Use method='barnes_hut' for 3.")
        if self.method != "auto":
            return self.method
        return "fft" if n_samples >= MIN_SAMPLES_FFT and self.n_components < 3 else "barnes_hut"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.pairwise = self._is_precomputed
        tags.input_tags.positive_only = self._is_precomputed
        tags.input_tags.sparse = self.metric == "precomputed_affinities"
        return tags
