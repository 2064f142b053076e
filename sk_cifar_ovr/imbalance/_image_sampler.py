"""`ImageSampler`: any sampler of imbalanced-learn, on images."""

import numpy as np
from imblearn.base import BaseSampler
from imblearn.utils import check_target_type

from .._shared.label_matrices import check_plain_labels, is_label_matrix
from .._shared.lazy_arrays import LazyArray
from ..classifier import checked_images, keeps_last_fit
from ._resampling import check_enough_images, check_sampler, checked_clone, resample, selects_samples


class ImageSampler(BaseSampler):
    """Resample images with any sampler of imbalanced-learn.

    Samplers that select images (``RandomOverSampler``, ``RandomUnderSampler``, ``TomekLinks``, ``NearMiss``, ...)
    return them unchanged. Samplers that generate images (``SMOTE``, ``ADASYN``, ``ClusterCentroids``, ``SMOTEENN``,
    ...) work on flat rows of floats; their results are rounded and clipped to the dtype of the images and get their
    shape. On integers, imbalanced-learn's own arithmetic would wrap around.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn
        Any object with ``fit_resample``; a clone of it is fitted.

    Attributes
    ----------
    sampler_ : sampler of imbalanced-learn
        The fitted clone. One that selects by labels only was fitted on indices.
    sample_indices_ : ndarray of int, shape (n_new,)
        Indices of the selected images, if the sampler has them.
    sampling_strategy_ : dict
        Number of images to generate, keep or consider, by class label.
    n_features_in_ : int
        Number of columns of flat rows; height * width * channels of images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X had names.

    See Also
    --------
    OneVsRestCNNClassifier : Its `sampler` resamples each class-vs-rest task separately.
    imblearn.pipeline.Pipeline : Puts a sampler in front of a classifier.

    Notes
    -----
    Samplers that generate images hold all of them as floats, several times over. Distances are those of pixels:
    neighbours are images with similar brightness in the same places, and an image between two of them looks like a
    double exposure. New pixels lie between those of the two images, unless the sampler extrapolates, as ``SVMSMOTE``
    and ``RandomOverSampler(shrinkage=...)`` do.

    References
    ----------
    Chawla, Bowyer, Hall and Kegelmeyer (2002), "SMOTE: Synthetic Minority Over-sampling Technique".

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.over_sampling import SMOTE
    >>> from sk_cifar_ovr import ImageSampler, load_digit_images
    >>> digits = load_digit_images()
    >>> rows = np.flatnonzero((digits.target > 0) | (np.arange(len(digits.target)) < 300))
    >>> X, y = ImageSampler(SMOTE(random_state=0)).fit_resample(digits.images[rows], digits.target[rows])
    >>> X.shape, X.dtype, np.bincount(y)
    ((1830, 8, 8, 1), dtype('uint8'), array([183, 183, 183, 183, 183, 183, 183, 183, 183, 183]))
    """

    _parameter_constraints: dict = {"sampler": "no_validation"}

    def __init__(self, sampler):
        self.sampler = sampler

    @property
    def sampling_strategy(self):
        """`sampling_strategy` of the sampler."""
        return getattr(self.sampler, "sampling_strategy", "auto")

    @property
    def _sampling_type(self):
        return getattr(self.sampler, "_sampling_type", "bypass")

    def _check_X_y(self, X, y, accept_sparse=None):
        check_sampler(self.sampler, type(self).__name__)
        y, is_one_hot = check_target_type(y, indicate_one_vs_all=True)
        if hasattr(X, "columns") and hasattr(X, "sparse"):
            X = X.sparse.to_dense()
        X, y = checked_images(self, X, y, reset=True)
        return X, y, is_one_hot

    def _fit_resample(self, X, y):
        sampler = checked_clone(self.sampler)
        check_enough_images(sampler, y)
        X, y = resample(sampler, X, y)
        self.sampler_ = sampler
        if hasattr(sampler, "sample_indices_"):
            self.sample_indices_ = np.asarray(sampler.sample_indices_)
        elif hasattr(self, "sample_indices_"):
            del self.sample_indices_
        return X.unwrapped() if isinstance(X, LazyArray) else X, y

    @keeps_last_fit
    def fit_resample(self, X, y):
        """Resample images and their labels.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows of any numeric dtype. Array-likes that read images when they are indexed are read
            if the sampler looks at pixels.
        y : array-like of shape (n,)
            Class labels.

        Returns
        -------
        X : ndarray, shape (n_new, ...)
            Images of the same shape and dtype; a data frame or a list if X was one. Selected images of an array-like
            that reads them when it is indexed are a view of it.
        y : ndarray of shape (n_new,)
            Labels, of the same type as y.

        Raises
        ------
        ResamplingError
            If a class has too few images to interpolate between.
        ValueError
            If X, y or a parameter is invalid.
        """
        if not is_label_matrix(y):
            # imbalanced-learn warns of a cast before it refuses NaN.
            check_plain_labels(y)
        return super().fit_resample(X, y)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.three_d_array = True
        tags.sampler_tags.sample_indices = selects_samples(self.sampler) or hasattr(self.sampler, "shrinkage")
        return tags
