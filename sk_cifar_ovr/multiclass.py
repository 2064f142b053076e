"""`OneVsRestCNNClassifier`: K "class k versus others" problems."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ._fitting import checked_classes, checked_weights
from ._problems import FittedProblems, Problems
from ._progress import Progress
from ._rows import as_rows, rows_like_fitted
from ._sklearn import StrOptions, fit_context
from ._thresholds import METRICS, fixed_thresholds, tuned_threshold
from .classifier import CNNClassifier


class OneVsRestCNNClassifier(ClassifierMixin, BaseEstimator):
    """K binary problems, "class k versus others", answered by K networks or by K heads on one trunk.

    Parameters
    ----------
    estimator : CNNClassifier or None, default=None
        Settings of each binary problem; None is ``CNNClassifier()``. A `class_weight` dict on it speaks of 0
        (others) and 1 (the class).
    strategy : {"joint", "independent"}, default="joint"
        "joint" trains one shared trunk with K heads in one program; "independent" trains K separate networks.
    threshold : None, {"f1", "balanced_accuracy"}, callable, float or array-like of shape (K,), default=None
        Least positive probability at which `predict_ovr` answers yes. None is 0.5. A metric, or a callable
        ``(y_true, y_pred) -> float``, is tuned for each class on out-of-fold probabilities, after which the
        networks are fitted again on all rows.
    cv : int, splitter, iterable or None, default=None
        Folds in which a metric is tuned; None is 5-fold, stratified.
    class_weight : dict or None, default=None
        By class label, the weights of that label's own problem: a number for its positives, ``"balanced"``,
        or a dict of 0 and 1. Two classes share one problem: numbers weigh one class each.
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
    history_ : dict of lists of float
        Loss of each epoch, the mean over the problems.
    image_shape_ : tuple of int
        Shape of one row as the networks take it.
    n_features_in_ : int
        Columns of flat rows; height * width * channels of images.

    See Also
    --------
    sklearn.multiclass.OneVsRestClassifier : Takes any binary classifier, a `CNNClassifier` too.

    Examples
    --------
    >>> from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images
    >>> digits = load_digit_images()
    >>> ovr = OneVsRestCNNClassifier(CNNClassifier(epochs=2, random_state=0))
    >>> ovr.fit(digits.images[:512], digits.target[:512]).predict_ovr(digits.images[:3]).shape
    (3, 10)
    """

    _parameter_constraints: dict = {
        "estimator": [CNNClassifier, None],
        "strategy": [StrOptions({"joint", "independent"})],
        "threshold": "no_validation",
        "cv": ["cv_object"],
        "class_weight": [dict, None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        strategy="joint",
        threshold=None,
        cv=None,
        class_weight=None,
        n_jobs=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.strategy = strategy
        self.threshold = threshold
        self.cv = cv
        self.class_weight = class_weight
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
        NonFiniteLossError
            If the loss of a problem becomes NaN or infinite.
        """
        X, y = as_rows(self, X, y, reset=True)
        check_classification_targets(y)
        classes = checked_classes(y, None, type(self).__name__)
        sample_weight = checked_weights(sample_weight, X)
        n_problems = 1 if len(classes) == 2 else len(classes)
        metric = self._threshold_metric()
        folds = [] if metric is None else self._folds(X, y, classes)
        thresholds = fixed_thresholds(self.threshold, n_problems) if metric is None else None
        base = clone(self.estimator) if self.estimator is not None else CNNClassifier()
        base._validate_params()
        problems = Problems(base, self.strategy, self._weights_by_problem(classes), self.n_jobs)
        with self._progress(base, folds, len(X), n_problems) as progress:
            if metric is not None:
                scores = np.empty((len(X), n_problems))
                for i, (train, test) in enumerate(folds, start=1):
                    progress.prefix = f"fold {i}/{len(folds)}, "
                    weights = None if sample_weight is None else sample_weight[train]
                    fitted = problems.fit(X[train], y[train], classes, weights, progress)
                    scores[test] = fitted.outputs(X[test])[..., 1]
                progress.prefix = ""
                thresholds = self._tuned(y, classes, scores, metric, sample_weight)
            fitted = problems.fit(X, y, classes, sample_weight, progress)
        self.estimators_, self._joint = fitted.estimators, fitted.joint
        for estimator in self.estimators_:
            estimator.n_features_in_ = self.n_features_in_
            if hasattr(self, "feature_names_in_"):
                estimator.feature_names_in_ = self.feature_names_in_
        self.classes_ = classes
        self.thresholds_: Any = thresholds
        self.history_ = _mean_history([estimator.history_ for estimator in self.estimators_])
        return self

    def _threshold_metric(self):
        if callable(self.threshold):
            return self.threshold
        if isinstance(self.threshold, str):
            if self.threshold not in METRICS:
                raise ValueError(f"threshold={self.threshold!r}: the metrics it knows by name are {METRICS}.")
            return self.threshold
        return None

    def _folds(self, X, y, classes):
        folds = list(check_cv(5 if self.cv is None else self.cv, y, classifier=True).split(X, y))
        for train, test in folds:
            for rows, part in ((train, "training"), (test, "test")):
                missing = np.setdiff1d(classes, y[rows])
                if len(missing):
                    raise ValueError(
                        f"Class {missing[0]!r} has no rows in the {part} part of a fold, where its threshold metric "
                        "would be undefined: use fewer folds (cv) or a fixed threshold."
                    )
        if not np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(y))):
            raise ValueError("cv must test every row exactly once, as KFold does, for thresholds to be tuned.")
        return folds

    def _tuned(self, y, classes, scores, metric, sample_weight):
        positives = classes[1:] if len(classes) == 2 else classes
        return np.array(
            [
                tuned_threshold((y == label).astype(int), scores[:, k], metric, sample_weight)
                for k, label in enumerate(positives)
            ]
        )

    def _weights_by_problem(self, classes):
        """The class weights of each problem; None leaves those of the estimator."""
        if self.class_weight is None:
            return None
        unknown = [label for label in self.class_weight if label not in classes]
        if unknown:
            raise ValueError(f"class_weight has labels that no problem has: {unknown}; the labels are {classes}.")
        given = [self.class_weight.get(label) for label in classes]
        if len(classes) == 2:
            return [_weights_of_two(*given)]
        return [w if w is None or isinstance(w, (str, dict)) else {0: 1.0, 1: float(w)} for w in given]

    def _progress(self, base, folds, n_rows, n_problems) -> Progress:
        rows = n_rows + sum(len(train) for train, _ in folds)
        networks = 1 if self.strategy == "joint" else n_problems
        return Progress(rows * networks * base.epochs, base.epochs, self.verbose or base.verbose)

    def _outputs(self, X) -> np.ndarray:
        """Probabilities of "others" and "the class", (n, len(estimators_), 2)."""
        check_is_fitted(self)
        X = rows_like_fitted(self, X, self.image_shape_)
        return FittedProblems(self.estimators_, self._joint).outputs(X)

    def decision_function(self, X):
        """Raw scores of the problems: the log-odds of each positive answer.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows.

        Returns
        -------
        ndarray of float, shape (n, n_classes), or (n,) with two classes
        """
        outputs = self._outputs(X)
        tiny = np.finfo(outputs.dtype).tiny
        log = np.log(np.maximum(outputs, tiny))
        scores = log[..., 1] - log[..., 0]
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
        """Class whose problem has the highest score.

        Thresholds play no part here: see `predict_ovr`.

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


def _weights_of_two(negative, positive):
    """Class weights of the one problem of two classes."""
    if negative is None and isinstance(positive, (str, dict)):
        return positive
    if isinstance(negative, (str, dict)) or isinstance(positive, (str, dict)):
        raise ValueError(
            "Two classes share one problem, that of the second: class_weight takes a number for each, or "
            f"'balanced' or a dict of 0 and 1 for the second alone; got {negative!r} and {positive!r}."
        )
    return {0: 1.0 if negative is None else float(negative), 1: 1.0 if positive is None else float(positive)}


def _mean_history(histories):
    """Mean over the problems of each epoch; those that stopped early are left out of later epochs."""
    names = {name: max(len(history[name]) for history in histories) for name in histories[0]}
    return {
        name: [float(np.mean([h[name][i] for h in histories if i < len(h[name])])) for i in range(length)]
        for name, length in names.items()
    }
