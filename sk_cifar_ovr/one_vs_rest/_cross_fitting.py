"""Cross-fitting: thresholds and calibrators from scores of images that the scoring networks never saw."""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from scipy.special import expit

from .._shared.label_matrices import UNKNOWN
from .._shared.progress import Progress
from .._shared.stratification import Split, stratified_folds
from ..classifier import FitMode, LabelledImages
from ..exceptions import RareClassWarning
from ._calibration import calibrated, fitted_calibrator, log_odds
from ._promises import Promise, warn_of_broken_promises
from ._task_settings import TaskSettings
from ._threshold_rules import FixedThreshold, Rule, is_tuned, threshold_without_tuning


@dataclass(frozen=True)
class Tuned:
    """Thresholds and calibrators of K tasks.

    Attributes
    ----------
    thresholds : ndarray of shape (K,)
    calibrators : list of (calibrator or None), or None
    promises : list of dict, or None
        Attribute `promises_` of `OneVsRestCNNClassifier`.
    """

    thresholds: np.ndarray
    calibrators: list | None = None
    promises: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class CrossFitting:
    """What is tuned out of fold.

    Attributes
    ----------
    rules : list of Rule
        Of the thresholds.
    calibration : {"sigmoid", "isotonic", "temperature"} or None
    folds : list of (train, test)
        Empty if no task can be tuned.
    tuned : ndarray of bool, shape (K,)
        Tasks that are tuned.
    rare : ndarray of bool, shape (K,)
        Tasks that lack images of a label in some fold.
    """

    rules: list[Rule]
    calibration: str | None
    folds: list[Split]
    tuned: np.ndarray
    rare: np.ndarray

    def fit(self, settings: TaskSettings, images: LabelledImages, progress: Progress) -> Tuned:
        """Train without each fold in turn, score that fold, and tune on all scores."""
        labels, weights = images.binary_labels.astype(int), images.sample_weight
        scores = self._scores(settings, images, progress)
        calibrators = None if self.calibration is None else self._calibrators(labels, scores, weights)
        probabilities = expit(scores) if calibrators is None else calibrated(calibrators, scores)
        thresholds, promises = [], []
        for k, (rule, label) in enumerate(zip(self.rules, images.task_classes.tolist(), strict=True)):
            threshold, reached = threshold_without_tuning(rule), np.nan
            if self.tuned[k] and not isinstance(rule, FixedThreshold):
                truth, of_task, folds, of_images = self._known(k, labels, probabilities, weights)
                threshold = rule.tuned(truth, of_task, folds, of_images)
                if isinstance(rule, Promise):
                    reached = rule.reached(truth, of_task, threshold, of_images)
            thresholds.append(threshold)
            if isinstance(rule, Promise):
                promises.append(rule.record(label, reached))
        warn_of_broken_promises(promises)
        return Tuned(np.array(thresholds), calibrators, promises or None)

    def _scores(self, settings: TaskSettings, images: LabelledImages, progress: Progress) -> np.ndarray:
        """Out-of-fold log-odds, (n, K); 0 for tasks that are not trained."""
        scores = np.zeros(images.binary_labels.shape)
        for i, (train, test) in enumerate(self.folds, start=1):
            progress.prefix = f"fold {i}/{len(self.folds)}, "
            part, fold_settings = images[train], settings.plain_for(self.rare)
            tasks = self._trained(settings.strategy, part)
            if len(tasks) < len(self.rules):
                part, fold_settings = part.of_tasks(tasks), fold_settings.of_tasks(tasks)
            fitted = fold_settings.fit(part, FitMode(), progress)
            scores[np.ix_(test, tasks)] = log_odds(fitted.outputs(images.X[test]))
        progress.prefix = ""
        return scores

    def _calibrators(self, labels, scores, sample_weight) -> list[Any]:
        calibrators: list[Any] = [None] * len(self.rules)
        for k in np.flatnonzero(self.tuned).tolist():
            truth, of_task, _, weights = self._known(k, labels, scores, sample_weight)
            calibrators[k] = fitted_calibrator(str(self.calibration), truth, of_task, weights)
        return calibrators

    def n_trained(self, strategy: str) -> int:
        """Number of images that all fold trainings take, counted once for each network."""
        n_networks = 1 if strategy == "joint" else int(self.tuned.sum())
        return n_networks * sum(len(train) for train, _ in self.folds)

    def _trained(self, strategy: str, part: LabelledImages) -> np.ndarray:
        """Indices of the tasks that are trained in a fold: all heads on one trunk, but only the networks needed."""
        if strategy == "independent":
            return np.flatnonzero(self.tuned)
        return np.flatnonzero(~self.rare | part.label_counts().any(axis=1))

    def _known(self, k: int, labels, values, sample_weight):
        """Labels, values, folds and weights of a task, for the images with weight whose label in it is known."""
        known = labels[:, k] != UNKNOWN
        if sample_weight is not None:
            known &= sample_weight > 0
        if known.all():
            return labels[:, k], values[:, k], self.folds, sample_weight
        position = np.cumsum(known) - 1
        folds = [(position[train[known[train]]], position[test[known[test]]]) for train, test in self.folds]
        return labels[known, k], values[known, k], folds, None if sample_weight is None else sample_weight[known]


