"""`CNNFeatures`: what a layer of a trained network says of each image, as a transformer."""

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from .._shared.sklearn_internals import fit_context
from ..classifier import (
    CNNClassifier,
    checked_classes,
    checked_images,
    images_like_fitted,
    is_scikeras,
    scikeras_input,
    scikeras_network,
    untrained_spec,
)
from ..engine import FittedNetwork
from ..engine.compiled import NetworkSpec, borrow, feature_model, in_trunk, seeded_building
from ..one_vs_rest import OneVsRestCNNClassifier, is_search, task_estimator


class CNNFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features of images: the output of a layer of a trained network.

    Parameters
    ----------
    estimator : CNNClassifier, OneVsRestCNNClassifier or scikeras.wrappers.KerasClassifier
        The network. `fit` trains a clone of it; one that is trained already, and shall stay so, comes as
        ``FrozenEstimator(estimator)``, which no `fit` and no search trains again.
    layer : str or None, default=None
        Name of the layer. None is the layer in front of the last one with weights: 128 features of the custom
        CNN. Outputs of more than one dimension are flattened.
    class_label : object, default=None
        Of a one-vs-rest estimator: take the network of this class.
    concatenate : bool, default=False
        Of a one-vs-rest estimator: features of all its networks side by side, in the order of the classes.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one: a clone of `estimator`, or `estimator` itself where it is frozen.
    layer_ : str
        Name of the layer.
    n_features_in_ : int
        Columns of flat rows; height * width * channels of images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X had names.

    See Also
    --------
    sklearn.frozen.FrozenEstimator : Keeps a fitted estimator from being fitted again.

    Notes
    -----
    The networks of ``OneVsRestCNNClassifier(strategy="independent")`` have features of their own each: say
    which with `class_label` or `concatenate`. With ``strategy="joint"`` they share all layers but the last, and
    neither is needed, nor makes a difference, up to there. `test_flip` and `test_shift` play no part: features are
    those of the image itself.

    The weights are those of the estimator when `fit` was called.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sk_cifar_ovr import CNNClassifier, CNNFeatures, load_digit_images
    >>> digits = load_digit_images()
    >>> X, y = digits.images[:512], digits.target[:512]
    >>> clf = CNNClassifier(epochs=1, random_state=0).fit(X, y)
    >>> CNNFeatures(FrozenEstimator(clf)).fit_transform(X, y).shape
    (512, 128)
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

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Train the network, unless it is frozen.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows of any numeric dtype; pixels count 0-255.
        y : array-like of shape (n,) or None, default=None
            Class labels; a frozen estimator needs none.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the rows, for the estimator; a frozen one needs none.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If the estimator is of another type.
        ValueError
            If a parameter, X or y is invalid, y is missing, or a one-vs-rest estimator has several networks and
            neither `class_label` nor `concatenate` says which to take.
        NetworkError
            If there is no such layer; names those that there are.
        sklearn.exceptions.NotFittedError
            If a frozen estimator is not fitted.
        """
        _check_kind(_inner(self.estimator))
        self._check_choice()
        if isinstance(self.estimator, FrozenEstimator):
            check_is_fitted(self.estimator)
            estimator = self.estimator
        elif y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: it trains its estimator. "
                "One that is trained already goes in as FrozenEstimator(estimator)."
            )
        else:
            self._check_before_training(X, y)
            weights = {} if sample_weight is None else {"sample_weight": sample_weight}
            estimator = clone(self.estimator).fit(X, y, **weights)
        networks = self._networks_of(_inner(estimator))
        with borrow(networks[0].spec) as network:
            program = network.features(self.layer)
        if isinstance(estimator, FrozenEstimator):
            _check_rows(_inner(estimator), X, networks[0].shape)
        checked_images(self, X, reset=True)
        self.estimator_ = estimator
        self.layer_ = program.layer
        self._networks = networks
        self._n_features_out = program.width * len(networks)
        return self

    def _check_choice(self) -> None:
        if self.class_label is not None and self.concatenate:
            raise ValueError("class_label takes the features of one class, concatenate those of all: give one of them.")
        if self.class_label is not None and not isinstance(_inner(self.estimator), OneVsRestCNNClassifier):
            raise ValueError(
                f"class_label={self.class_label!r} names a network of a OneVsRestCNNClassifier, and "
                f"{type(_inner(self.estimator)).__name__} has one network for all classes."
            )

    def _networks_of(self, estimator) -> list[FittedNetwork]:
        """The networks whose features are asked for."""
        if is_scikeras(estimator):
            return [scikeras_network(estimator)]
        if isinstance(estimator, CNNClassifier):
            return [estimator.network_]
        networks = [each.network_ for each in estimator.estimators_]
        shared = estimator.joint_network_ is not None and self._in_trunk(networks[0].spec)
        return [networks[k] for k in self._chosen(estimator.classes_, shared)]

    def _chosen(self, classes: np.ndarray, shared: bool) -> list[int]:
        """Which networks of a one-vs-rest estimator to take, by their numbers."""
        n_networks = 1 if len(classes) == 2 else len(classes)
        if self.class_label is not None:
            places = [k for k, label in enumerate(classes) if label == self.class_label]
            if not places:
                raise ValueError(f"class_label={self.class_label!r} is none of the classes {classes}.")
            return [places[0] if n_networks > 1 else 0]
        if n_networks == 1 or shared:
            return [0]
        if not self.concatenate:
            raise ValueError(
                f"Each of the {n_networks} networks has features of its own here: choose one with class_label "
                f"(a class of {classes.tolist()}), or all with concatenate=True."
            )
        return list(range(n_networks))

    def _in_trunk(self, spec: NetworkSpec) -> bool:
        with borrow(spec) as network:
            return in_trunk(network.model, self.layer)

    def _check_before_training(self, X, y) -> None:
        """Refuse a layer, or a choice of networks, that there will not be: training takes long."""
        estimator = clone(self.estimator)
        if is_scikeras(estimator):
            estimator.initialize(X, y)
            with seeded_building(0):
                feature_model(estimator.model_, self.layer)
            return
        estimator._validate_params()
        X, y = checked_images(estimator, X, y, reset=True)
        check_classification_targets(y)
        spec: NetworkSpec | None
        if not isinstance(estimator, OneVsRestCNNClassifier):
            spec = untrained_spec(estimator, X, checked_classes(y, None, type(estimator).__name__))
        else:
            classes = checked_classes(y, None, type(estimator).__name__)
            # A search may choose a network with other layers.
            base = task_estimator(estimator)
            spec = None if is_search(base) else untrained_spec(base, X, np.array([0, 1]))
            self._chosen(classes, estimator.strategy == "joint" and (spec is None or self._in_trunk(spec)))
        if spec is not None:
            with borrow(spec) as network:
                network.features(self.layer)

    def transform(self, X):
        """Features of images.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows, on the same scale as in training.

        Returns
        -------
        ndarray of shape (n, d)
            float32, or float64 of a network in float64; a data frame after ``set_output(transform="pandas")``.
        """
        check_is_fitted(self)
        shape, scale = self._networks[0].shape, self._networks[0].scale
        X = images_like_fitted(self, X, shape, None if scale == 1 else scale)
        estimator = _inner(self.estimator_)
        if is_scikeras(estimator):
            X = scikeras_input(estimator, X)
        parts = (each.features(X, self.layer_) for each in self._networks)
        first = next(parts)
        if len(self._networks) == 1:
            return first
        outputs = np.empty((len(X), self._n_features_out), first.dtype)
        outputs[:, : first.shape[1]] = first
        for k, part in enumerate(parts, start=1):
            outputs[:, k * part.shape[1] : (k + 1) * part.shape[1]] = part
        return outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = _inner(self.estimator)
        tags.target_tags.required = not isinstance(self.estimator, FrozenEstimator)
        tags.input_tags = get_tags(inner).input_tags
        # Features have the precision of the network, whatever the pixels have.
        settings = getattr(inner, "estimator", inner)
        double = getattr(settings, "precision", None) == "float64"
        tags.transformer_tags.preserves_dtype = ["float64" if double else "float32"]
        return tags


def _inner(estimator):
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator


def _check_rows(estimator, X, shape) -> None:
    """Refuse rows that the fitted estimator itself would refuse."""
    if is_scikeras(estimator):
        scikeras_input(estimator, X)
    else:
        images_like_fitted(estimator, X, shape)


def _check_kind(estimator) -> None:
    if not isinstance(estimator, (CNNClassifier, OneVsRestCNNClassifier)) and not is_scikeras(estimator):
        raise TypeError(
            "CNNFeatures takes a CNNClassifier, a OneVsRestCNNClassifier or a KerasClassifier of SciKeras, or one of "
            f"them in a FrozenEstimator; got {type(estimator).__name__}."
        )
