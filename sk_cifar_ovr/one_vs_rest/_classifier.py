"""`OneVsRestCNNClassifier`: one task a class, "class k or the rest", for one label an image or several."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from .._shared.progress import Progress
from .._shared.sklearn_internals import StrOptions
from ..classifier import (
    LEARNT,
    BaseImageClassifier,
    CNNClassifier,
    LabelledImages,
    checked_outputs,
    describe_choices,
    expected_scale,
    images_like_fitted,
    set_choices,
    with_choices,
)
from ._calibration import METHODS, calibrated, log_odds
from ._class_weights import class_weight_by_task
from ._cross_fitting import cross_fitting, refuse_tuning, untuned
from ._joint_training import joint_from_keras
from ._searches import BaseSearchCV, check_search_groups, inner_classifier, is_search, task_estimator
from ._task_samplers import check_resampling, task_samplers
from ._task_settings import TaskSettings
from ._tasks import FittedTasks, constant_tasks, subset_accuracy, warn_without_validation
from ._threshold_rules import is_tuned, threshold_rules


class OneVsRestCNNClassifier(BaseImageClassifier):
    """K binary tasks, "class k or the rest", solved by K networks or by K heads on one trunk.

    It takes one label an image, or a label matrix with several labels an image.

    Parameters
    ----------
    estimator : CNNClassifier, a search over one, or None, default=None
        Settings of each task; None is ``CNNClassifier()``. A `class_weight` dict on it has the keys 0 (the rest) and
        1 (the class). With a search such as `GridSearchCV`, over a `CNNClassifier` alone or behind samplers in a
        Pipeline, each "independent" task chooses its own settings.
    strategy : {"joint", "independent"}, default="joint"
        "joint" trains one network with K heads, which share all layers but the last. "independent" trains K separate
        networks.
    threshold : None, str, callable, float, array-like of shape (K,) or dict, default=None
        Minimum probability of the class at which `predict_ovr` gives True. None is 0.5.

        - "f1", "balanced_accuracy" or a callable ``(y_true, y_pred) -> float`` is maximised for each class on
          out-of-fold probabilities (the mean of the best thresholds with each fold left out).
        - ``{"precision": 0.9}`` is the lowest threshold whose precision on all out-of-fold probabilities is at least
          0.9, ``{"recall": 0.95}`` the highest whose recall is at least 0.95; see `promises_`.
        - A dict by label mixes numbers, metrics and promises, such as ``{"cat": {"precision": 0.9}, "dog": 0.3}``.
          Missing classes get 0.5.

        After thresholds were tuned, the networks are fitted again on all images.
    calibration : {"sigmoid", "isotonic", "temperature"} or None, default=None
        Calibrator of scikit-learn, one a task, fitted on out-of-fold log-odds. Thresholds are then tuned on
        calibrated probabilities and compared with them. It needs no more fits than a tuned threshold does.
    cv : int, splitter, iterable or None, default=None
        Folds in which thresholds and calibrators are tuned; None is 5-fold. A number of folds are stratified, for a
        label matrix by iterative stratification [2]_. With ``fit(..., groups=...)`` a number of folds are
        `StratifiedGroupKFold`, for a label matrix likewise; a splitter such as `GroupKFold` gets the groups.
    class_weight : dict or None, default=None
        Weights by class label, for the task of that class: a number for its positives, ``"balanced"``, or a dict of
        0 and 1. Two classes of single labels share one task: numbers weight one class each.
    sampler : sampler of imbalanced-learn, ImageSampler or None, default=None
        Resamples the training images of each task separately, with labels 0 and 1; see Notes. "joint" takes samplers
        that select images, "independent" also those that generate new ones.
    n_jobs : int or None, default=None
        Processes for "independent"; None is one, which trains in this process.
    verbose : int, default=0
        1 shows one progress line for all tasks on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; of a label matrix, the names of its columns if it is a data frame, otherwise 0 to K - 1.
    multilabel_ : bool
        Whether the last fit was on a label matrix.
    estimators_ : list of CNNClassifier
        The fitted binary classifiers: one a class, or a single one for two classes that exclude each other. With
        "joint" they share the arrays of the trunk.
    joint_network_ : object or None
        With "joint", the trunk with its K heads as plain data.
    thresholds_ : ndarray of shape (len(`estimators_`),)
        Thresholds of `predict_ovr`.
    promises_ : list of dict, or None
        One for each class with a promised precision or recall: ``class``, ``metric``, ``promised``, ``reached`` (in
        cross-fitting; NaN if the class is too rare) and ``kept``.
    searches_ : list of fitted searches, or None
        One a task, if `estimator` is a search.
    calibrators_ : list of scikit-learn calibrators, or None
        One a task, or None for a class that is too rare; the probabilities of `estimators_` themselves are not
        calibrated.
    history_ : dict of lists of float
        ``loss`` and, if images were held out, ``val_loss`` of each epoch: means over the tasks.
    epochs_, batch_size_ : int
        Length of the training of each network and images in a step, as "auto" chose them or as they were given. With
        a search, `estimators_` have their own.
    recipe_ : dict
        Parameters that the recipe of `estimator` set.
    image_shape_ : tuple of int
        Shape of one image as the networks take it.
    n_features_in_ : int
        Number of columns of flat rows; height * width * channels of images.
    feature_names_in_ : ndarray of str
        Names of the columns, if X had names.
    image_reading_ : dict or None
        How the training images were prepared (`image_size`, `fit`, `sixteen_bit`), for ``sk-cifar-ovr predict``: set
        if X is an `ImageFiles`, and by ``sk-cifar-ovr report``. Arrays do not tell; assign `data.reading` to it.

    See Also
    --------
    CNNClassifier : One network for all classes.
    ovr_report : Precision, recall and F1 of each task.
    sklearn.multiclass.OneVsRestClassifier : Takes any binary classifier, a `CNNClassifier` too.

    Notes
    -----
    A label that is not known (NaN in a label matrix) leaves its image out of that task alone: out of training,
    thresholds, calibration and `score`. With "joint" the image has weight 0 for that head, and trains the others.
    With "independent" each network is trained on the images whose label is known. Folds and validation images keep
    the shares of the labels and of what is not known.

    A promised precision or recall holds on the out-of-fold probabilities, in which sample weights count. On new
    images it varies, the more the rarer the class is. If no threshold reaches a promised precision, a
    `ThresholdPromiseWarning` names the class, and its threshold is the one that reaches most. A class of which some
    fold has no image to train on or to test keeps 0.5 and has no calibrator, and a `RareClassWarning` names it.

    `sampler` never gets held-out images: neither those of `validation_fraction`, nor those of the fold on which
    thresholds and calibrators are tuned. Selected images are not copied and keep their sample weights. Generated
    images get the weight of the nearest given image with the same label. The heads of "joint" share every batch: an
    image that a task selects three times counts three times in the loss of that task, and not at all if the task did
    not select it. "balanced" weights are those of the resampled images. `partial_fit` and warm starts resample the
    images of each call.

    Heads start with the shares of their classes as probabilities [1]_.

    References
    ----------
    .. [1] Lin, Goyal, Girshick, He and Dollar (2017), "Focal Loss for Dense Object Detection", section 3.3.
    .. [2] Sechidis, Tsoumakas and Vlahavas (2011), "On the Stratification of Multi-Label Data".

    Examples
    --------
    >>> from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images
    >>> digits = load_digit_images()
    >>> ovr = OneVsRestCNNClassifier(CNNClassifier(epochs=2, random_state=0))
    >>> ovr.fit(digits.images[:512], digits.target[:512]).predict_ovr(digits.images[:3]).shape
    (3, 10)
    >>> ovr.predict_proba(digits.images[:3]).sum(axis=1).round(3)
    array([1., 1., 1.], dtype=float32)

    Several labels an image, of which one is not known:

    >>> import pandas as pd
    >>> labels = pd.DataFrame({"even": digits.target % 2 == 0, "above 4": digits.target > 4}, dtype=float)
    >>> labels.loc[0, "even"] = float("nan")
    >>> ovr = ovr.fit(digits.images[:256], labels[:256])
    >>> ovr.classes_.tolist(), ovr.predict(digits.images[:3]).shape
    (['even', 'above 4'], (3, 2))
    """

    _parameter_constraints: dict = {
        "estimator": [CNNClassifier, BaseSearchCV, None],
        "strategy": [StrOptions({"joint", "independent"})],
        "threshold": "no_validation",
        "calibration": [StrOptions(set(METHODS)), None],
        "cv": ["cv_object"],
        "class_weight": [dict, None],
        "sampler": "no_validation",
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        strategy="joint",
        threshold=None,
        calibration=None,
        cv=None,
        class_weight=None,
        sampler=None,
        n_jobs=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.strategy = strategy
        self.threshold = threshold
        self.calibration = calibration
        self.cv = cv
        self.class_weight = class_weight
        self.sampler = sampler
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y=None, sample_weight=None, *, groups=None):
        """Train on images with one label each, or with a label matrix.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows of any numeric dtype, pixels from 0 to 255. A float array within 0-1 is taken as
            scaled to 0-1, with a warning.
        y : array-like of shape (n,), or array-like or sparse matrix of shape (n, n_classes)
            Class labels, or a label matrix with two columns or more: 1 if an image belongs to the class of the
            column, 0 if not, NaN or a masked entry if that is not known. The names of a data frame's columns become
            `classes_`.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the images; an image of weight 0 is left out.
        groups : array-like of shape (n,) or None, default=None
            Group of each image, such as a patient, a burst or a video: any hashable labels. Images of one group are
            on one side of every split: the folds in which thresholds and calibrators are tuned, validation images,
            and the folds of searches.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y, `sample_weight` or `groups` is invalid, or groups are too few for the folds; the
            message says what to do. A label matrix may hold nothing but 0, 1 and NaN, and at least one known label
            in each column.
        NonFiniteLossError
            If the loss becomes NaN or infinite; the estimator stays as it was.
        ResamplingError
            If a sampler cannot resample a task.
        OSError
            If a folder for features cannot be written to.

        Warns
        -----
        UserWarning
            If a column of a label matrix holds only one of 0 and 1, or too few known labels for images to be held
            out: with "independent" its network is then trained without validation. If groups are so large that
            another share than `validation_fraction` is held out.
        RareClassWarning
            If a class has too few images or groups for its threshold or calibrator to be tuned, or to be held out for
            validation.
        ThresholdPromiseWarning
            If no threshold of a class reaches the promised precision.
        """
        return super().fit(X, y, sample_weight, groups=groups)

    def partial_fit(self, X, y=None, classes=None, sample_weight=None):
        """Train for one epoch, continuing from the last call.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `fit`.
        y : array-like of shape (n,), or array-like or sparse matrix of shape (n, n_classes)
            As in `fit`.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that will ever occur, required in the first call. With a label matrix, the names of its
            columns, which may be left out.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the images.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`; if the first call lacks `classes`, a later one has others or y holds others; if training
            may stop early; or if thresholds or calibration are to be tuned.
        NonFiniteLossError
            If the loss becomes NaN or infinite; the estimator stays as it was.

        Notes
        -----
        The state of the optimizer is kept from call to call. A learning-rate schedule runs over each call, and
        balanced weights are those of its images. If a column of a label matrix holds no known label, its task learns
        nothing from this call. With "joint" its head can still be moved by the momentum of earlier calls. With
        "independent" the first call needs a known label in every column.
        """
        return super().partial_fit(X, y, classes, sample_weight)

    @classmethod
    def from_keras(cls, model, *, classes, pixels=None, multilabel=True, **params):
        """A fitted estimator from a trained Keras model with one sigmoid a class, without any training.

        Parameters
        ----------
        model : keras.Model, str or path-like
            The model, which is copied, or the path of a ``.keras`` file. It ends in a `Dense` layer with one sigmoid,
            or its logit, for each class.
        classes : array-like of shape (n_classes,)
            Name of the class of each output.
        pixels : {"0-255", "0-1", "-1-1"}, str or None, default=None
            Pixels that the model takes, see `CNNClassifier.from_keras`.
        multilabel : bool, default=True
            Whether an image may have several labels, or none.
        **params
            Parameters of this estimator. Those of `estimator` are its settings for a later fit.

        Returns
        -------
        OneVsRestCNNClassifier
            Fitted; the probability of each class is its sigmoid. `partial_fit` and warm starts continue, `fit` trains
            copies that start from the weights of the model but for its last layer.

        Raises
        ------
        ValueError
            If nothing tells which pixels the model takes, a threshold or calibrator would have to be tuned, `strategy`
            is "independent", or `estimator` is a search.
        NetworkError
            If the model does not end so, or Keras cannot make it again from its configuration.
        FileNotFoundError, SavedFileError
            If the file cannot be read.

        See Also
        --------
        CNNClassifier.from_keras : For classes that exclude each other.

        Examples
        --------
        >>> import keras
        >>> from sk_cifar_ovr import OneVsRestCNNClassifier, load_digit_images
        >>> x = keras.layers.Dense(8)(keras.layers.Flatten()(inputs := keras.Input((8, 8, 1))))
        >>> model = keras.Model(inputs, keras.layers.Dense(2, activation="sigmoid")(x))
        >>> ovr = OneVsRestCNNClassifier.from_keras(model, classes=["even", "above 4"], pixels="0-1")
        >>> ovr.predict(load_digit_images().images[:3]).shape
        (3, 2)
        """
        ovr = cls(**params)
        ovr._validate_params()
        if ovr.strategy != "joint" or is_search(ovr.estimator):
            given = "a search as estimator" if is_search(ovr.estimator) else f"strategy={ovr.strategy!r}"
            raise ValueError(
                f"from_keras makes one network with a head for each class, as strategy='joint' does; got {given}, "
                "which trains a network for each class. To start these from the model, call fit: "
                "OneVsRestCNNClassifier(CNNClassifier(model=model), strategy='independent').fit(X, y)."
            )
        ovr.estimator = (CNNClassifier() if ovr.estimator is None else clone(ovr.estimator)).set_params(model=model)
        if pixels is not None:
            ovr.estimator.set_params(model__pixels=pixels)
        labels = checked_outputs(classes)
        order = np.arange(len(labels)) if multilabel else np.argsort(labels)
        images = LabelledImages(np.zeros((1, 1)), np.zeros((1, len(labels)), "int8"), labels[order])
        rules = threshold_rules(ovr.threshold, images)
        if ovr.calibration is not None or any(map(is_tuned, rules)):
            raise ValueError(
                f"threshold={ovr.threshold!r}, calibration={ovr.calibration!r}: tuning needs images, and from_keras "
                "has none. Give numbers, or fit."
            )
        base = task_estimator(ovr)
        fitted = joint_from_keras(base, len(labels), order)
        for name in LEARNT:
            if hasattr(fitted.estimators[0], name):
                setattr(ovr, name, getattr(fitted.estimators[0], name))
        ovr._set_fitted(fitted, images.classes, multilabel, untuned(rules))
        return ovr

    def _set_fitted(self, fitted, classes, multilabel, tuned):
        self.estimators_, self.joint_network_, self.searches_ = fitted.estimators, fitted.joint, fitted.searches
        self.classes_, self.multilabel_ = classes, multilabel
        self.calibrators_, self.promises_ = tuned.calibrators, tuned.promises
        self.thresholds_: Any = tuned.thresholds
        self.history_ = fitted.history()

    def _training_settings(self, *, partial=False):
        base = task_estimator(self, partial=partial)
        return inner_classifier(base), not is_search(base)

    def _fit_images(self, images, mode):
        given = task_estimator(self, partial=mode.partial)
        base = self._with_choices(given, images, mode)
        check_search_groups(base, images)
        earlier = self._fitted_tasks() if mode.continues else None
        rules = threshold_rules(self.threshold, images)
        if mode.partial or mode.continues:
            refuse_tuning(rules, self.threshold, self.calibration)
        tuning = cross_fitting(rules, self.calibration, self.cv, images)
        constant = constant_tasks(images, base, mode)
        samplers = task_samplers(self.sampler, self.strategy, images)
        check_resampling(samplers, images, np.arange(len(images.y)), ~constant)
        if tuning is not None:
            for train, _ in tuning.folds:
                check_resampling(samplers, images, train, ~tuning.rare)
        class_weight = class_weight_by_task(self.class_weight, images)
        settings = TaskSettings(base, self.strategy, class_weight, self.n_jobs, samplers).plain_for(constant)
        inner = inner_classifier(base)
        n_epochs = sum(mode.epochs(inner))
        n_shown = len(images.y) * (1 if self.strategy == "joint" else len(rules))
        n_shown += 0 if tuning is None else tuning.n_trained(self.strategy)
        with Progress(n_shown * n_epochs, n_epochs, self.verbose or inner.verbose) as progress:
            progress.note("" if is_search(base) else describe_choices(given, base, len(images.y)))
            tuned = untuned(rules) if tuning is None else tuning.fit(settings, images, progress)
            fitted = settings.fit(images, mode, progress, earlier)
        warn_without_validation(inner, fitted, images)
        for estimator in fitted.estimators:
            for name in LEARNT:
                if hasattr(self, name):
                    setattr(estimator, name, getattr(self, name))
        self._set_fitted(fitted, images.classes, images.multilabel, tuned)
        self._held_out = fitted.held_out(images)
        if not is_search(base):
            set_choices(self, base)
        return self

    def _with_choices(self, base, images, mode):
        """The estimator of the tasks with numbers in place of "auto"; a search chooses in each of its fits."""
        if is_search(base):
            return base
        n_networks = 1 if self.strategy == "joint" else images.binary_labels.shape[1]
        earlier = self if mode.continues else None
        return with_choices(base, images, n_networks=n_networks, earlier=earlier, partial=mode.partial)

    def _fitted_tasks(self) -> FittedTasks:
        """The tasks as the last fit left them."""
        if (self.joint_network_ is None) != (self.strategy == "independent") and len(self.estimators_) > 1:
            raise ValueError(f"strategy={self.strategy!r} is not that of the last fit: fit a clone instead.")
        return FittedTasks(self.estimators_, self.joint_network_)

    def _outputs(self, X) -> np.ndarray:
        """Probabilities of the rest and of the class, calibrated if asked for, (n, len(estimators_), 2)."""
        check_is_fitted(self)
        first = self.estimators_[0]
        X = images_like_fitted(self, X, self.image_shape_, expected_scale(first.model, first.pixel_scale_))
        outputs = FittedTasks(self.estimators_, self.joint_network_).outputs(X)
        if self.calibrators_ is None:
            return outputs
        positive = calibrated(self.calibrators_, log_odds(outputs))
        return np.stack([1 - positive, positive], axis=-1)

    def decision_function(self, X):
        """Scores of the tasks: the log-odds of each class against the rest, calibrated if `calibration` is set.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows, on the same scale as in `fit`.

        Returns
        -------
        ndarray of float, shape (n, n_classes), or (n,) if two classes share one task
        """
        scores = log_odds(self._outputs(X))
        return scores[:, 0] if self._is_binary() else scores

    def predict_proba(self, X):
        """Probabilities of the classes in their own tasks; with one label an image, each row is divided by its sum.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `decision_function`.

        Returns
        -------
        ndarray of float, shape (n, n_classes)
        """
        outputs = self._outputs(X)
        if self._is_binary():
            return outputs[:, 0]
        positive = outputs[..., 1]
        if self.multilabel_:
            return positive
        total = positive.sum(axis=1, keepdims=True)
        return np.divide(positive, total, out=np.full_like(positive, 1 / positive.shape[1]), where=total > 0)

    def predict(self, X):
        """Predicted labels.

        With one label an image, this is the argmax of `decision_function`, and thresholds are ignored. Scores of
        different tasks are comparable as far as their probabilities are calibrated, see `calibration`. After a fit on
        a label matrix, it is `predict_ovr` as integers.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `decision_function`.

        Returns
        -------
        ndarray of shape (n,), or of int, shape (n, n_classes)
        """
        check_is_fitted(self)
        if self.multilabel_:
            return self.predict_ovr(X).astype(int)
        scores = self.decision_function(X)
        index = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[index]

    def predict_ovr(self, X):
        """Prediction of each task: whether the probability of the class reaches its threshold.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `decision_function`.

        Returns
        -------
        ndarray of bool, shape (n, n_classes)
            A row may be True for several classes or none. If two classes share one task, the first column is the
            opposite of the second.
        """
        outputs = self._outputs(X)
        # As in tuning: float32 rounds probabilities near 1 to 1, but not their log-odds.
        positive = outputs[..., 1]
        if self.calibrators_ is None:
            positive = calibrated([None] * len(self.estimators_), log_odds(outputs))
        answers = positive >= self.thresholds_
        return np.hstack([~answers, answers]) if self._is_binary() else answers

    def score(self, X, y, sample_weight=None):
        """Accuracy of `predict`; of a label matrix, the share of images whose known labels are all predicted.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `decision_function`.
        y : array-like of shape (n,) or (n, n_classes)
            True labels. Images of which no label is known do not count. After a fit on a label matrix, the columns of
            a data frame are matched with `classes_` by name.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the images.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If y is of another kind than in `fit` or has other columns, or no label is known for an image that has
            weight.
        """
        check_is_fitted(self)
        return (
            subset_accuracy(y, self.predict(X), self.classes_, sample_weight)
            if self.multilabel_
            else super().score(X, y, sample_weight)
        )

    def _is_binary(self) -> bool:
        """Whether two classes share one task."""
        return len(self.estimators_) == 1

    @property
    def image_shape_(self) -> tuple[int, ...]:
        """Shape of one image as the networks take it."""
        check_is_fitted(self)
        return self.estimators_[0].image_shape_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimators_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