def untuned(rules: list[Rule]) -> Tuned:
    """The thresholds of rules that take no tuning."""
    return Tuned(np.array([threshold_without_tuning(rule) for rule in rules]))


def cross_fitting(rules: list[Rule], calibration, cv, images: LabelledImages) -> CrossFitting | None:
    """Check all that can be checked before a network is trained.

    Parameters
    ----------
    rules : list of Rule
        Of the thresholds.
    calibration, cv
        Parameters of `OneVsRestCNNClassifier`.
    images : LabelledImages

    Returns
    -------
    CrossFitting or None
        None if nothing is tuned.

    Raises
    ------
    ValueError
        If the folds do not test every image exactly once, or cannot keep groups together.

    Warns
    -----
    RareClassWarning
        If a task lacks images of a label in some fold.
    """
    wanted = np.array([calibration is not None or is_tuned(rule) for rule in rules])
    if not wanted.any():
        return None
    folds = stratified_folds(images.X, images.y, cv, images.groups)
    if not np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(images.y))):
        raise ValueError("cv must test every image exactly once, as KFold does, for something to be tuned out of fold.")
    rare = _rare_tasks(images, folds)
    if (wanted & rare).any():
        _warn_of_rare_classes(images, np.flatnonzero(wanted & rare), len(folds), cv)
    tuned = wanted & ~rare
    return CrossFitting(rules, calibration, folds if tuned.any() else [], tuned, rare)


def _rare_tasks(images: LabelledImages, folds: list[Split]) -> np.ndarray:
    """Whether a training or test part of a fold has no image with weight of one of the labels, for each task."""
    labels, has_weight = images.binary_labels, images.has_weight
    rare = np.zeros(labels.shape[1], bool)
    for index in (index for fold in folds for index in fold):
        part = labels[index[has_weight[index]]]
        rare |= ~((part == 0).any(axis=0) & (part == 1).any(axis=0))
    return rare


def _warn_of_rare_classes(images: LabelledImages, tasks: np.ndarray, n_folds: int, cv) -> None:
    """One warning of classes with too few images or groups for the folds, and of those spread unevenly over them."""
    names, what = images.task_classes[tasks].tolist(), "image" if images.groups is None else "group"
    counts = (images.label_counts() if images.groups is None else _group_counts(images, images.groups))[tasks].tolist()
    few: list[str] = []
    uneven: list[str] = []
    for label, (n_without, n_with) in zip(names, counts, strict=True):
        count, kind = (n_with, "with") if n_with <= n_without else (n_without, "without")
        described = f"{label!r} ({count} {what}{'' if count == 1 else 's'} {kind} it)"
        (few if count < n_folds else uneven).append(described)
    messages = []
    if few:
        messages.append(
            f"Too few {what}s to tune thresholds or calibration for {', '.join(few)}: {n_folds} folds take at least "
            f"{n_folds} {what}s of both kinds, so add {what}s, or use fewer folds (cv)."
        )
    if uneven:
        is_number = cv is None or isinstance(cv, Integral)
        advice = "use fewer folds (cv)" if is_number else "shuffle the splitter, or pass the number of folds as cv"
        messages.append(
            f"The folds are too uneven to tune thresholds or calibration for {', '.join(uneven)}, although there are "
            f"{what}s enough: {advice}."
        )
    warnings.warn(
        f"{' '.join(messages)} These classes keep the threshold 0.5, or the number given for them, and get no "
        "calibrator: every fold has to train on and test an image with the class and one without it.",
        RareClassWarning,
        stacklevel=2,
    )


def _group_counts(images: LabelledImages, groups: np.ndarray) -> np.ndarray:
    """Number of groups in which an image with weight has label 0 and label 1 in each binary task, (n_tasks, 2)."""
    labels, groups = images.binary_labels[images.has_weight], groups[images.has_weight]
    return np.array([[len(np.unique(groups[column == label])) for label in (0, 1)] for column in labels.T])


def refuse_tuning(rules: list[Rule], threshold, calibration) -> None:
    """Refuse to tune in a training that continues.

    Raises
    ------
    ValueError
        The networks that never saw a fold would have to continue as well, and they are not kept.
    """
    if calibration is not None or any(map(is_tuned, rules)):
        raise ValueError(
            "partial_fit and warm_start continue with networks that have seen all earlier images, and tuning needs "
            f"networks that have not: threshold={threshold!r}, calibration={calibration!r} take one fit of everything. "
            "Set a fixed threshold and calibration=None, or warm_start=False."
        )
