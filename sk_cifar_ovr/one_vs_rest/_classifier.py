"""`OneVsRestCNNClassifier`: one task a class, "class k or the rest"."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._shared.progress import Progress
from .._shared.sklearn_internals import StrOptions
from ..classifier import BaseImageClassifier, CNNClassifier, expected_scale, images_like_fitted
from ._calibration import METHODS, calibrated, log_odds
from ._class_weights import class_weight_by_task
from ._cross_fitting import cross_fitting, refuse_tuning
from ._searches import BaseSearchCV, inner_classifier, is_search, task_estimator
from ._task_samplers import task_samplers
from ._task_settings import TaskSettings
from ._tasks import FittedTasks
from ._thresholds import fixed_thresholds, threshold_by_task


class OneVsRestCNNClassifier(BaseImageClassifier):
    """K binary tasks, "class k or the rest", solved by K networks or by K heads on one trunk.

    Parameters
    ----------
    estimator : CNNClassifier, a search over one, or None, default=None
        Settings of each task; None is ``CNNClassifier()``. A `class_weight` dict on it has the keys 0 (the rest) and
        1 (the class). With a search such as `GridSearchCV`, over a `CNNClassifier` alone or behind samplers in a
        Pipeline, each "independent" task chooses its own settings.
    strategy : {"joint", "independent"}, default="joint"
        "joint" trains one network with K heads, which share all layers but the last. "independent" trains K separate
        networks.
    threshold : None, {"f1", "balanced_accuracy"}, callable, float, array-like of shape (K,) or dict, default=None
        Minimum probability of the class at which `predict_ovr` gives True. None is 0.5; a dict by label leaves
        missing classes at 0.5. A metric, or a callable ``(y_true, y_pred) -> float``, is maximised for each class on
        out-of-fold probabilities (the mean of the best thresholds with each fold left out); the networks are then
        fitted again on all images.
    calibration : {"sigmoid", "isotonic", "temperature"} or None, default=None
        Calibrator of scikit-learn, one a task, fitted on out-of-fold log-odds. Thresholds are then tuned on
        calibrated probabilities and compared with them. It needs no more fits than a tuned threshold does.
    cv : int, splitter, iterable or None, default=None
        Folds in which a metric or a calibrator is tuned; None is 5-fold, stratified.
    class_weight : dict or None, default=None
        Weights by class label, for the task of that class: a number for its positives, ``"balanced"``, or a dict of
        0 and 1. Two classes share one task: numbers weight one class each.
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
        Class labels.
    estimators_ : list of CNNClassifier
        The fitted binary classifiers: one a class, or a single one for two classes. With "joint" they share the
        arrays of the trunk.
    joint_network_ : object or None
        With "joint", the trunk with its K heads as plain data.
    thresholds_ : ndarray of shape (len(`estimators_`),)
        Thresholds of `predict_ovr`.
    searches_ : list of fitted searches, or None
        One a task, if `estimator` is a search.
    calibrators_ : list of scikit-learn calibrators, or None
        One a task; the probabilities of `estimators_` themselves are not calibrated.
    history_ : dict of lists of float
        ``loss`` and, if images were held out, ``val_loss`` of each epoch: means over the tasks.
    image_shape_ : tuple of int
        Shape of one image as the networks take it.
    n_features_in_ : int
        Number of columns of flat rows; height * width * channels of images.
    feature_names_in_ : ndarray of str
        Names of the columns, if X had names.

    See Also
    --------
    CNNClassifier : One network for all classes.
    ovr_report : Precision, recall and F1 of each task.
    sklearn.multiclass.OneVsRestClassifier : Takes any binary classifier, a `CNNClassifier` too.

    Notes
    -----
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

    Examples
    --------
    >>> from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images
    >>> digits = load_digit_images()
    >>> ovr = OneVsRestCNNClassifier(CNNClassifier(epochs=2, random_state=0))
    >>> ovr.fit(digits.images[:512], digits.target[:512]).predict_ovr(digits.images[:3]).shape
    (3, 10)
    >>> ovr.predict_proba(digits.images[:3]).sum(axis=1).round(3)
    array([1., 1., 1.], dtype=float32)
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

    def _training_settings(self, *, partial=False):
        base = task_estimator(self, partial=partial)
        return inner_classifier(base), not is_search(base)

    def _fit_images(self, images, mode):
        base = task_estimator(self, partial=mode.partial)
        earlier = self._fitted_tasks() if mode.continues else None
        if mode.partial or mode.continues:
            refuse_tuning(self.threshold, self.calibration)
        tuning = cross_fitting(self.threshold, self.calibration, self.cv, images)
        n_tasks = 1 if len(images.classes) == 2 else len(images.classes)
        calibrators, thresholds = None, None
        if tuning is None or tuning.metric is None:
            thresholds = fixed_thresholds(threshold_by_task(self.threshold, images.classes), n_tasks)
        parts = [np.arange(len(images.y)), *(train for train, _ in (tuning.folds if tuning else []))]
        samplers = task_samplers(self.sampler, self.strategy, images, parts)
        class_weight = class_weight_by_task(self.class_weight, images.classes)
        settings = TaskSettings(base, self.strategy, class_weight, self.n_jobs, samplers)
        inner = inner_classifier(base)
        n_epochs = sum(mode.epochs(inner))
        n_networks = 1 if self.strategy == "joint" else n_tasks
        n_shown = sum(map(len, parts)) * n_networks * n_epochs
        with Progress(n_shown, n_epochs, self.verbose or inner.verbose) as progress:
            if tuning is not None:
                calibrators, tuned = tuning.fit(settings, images, progress)
                thresholds = thresholds if tuned is None else tuned
            fitted = settings.fit(images, mode, progress, earlier)
        for estimator in fitted.estimators:
            estimator.n_features_in_ = self.n_features_in_
            if hasattr(self, "feature_names_in_"):
                estimator.feature_names_in_ = self.feature_names_in_
        self.estimators_, self.joint_network_, self.searches_ = fitted.estimators, fitted.joint, fitted.searches
        self.classes_ = images.classes
        self.calibrators_ = calibrators
        self.thresholds_: Any = thresholds
        self.history_ = fitted.history()
        return self

    def _fitted_tasks(self) -> FittedTasks:
        """The tasks as the last fit left them."""
        if (self.joint_network_ is None) != (self.strategy == "independent") and len(self.classes_) > 2:
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
        ndarray of float, shape (n, n_classes), or (n,) with two classes
        """
        scores = log_odds(self._outputs(X))
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X):
        """Probabilities of the classes in their own tasks, each row divided by its sum.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `decision_function`.

        Returns
        -------
        ndarray of float, shape (n, n_classes)
        """
        outputs = self._outputs(X)
        if len(self.classes_) == 2:
            return outputs[:, 0]
        positive = outputs[..., 1]
        total = positive.sum(axis=1, keepdims=True)
        return np.divide(positive, total, out=np.full_like(positive, 1 / positive.shape[1]), where=total > 0)

    def predict(self, X):
        """Class with the highest score: the argmax of `decision_function`. Thresholds are ignored.

        Scores of different tasks are comparable as far as their probabilities are calibrated, see `calibration`.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `decision_function`.

        Returns
        -------
        ndarray of shape (n,)
        """
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
            A row may be True for several classes or none. With two classes the first column is the opposite of the
            second.
        """
        answers = self._outputs(X)[..., 1] >= self.thresholds_
        return np.hstack([~answers, answers]) if len(self.classes_) == 2 else answers

    @property
    def image_shape_(self) -> tuple[int, ...]:
        """Shape of one image as the networks take it."""
        check_is_fitted(self)
        return self.estimators_[0].image_shape_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimators_")
