"""`CNNClassifier`: one network, binary or multiclass."""

import os
from functools import partial
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from .._shared.sklearn_internals import Interval, StrOptions, fit_context
from ..augment import AUGMENTATIONS
from ..engine import FittedNetwork
from ..engine.compiled import PRECISIONS
from ._fitting import run_job
from ._input_validation import as_rows, keeps_last_fit, rows_like_fitted
from ._jobs import expected_scale, make_job
from ._labels import check_partial_fit, checked_weights, class_weights
from ._recipes import RECIPES
from ._scikeras import Bridge, check_routed_names


class CNNClassifier(ClassifierMixin, BaseEstimator):
    """A convolutional network as a scikit-learn classifier.

    Parameters
    ----------
    model : str or callable, default="cifar_cnn"
        Name of a built-in network (of `networks` or `backbones`), or a builder ``(meta, *, option=default, ...) ->
        keras.Model`` that returns an uncompiled model with softmax output.
    loss : {"focal", "crossentropy"}, keras.losses.Loss or a subclass of it, default="focal"
        What is minimised. ``loss__gamma`` and ``loss__alpha`` reach `SparseCategoricalFocalLoss`;
        ``loss__label_smoothing`` both of the named ones.
    class_weight : "balanced", dict or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    optimizer : str, keras.optimizers.Optimizer or a subclass of it, default="adam"
        An instance serves as a description, by what its ``get_config`` says: it is neither built nor changed.
        ``optimizer__use_ema=True`` trains as usual and keeps the moving average of the weights; without
        ``optimizer__ema_momentum`` it reaches back over a tenth of the steps, over a thousand at most.
    epochs : int, default=10
        Passes over the training rows.
    head_epochs : int, default=0
        Passes before those in which the last layer alone is trained. Images, without `augment`, go through the rest
        of the network once for all of them. A fit that goes on from another has none.
    fine_tune_rate : float, default=0.1
        After `head_epochs`, the share of the optimizer's learning rate at which `epochs` go on.
    feature_cache : str, path-like or None, default=None
        Folder in which features that the last layer is trained on are kept, by the content of weights and images:
        a later fit on the same images finds them there.
    batch_size : int, default=128
        Rows of one gradient step; larger than the number of rows means all of them.
    balanced_batches : bool or float, default=False
        Draw each batch from the classes in set shares: True gives all classes the same, a number between 0 and 1
        is that of the rarest class (of two that are equally rare, the last), while the others keep their
        proportions. An epoch has as many rows as before, so that those of a rare class come several times and
        some of a frequent one wait for the next epoch; nothing is copied.
    image_shape : tuple (height, width, channels) or None, default=None
        What a flat row of X is; not needed for images.
    recipe : {"strong", "long"} or None, default=None
        Sets `augment`, `schedule`, `optimizer` and `test_flip`, where they are left at their defaults, for
        trainings on photographs. "strong" is for some ten epochs or more: ``"flip_shift"``, ``"one_cycle"``,
        AdamW with learning rate 3e-3 and weight decay 1e-2, and True. "long", for forty or more, adds
        ``augment__shift=4``, ``augment__flip="alternating"`` and ``optimizer__use_ema=True``.
    augment : {"flip_shift"}, keras.layers.Layer or None, default=None
        Random changes of training images; "flip_shift" is `augment.RandomFlipShift`, whose options are
        ``augment__shift``, ``augment__flip`` and ``augment__cutout``.
    schedule : {"one_cycle", "cosine"} or None, default=None
        Course of the learning rate over the fit, up to the optimizer's own and down to zero.
    test_flip : bool, default=False
        Average predictions over each image and its mirror image.
    test_shift : int, default=0
        Average predictions over each image and two copies of it moved by so many pixels, which count half.
    validation_fraction : float or None, default=None
        Share of the rows held out, stratified, to report ``val_loss`` in `history_`: that of the weights as they
        are then, not of their average.
    early_stopping : bool, default=False
        Stop when the validation loss has not fallen for `n_iter_no_change` epochs, and keep the weights of
        the best epoch. Holds out a tenth where `validation_fraction` is None.
    n_iter_no_change : int, default=5
        Patience of `early_stopping`, in epochs.
    precision : {"auto", "float32", "mixed_bfloat16", "float64"}, default="auto"
        Precision of the computation; weights of "mixed_bfloat16" and all outputs are float32 or better. "auto"
        takes bfloat16 for built-in networks on hardware that has it, and leaves your own as they are.
    random_state : int, numpy.random.RandomState or None, default=None
        Seed of the weights, the order of the rows and the validation split.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Called where training and its epochs begin and end; not for batches.
    warm_start : bool, default=False
        Let `fit` go on from the weights and the optimizer of the previous one: `epochs` more of them, on the
        same classes.
    verbose : int, default=0
        1 shows a progress line on standard error.
    **routed
        Parameters for others: ``model__filters=(32, 64, 128)``, ``loss__gamma=2.0``,
        ``optimizer__learning_rate=1e-3``, ``augment__shift=4``. `fit` refuses names that the builder, loss,
        optimizer or augmentation does not take, and any without ``__``; `set_params` refuses the latter at once.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Columns of flat rows; height * width * channels of images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X had names.
    model_ : keras.Model
        The fitted network. It is a copy: `predict` uses the weights of `fit`.
    history_ : dict of lists of float
        ``loss`` and, where rows were held out, ``val_loss`` of each epoch; NaN for epochs of a fit that went on
        from another and held out none.
    n_iter_ : int
        Epochs trained.
    image_shape_ : tuple of int
        Shape of one row as the network takes it.
    precision_ : str
        Precision that "auto" came to; "as built" of a network of your own.
    pixel_scale_ : float
        What pixels are multiplied with: 255 where X was taken as 0-1, else 1.

    See Also
    --------
    OneVsRestCNNClassifier : K "class k vs others" problems.

    Examples
    --------
    >>> from sk_cifar_ovr import CNNClassifier, load_digit_images
    >>> digits = load_digit_images()
    >>> clf = CNNClassifier(epochs=2, random_state=0).fit(digits.images[:512], digits.target[:512])
    >>> clf.predict(digits.images[:3]).shape
    (3,)
    """

    _parameter_constraints: dict = {
        "model": [str, callable],
        "loss": "no_validation",
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "optimizer": "no_validation",
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "head_epochs": [Interval(Integral, 0, None, closed="left")],
        "fine_tune_rate": [Interval(Real, 0, None, closed="neither")],
        "feature_cache": [str, os.PathLike, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "balanced_batches": ["boolean", Interval(Real, 0, 1, closed="neither")],
        "image_shape": [tuple, list, None],
        "recipe": [StrOptions(set(RECIPES)), None],
        "augment": [StrOptions(set(AUGMENTATIONS)), keras.layers.Layer, None],
        "schedule": [StrOptions({"one_cycle", "cosine"}), None],
        "test_flip": ["boolean"],
        "test_shift": [Interval(Integral, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "early_stopping": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions(set(PRECISIONS))],
        "random_state": ["random_state"],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model="cifar_cnn",
        *,
        loss="focal",
        class_weight=None,
        optimizer="adam",
        epochs=10,
        head_epochs=0,
        fine_tune_rate=0.1,
        feature_cache=None,
        batch_size=128,
        balanced_batches=False,
        image_shape=None,
        recipe=None,
        augment=None,
        schedule=None,
        test_flip=False,
        test_shift=0,
        validation_fraction=None,
        early_stopping=False,
        n_iter_no_change=5,
        precision="auto",
        random_state=None,
        callbacks=None,
        warm_start=False,
        verbose=0,
        **routed,
    ):
        self.model = model
        self.loss = loss
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.epochs = epochs
        self.head_epochs = head_epochs
        self.fine_tune_rate = fine_tune_rate
        self.feature_cache = feature_cache
        self.batch_size = batch_size
        self.balanced_batches = balanced_batches
        self.image_shape = image_shape
        self.recipe = recipe
        self.augment = augment
        self.schedule = schedule
        self.test_flip = test_flip
        self.test_shift = test_shift
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.precision = precision
        self.random_state = random_state
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.verbose = verbose
        self._routed = routed

    def get_params(self, deep=True):
        """Parameters of this estimator, the routed ones included.

        Parameters
        ----------
        deep : bool, default=True
            Ignored: no parameter is an estimator.

        Returns
        -------
        dict
        """
        return {**super().get_params(deep=deep), **self._routed}

    def set_params(self, **params):
        """Set parameters, routed ones included.

        Parameters
        ----------
        **params
            Names and values.

        Returns
        -------
        self

        Raises
        ------
        UnknownParameterError
            If nothing has such a name.
        """
        own = self._get_param_names()
        routed = {name: value for name, value in params.items() if name not in own}
        check_routed_names(routed.keys() - self._routed.keys(), type(self).__name__, own=own)
        super().set_params(**{name: value for name, value in params.items() if name in own})
        self._routed = {**self._routed, **routed}
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows of any numeric dtype; pixels count 0-255.
        y : array-like of shape (n,)
            Class labels.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the rows; a row of weight 0 is left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or `sample_weight` is invalid; says what to do.
        NonFiniteLossError
            If the loss becomes NaN or infinite.
        OSError
            If `feature_cache` cannot be written to.
        """
        return self._fit(X, y, sample_weight)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch, going on from where the last call ended.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows.
        y : array-like of shape (n,)
            Class labels.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that will ever come. The first call needs them; later ones may leave them out.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`, if the first call comes without `classes`, if a later one names others or y holds
            others, and with `early_stopping`, which has no epochs to compare here.
        NonFiniteLossError
            If the loss becomes NaN or infinite; the network is left as it was.

        Notes
        -----
        The optimizer goes on too. `schedule` runs over each call, and balanced weights are those of its rows.
        """
        going_on = hasattr(self, "_network")
        check_partial_fit(self, classes, going_on, early_stopping=self.early_stopping)
        return self._fit(X, y, sample_weight, classes=classes, go_on=going_on, epochs=1, keep_optimizer=True)

    @keeps_last_fit
    def _fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        classes=None,
        epochs=None,
        go_on=None,
        keep_optimizer=False,
        sampler=None,
        progress=None,
    ):
        go_on = self.warm_start and hasattr(self, "_network") if go_on is None else go_on
        X, y = as_rows(self, X, y, reset=not go_on)
        check_classification_targets(y)
        job = make_job(self, X, y, classes=classes, earlier=self._network if go_on else None)
        sample_weight = checked_weights(sample_weight, X)
        epochs, head_epochs = self._planned_epochs(epochs, go_on)
        trained = run_job(
            job,
            labels=job.bridge.encode(y),
            weigh=partial(self._class_weights, job.bridge.classes_),
            sample_weight=sample_weight,
            stratify=y,
            epochs=epochs,
            head_epochs=head_epochs,
            sampler=sampler,
            progress=progress,
            keep_optimizer=keep_optimizer or self.warm_start,
        )
        return self._adopt(job.bridge, job.fitted(trained), trained.history, go_on=go_on)

    def _planned_epochs(self, epochs=None, go_on=False):
        """Epochs of a fit, and those of the last layer alone before them."""
        return epochs or self.epochs, 0 if epochs or go_on else self.head_epochs

    def _class_weights(self, classes, labels, sample_weight):
        return class_weights(self.class_weight, classes, classes[labels], sample_weight)

    def _take_over(self, fitted):
        """Take over what another classifier was fitted to, for the next fit to go on from."""
        for name in ("_bridge", "_network", "classes_", "history_", "n_iter_", "n_features_in_"):
            setattr(self, name, getattr(fitted, name))

    def _adopt(self, bridge: Bridge, network: FittedNetwork, history, *, go_on=False):
        """Take a trained network as one's own; a fit that fails before keeps the old one."""
        if go_on:
            history = _one_after_the_other(self.history_, history)
        self._bridge = bridge
        self._network = network
        self.classes_: Any = bridge.classes_
        self.history_: dict[str, list[float]] = history
        self.n_iter_ = len(history["loss"])
        return self

    # -- prediction ---------------------------------------------------------------------------------------

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows, on the same scale as in `fit`.

        Returns
        -------
        ndarray of float, shape (n, n_classes)
            Columns in the order of `classes_`; rows sum to 1.
        """
        check_is_fitted(self)
        scale = expected_scale(self.model, self._network.scale)
        return self._network.predict(rows_like_fitted(self, X, self._network.shape, scale))

    def predict(self, X):
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows.

        Returns
        -------
        ndarray of shape (n,)
        """
        best = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[best]

    @property
    def model_(self) -> keras.Model:
        """The fitted network as a plain `keras.Model`, built when first asked for."""
        check_is_fitted(self)
        return self._network.model()

    @property
    def pixel_scale_(self) -> float:
        """What pixels are multiplied with on their way into the network."""
        check_is_fitted(self)
        return self._network.scale

    @property
    def image_shape_(self) -> tuple[int, ...]:
        """Shape of one row as the network takes it."""
        check_is_fitted(self)
        return self._network.shape

    @property
    def precision_(self) -> str:
        """Precision that "auto" came to; "as built" of a network of your own."""
        check_is_fitted(self)
        return self._network.spec.precision or "as built"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _one_after_the_other(first: dict[str, list[float]], second: dict[str, list[float]]) -> dict[str, list[float]]:
    """Two histories as one; NaN where one of them lacks a figure."""
    names = dict.fromkeys([*first, *second])
    return {
        name: [value for part in (first, second) for value in part.get(name, [np.nan] * len(part["loss"]))]
        for name in names
    }
