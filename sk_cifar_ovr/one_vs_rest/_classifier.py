"""`OneVsRestCNNClassifier`: K "class k versus others" problems."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from .._shared.progress import Progress
from .._shared.sklearn_internals import BaseSearchCV, HasMethods, StrOptions, fit_context
from ..classifier import (
    CNNClassifier,
    as_rows,
    check_partial_fit,
    checked_classes,
    checked_weights,
    expected_scale,
    keeps_last_fit,
    rows_like_fitted,
)
from ._calibration import METHODS, calibrated, log_odds
from ._class_weights import check_binary_weights, weights_by_problem
from ._cross_fitting import make_tuning, refuse_tuning
from ._samplers import problem_samplers
from ._searches import check_search, inner_classifier, is_search
from ._tasks import FittedProblems, Problems
from ._thresholds import by_problem, fixed_thresholds


class OneVsRestCNNClassifier(ClassifierMixin, BaseEstimator):
    """K binary problems, "class k versus others", answered by K networks or by K heads on one trunk.

    Parameters
    ----------
    estimator : CNNClassifier, a search over one, or None, default=None
        Settings of each binary problem; None is ``CNNClassifier()``. A `class_weight` dict on it speaks of 0
        (others) and 1 (the class). With a search such as `GridSearchCV`, over a `CNNClassifier` alone or behind
        samplers in a Pipeline, each "independent" problem chooses for itself.
    strategy : {"joint", "independent"}, default="joint"
        "joint" trains one shared trunk with K heads in one program; "independent" trains K separate networks.
    threshold : None, {"f1", "balanced_accuracy"}, callable, float, array-like of shape (K,) or dict, default=None
        Least positive probability at which `predict_ovr` answers yes. None is 0.5, and so is a class that a dict
        by label leaves out. A metric, or a callable
        ``(y_true, y_pred) -> float``, is tuned for each class on out-of-fold probabilities (the mean of the best
        thresholds with each fold left out), after which the networks are fitted again on all rows.
    calibration : {"sigmoid", "isotonic", "temperature"} or None, default=None
        scikit-learn's calibrator, one a problem, fitted on out-of-fold log-odds; thresholds are then tuned on,
        and compared with, calibrated probabilities. It costs no fits beyond those of a tuned threshold.
    cv : int, splitter, iterable or None, default=None
        Folds in which a metric or a calibrator is tuned; None is 5-fold, stratified.
    class_weight : dict or None, default=None
        By class label, the weights of that label's own problem: a number for its positives, ``"balanced"``,
        or a dict of 0 and 1. Two classes share one problem: numbers weigh one class each.
    sampler : sampler of imbalanced-learn, ImageSampler or None, default=None
        Resamples the training rows of each problem on its own, with labels 0 and 1 and `sample_weight` carried
        along; see Notes. "joint" takes samplers that pick images, "independent" also those that make new ones.
    n_jobs : int or None, default=None
        Processes for "independent"; None is one, which trains in this process.
    verbose : int, default=0
        1 shows one progress line for all problems on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    estimators_ : list of CNNClassifier
        The fitted binary classifiers; one where there are two classes, else one a class. Those of "joint"
        share the arrays of the trunk.
    thresholds_ : ndarray of shape (len(`estimators_`),)
        What `predict_ovr` compares positive probabilities with.
    searches_ : list of fitted searches, or None
        One a problem, where `estimator` is a search.
    calibrators_ : list of scikit-learn calibrators, or None
        One a problem; the probabilities of `estimators_` are not calibrated.
    history_ : dict of lists of float
        Loss of each epoch, the mean over the problems.
    image_shape_ : tuple of int
        Shape of one row as the networks take it.
    n_features_in_ : int
        Columns of flat rows; height * width * channels of images.
    feature_names_in_ : ndarray of str
        Only where X had names.

    See Also
    --------
    sklearn.multiclass.OneVsRestClassifier : Takes any binary classifier, a `CNNClassifier` too.

    Notes
    -----
    `sampler` gets no row that is held out: neither one of `validation_fraction`, nor of the fold that thresholds and
    calibrators are tuned on. Images that it picks are not copied. They keep their weights; images that it makes get
    that of the nearest given image on the same side. Heads of "joint" share every batch, so that an image which a
    problem picked three times weighs three there, and none where it was not picked. "balanced" weights are those of
    the resampled rows. `partial_fit` and warm starts resample the rows of each call.

    Examples
    --------
    >>> from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images
    >>> digits = load_digit_images()
    >>> ovr = OneVsRestCNNClassifier(CNNClassifier(epochs=2, random_state=0))
    >>> ovr.fit(digits.images[:512], digits.target[:512]).predict_ovr(digits.images[:3]).shape
    (3, 10)
    """

    _parameter_constraints: dict = {
        "estimator": [CNNClassifier, BaseSearchCV, None],
        "strategy": [StrOptions({"joint", "independent"})],
        "threshold": "no_validation",
        "calibration": [StrOptions(set(METHODS)), None],
        "cv": ["cv_object"],
        "class_weight": [dict, None],
        "sampler": [HasMethods(["fit_resample"]), None],
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

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Train the K problems.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows of any numeric dtype; pixels count 0-255.
        y : array-like of shape (n,)
            Class labels.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or `sample_weight` is invalid; says what to do.
        ResamplingError
            If `sampler` cannot resample a problem; names the class.
        NonFiniteLossError
            If the loss of a problem becomes NaN or infinite.
        """
        base = self._base()
        warm = not is_search(base) and base.warm_start and hasattr(self, "estimators_")
        return self._fit(base, X, y, sample_weight, earlier=self._earlier() if warm else None)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train all problems for one epoch, going on from where the last call ended.

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
            As in `CNNClassifier.partial_fit`, and if something is to be tuned out of fold.
        NonFiniteLossError
            If the loss of a problem becomes NaN or infinite; all are left as they were.
        """
        base = self._base(partial=True)
        going_on = hasattr(self, "estimators_")
        check_partial_fit(self, classes, going_on, early_stopping=base.early_stopping)
        earlier = self._earlier() if going_on else None
        return self._fit(base, X, y, sample_weight, classes=classes, earlier=earlier, partial=True)

    def _base(self, *, partial=False):
        base = clone(self.estimator) if self.estimator is not None else CNNClassifier()
        check_search(base, self, partial=partial)
        inner_classifier(base)._validate_params()
        check_binary_weights(inner_classifier(base).class_weight)
        return base

    def _earlier(self) -> FittedProblems:
        """The problems as the last fit left them."""
        if (self._joint is None) != (self.strategy == "independent") and len(self.classes_) > 2:
            raise ValueError(f"strategy={self.strategy!r} is not that of the last fit: fit a clone instead.")
        return FittedProblems(self.estimators_, self._joint)

    @keeps_last_fit
    def _fit(self, base, X, y, sample_weight, *, classes=None, earlier=None, partial=False):
        X, y = as_rows(self, X, y, reset=earlier is None)
        check_classification_targets(y)
        classes = checked_classes(y, classes if earlier is None else self.classes_, type(self).__name__)
        sample_weight = checked_weights(sample_weight, X)
        n_problems = 1 if len(classes) == 2 else len(classes)
        if partial or earlier is not None:
            refuse_tuning(self.threshold, self.calibration)
        tuning = make_tuning(self.threshold, self.calibration, self.cv, X, y, classes, sample_weight)
        calibrators, thresholds = None, None
        if tuning is None or tuning.metric is None:
            thresholds = fixed_thresholds(by_problem(self.threshold, classes), n_problems)
        parts = [np.arange(len(y)), *(train for train, _ in (tuning.folds if tuning else []))]
        samplers = problem_samplers(self.sampler, self.strategy, y, classes, sample_weight, parts)
        class_weights = weights_by_problem(self.class_weight, classes)
        problems = Problems(base, self.strategy, class_weights, self.n_jobs, samplers)
        how = {"epochs": 1, "keep_optimizer": True} if partial else {}
        n_rows = sum(map(len, parts))
        inner = inner_classifier(base)
        n_epochs = sum(inner._planned_epochs(how.get("epochs"), earlier is not None))
        with self._progress(n_epochs, n_rows, n_problems, inner.verbose) as progress:
            if tuning is not None:
                calibrators, tuned = tuning.fit(problems, X, y, classes, sample_weight, progress)
                thresholds = thresholds if tuned is None else tuned
            fitted = problems.fit(X, y, classes, sample_weight, progress, earlier=earlier, **how)
        self.estimators_, self._joint, self.searches_ = fitted.estimators, fitted.joint, fitted.searches
        for estimator in self.estimators_:
            estimator.n_features_in_ = self.n_features_in_
            if hasattr(self, "feature_names_in_"):
                estimator.feature_names_in_ = self.feature_names_in_
        self.classes_: Any = classes
        self.calibrators_ = calibrators
        self.thresholds_: Any = thresholds
        self.history_ = fitted.history()
        return self

    def _progress(self, epochs, n_rows, n_problems, verbose) -> Progress:
        networks = 1 if self.strategy == "joint" else n_problems
        return Progress(n_rows * networks * epochs, epochs, self.verbose or verbose)

    def _outputs(self, X) -> np.ndarray:
        """Probabilities of "others" and "the class", calibrated if asked for, (n, len(estimators_), 2)."""
        check_is_fitted(self)
        first = self.estimators_[0]
        X = rows_like_fitted(self, X, self.image_shape_, expected_scale(first.model, first.pixel_scale_))
        outputs = FittedProblems(self.estimators_, self._joint).outputs(X)
        if self.calibrators_ is None:
            return outputs
        positive = calibrated(self.calibrators_, log_odds(outputs))
        return np.stack([1 - positive, positive], axis=-1)

    def decision_function(self, X):
        """Scores of the problems: the log-odds of each positive answer, calibrated where `calibration` says so.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows.

        Returns
        -------
        ndarray of float, shape (n, n_classes), or (n,) with two classes
        """
        scores = log_odds(self._outputs(X))
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X):
        """Positive probabilities of the problems, each row divided by its sum.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows.

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
        """Class whose problem has the highest score: the argmax of `decision_function`.

        Thresholds play no part here: see `predict_ovr`. Scores of different problems are comparable as far as
        their probabilities are true, which `calibration` is for.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows.

        Returns
        -------
        ndarray of shape (n,)
        """
        scores = self.decision_function(X)
        index = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[index]

    def predict_ovr(self, X):
        """Answer each problem on its own: is the positive probability at least its threshold?

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows.

        Returns
        -------
        ndarray of bool, shape (n, n_classes)
            A row may have several yes or none. With two classes the first column is the second's opposite.
        """
        answers = self._outputs(X)[..., 1] >= self.thresholds_
        return np.hstack([~answers, answers]) if len(self.classes_) == 2 else answers

    @property
    def image_shape_(self) -> tuple[int, ...]:
        """Shape of one row as the networks take it."""
        check_is_fitted(self)
        return self.estimators_[0].image_shape_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimators_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
