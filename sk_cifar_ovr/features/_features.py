"""`CNNFeatures`: the output of a layer of a trained network as a transformer."""

from contextlib import closing

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._shared.lazy_arrays import is_lazy
from .._shared.sklearn_internals import fit_context
from .._shared.text import plain
from ..classifier import (
    CNNClassifier,
    checked_images,
    images_like_fitted,
    is_scikeras,
    keeps_last_fit,
    labelled_images,
    scikeras_input,
    scikeras_network,
    untrained_spec,
)
from ..engine import FittedNetwork, image_blocks
from ..engine.compiled import NetworkSpec, borrow, feature_model, in_trunk, seeded_building
from ..exceptions import ParameterTypeError
from ..one_vs_rest import OneVsRestCNNClassifier, is_search, task_estimator


class CNNFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Transform images into features: the output of a layer of a trained network.

    Parameters
    ----------
    estimator : CNNClassifier, OneVsRestCNNClassifier or scikeras.wrappers.KerasClassifier
        Estimator whose network is used. `fit` trains a clone of it. To use a fitted estimator without training it
        again, pass ``FrozenEstimator(estimator)``.
    layer : str or None, default=None
        Name of the layer. None selects the layer before the last one with weights, which has 128 outputs in the
        custom CNN. Outputs with more than one dimension are flattened.
    class_label : object, default=None
        Class whose network is used. Only for a one-vs-rest estimator.
    concatenate : bool, default=False
        Whether to concatenate the features of all networks, in the order of the classes. Only for a one-vs-rest
        estimator.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone of `estimator`, or `estimator` itself if it is frozen.
    layer_ : str
        Name of the layer.
    n_features_in_ : int
        Number of pixel values per image: height * width * channels, or the columns of flat rows.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X. Only defined if X is a data frame.

    See Also
    --------
    sklearn.frozen.FrozenEstimator : Wraps a fitted estimator so that it is not fitted again.
    TSNETransformer : Projects features to two dimensions.
    sklearn.decomposition.PCA : Reduces the number of features.

    Notes
    -----
    With ``OneVsRestCNNClassifier(strategy="independent")`` each class has its own network, so `class_label` or
    `concatenate` is required. With ``strategy="joint"`` all layers but the last are shared, and neither is needed for
    these layers.

    The features keep the weights that a frozen estimator had when `fit` was called. `test_flip` and `test_shift` are
    ignored.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sk_cifar_ovr import CNNClassifier, CNNFeatures, load_digit_images
    >>> digits = load_digit_images()
    >>> X, y = digits.images[:512], digits.target[:512]
    >>> clf = CNNClassifier(epochs=1, random_state=0).fit(X, y)
    >>> CNNFeatures(FrozenEstimator(clf)).fit_transform(X).shape
    (512, 128)

    In a pipeline, other classifiers can use the features:

    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> neighbors = make_pipeline(CNNFeatures(FrozenEstimator(clf)), KNeighborsClassifier()).fit(X, y)
    >>> neighbors.predict(X).shape
    (512,)
    """

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "layer": [str, None],
        "class_label": "no_validation",
        "concatenate": ["boolean"],
    }

    def __init__(self, estimator, *, layer=None, class_label=None, concatenate=False):
        self.estimator = estimator
        self.layer = layer
        self.class_label = class_label
        self.concatenate = concatenate

    @keeps_last_fit
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None, *, groups=None):
        """Train the network, unless it is frozen.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows of any numeric dtype, with pixels from 0 to 255. Array-likes that read images when
            they are indexed are read batch by batch.
        y : array-like of shape (n,) or None, default=None
            Class labels. Ignored if the estimator is frozen.
        sample_weight : array-like of shape (n,) or None, default=None
            Sample weights. Ignored if the estimator is frozen.
        groups : array-like of shape (n,) or None, default=None
            Group of each image, which the estimator keeps on one side of its splits. Ignored if it is frozen.

        Returns
        -------
        self : CNNFeatures
            The fitted transformer.

        Raises
        ------
        TypeError
            If the estimator is of another type.
        ValueError
            If a parameter, X or y is invalid, if y is missing, or if a one-vs-rest estimator has several networks and
            neither `class_label` nor `concatenate` is given.
        NetworkError
            If there is no such layer. The message lists the layers.
        sklearn.exceptions.NotFittedError
            If a frozen estimator is not fitted.
        """
        _check_kind(_unfrozen(self.estimator))
        self._check_selection()
        if groups is not None and is_scikeras(_unfrozen(self.estimator)):
            raise ValueError("A KerasClassifier of SciKeras takes no groups: use a CNNClassifier, or leave them out.")
        if is_lazy(X):
            # Floats are read once for the checks of all that gets them.
            X = checked_images(clone(self), X, reset=True)
        if isinstance(self.estimator, FrozenEstimator):
            check_is_fitted(self.estimator)
            estimator = self.estimator
        elif y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: it trains its estimator. "
                "To use a trained estimator as it is, pass FrozenEstimator(estimator)."
            )
        else:
            self._check_before_training(X, y)
            given = {"sample_weight": sample_weight, "groups": groups}
            given = {name: value for name, value in given.items() if value is not None}
            estimator = clone(self.estimator).fit(X, y, **given)
        networks = self._networks_of(_unfrozen(estimator))
        with borrow(networks[0].spec) as network:
            extractor = network.features(self.layer)
        if isinstance(estimator, FrozenEstimator):
            _check_images(_unfrozen(estimator), X, networks[0].shape)
        checked_images(self, X, reset=True)
        self.estimator_ = estimator
        # The default layer is found anew in each network: names that Keras chose differ in the next one.
        self.layer_, self._layer = extractor.layer, self.layer
        self._networks = networks
        self._n_features_out = extractor.width * len(networks)
        return self

    def _check_selection(self) -> None:
        if self.class_label is not None and self.concatenate:
            raise ValueError("class_label selects one class, and concatenate selects all: give one of them.")
        if self.class_label is not None and not isinstance(_unfrozen(self.estimator), OneVsRestCNNClassifier):
            raise ValueError(
                f"class_label={plain(self.class_label)!r} names a network of a OneVsRestCNNClassifier, and "
                f"{type(_unfrozen(self.estimator)).__name__} has one network for all classes."
            )

    def _networks_of(self, estimator) -> list[FittedNetwork]:
        """The networks whose features are returned."""
        if is_scikeras(estimator):
            return [scikeras_network(estimator)]
        if isinstance(estimator, CNNClassifier):
            return [estimator.network_]
        networks = [each.network_ for each in estimator.estimators_]
        shared = estimator.joint_network_ is not None and self._in_trunk(networks[0].spec)
        return [networks[k] for k in self._selected(estimator.classes_, len(networks), shared)]

    def _selected(self, classes: np.ndarray, n_networks: int, shared: bool) -> list[int]:
        """Indices of the networks of a one-vs-rest estimator whose features are returned."""
        if self.class_label is not None:
            matches = [k for k, label in enumerate(classes) if label == self.class_label]
            if not matches:
                raise ValueError(f"class_label={plain(self.class_label)!r} is none of the classes {classes.tolist()}.")
            return [matches[0] if n_networks > 1 else 0]
        if n_networks == 1 or shared:
            return [0]
        if not self.concatenate:
            raise ValueError(
                f"Each of the {n_networks} networks has its own features: choose one with class_label "
                f"(a class of {classes.tolist()}), or all with concatenate=True."
            )
        return list(range(n_networks))

    def _in_trunk(self, spec: NetworkSpec) -> bool:
        with borrow(spec) as network:
            return in_trunk(network.model, self.layer)

    def _check_before_training(self, X, y) -> None:
        """Check before the long training that the layer and the selected networks will exist."""
        estimator = clone(self.estimator)
        if is_scikeras(estimator):
            estimator.initialize(X, y)
            with seeded_building(0):
                feature_model(estimator.model_, self.layer)
            return
        estimator._validate_params()
        images = labelled_images(estimator, X, y, reset=True)
        spec: NetworkSpec | None
        if not isinstance(estimator, OneVsRestCNNClassifier):
            spec = untrained_spec(estimator, images.X, images.classes)
        else:
            # The layers of a network that a search has yet to choose are unknown.
            base = task_estimator(estimator)
            spec = None if is_search(base) else untrained_spec(base, images.X, np.array([0, 1]))
            shared = estimator.strategy == "joint" and (spec is None or self._in_trunk(spec))
            self._selected(images.classes, len(images.task_classes), shared)
        if spec is not None:
            with borrow(spec) as network:
                network.features(self.layer)

    def transform(self, X):
        """Compute the features of images.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows, with pixels on the same scale as in `fit`.

        Returns
        -------
        ndarray of shape (n, d)
            Features, in float64 if the network computes in float64, else in float32. A data frame after
            ``set_output(transform="pandas")``.
        """
        check_is_fitted(self)
        shape, scale = self._networks[0].shape, self._networks[0].scale
        X = images_like_fitted(self, X, shape, None if scale == 1 else scale)
        estimator = _unfrozen(self.estimator_)
        if is_scikeras(estimator):
            X = scikeras_input(estimator, X)
        if len(self._networks) == 1:
            return self._networks[0].features(X, self._layer)
        width = self._n_features_out // len(self._networks)
        outputs = None
        with closing(image_blocks(X)) as blocks:
            for rows, images in blocks:
                for k, network in enumerate(self._networks):
                    part = network.features(images, self._layer)
                    if outputs is None:
                        outputs = np.empty((len(X), self._n_features_out), part.dtype)
                    outputs[rows, k * width : (k + 1) * width] = part
        return outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = _unfrozen(self.estimator)
        tags.target_tags.required = not isinstance(self.estimator, FrozenEstimator)
        tags.input_tags = get_tags(inner).input_tags
        # The dtype of the features depends on the network, not on the pixels.
        classifier = getattr(inner, "estimator", inner)
        is_double = getattr(classifier, "precision", None) == "float64"
        tags.transformer_tags.preserves_dtype = ["float64" if is_double else "float32"]
        return tags


def _unfrozen(estimator):
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator


def _check_images(estimator, X, shape) -> None:
    """Raise the error that the fitted estimator raises for X, if any."""
    if is_scikeras(estimator):
        scikeras_input(estimator, X)
    else:
        images_like_fitted(estimator, X, shape)


def _check_kind(estimator) -> None:
    if not isinstance(estimator, (CNNClassifier, OneVsRestCNNClassifier)) and not is_scikeras(estimator):
        raise ParameterTypeError(
            "CNNFeatures takes a CNNClassifier, a OneVsRestCNNClassifier or a KerasClassifier of SciKeras, or one of "
            f"them in a FrozenEstimator; got {type(estimator).__name__}."
        )
