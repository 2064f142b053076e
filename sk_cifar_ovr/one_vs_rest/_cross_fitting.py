"""Cross-fitting: thresholds and calibrators from scores of images that the scoring networks never saw."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.model_selection import check_cv

from .._shared.progress import Progress
from ..classifier import FitMode, LabelledImages
from ._calibration import calibrated, fitted_calibrators, log_odds
from ._task_settings import TaskSettings
from ._tasks import binary_labels
from ._thresholds import averaged_threshold, checked_metric


@dataclass(frozen=True)
class CrossFitting:
    """What is tuned out of fold.

    Attributes
    ----------
    metric : str, callable or None
        Of the thresholds; None tunes none.
    calibration : {"sigmoid", "isotonic", "temperature"} or None
    folds : list of (train, test)
    """

    metric: Any
    calibration: str | None
    folds: list[tuple[np.ndarray, np.ndarray]]

    def fit(self, settings: TaskSettings, images: LabelledImages, progress: Progress):
        """Train without each fold in turn, score that fold, and tune on all scores.

        Returns
        -------
        calibrators : list or None
        thresholds : ndarray of shape (K,) or None
            None if `metric` is None.
        """
        truth = binary_labels(images).astype(int)
        scores = np.empty(truth.shape)
        for i, (train, test) in enumerate(self.folds, start=1):
            progress.prefix = f"fold {i}/{len(self.folds)}, "
            fitted = settings.fit(images[train], FitMode(), progress)
            scores[test] = log_odds(fitted.outputs(images.X[test]))
        progress.prefix = ""
        weights = images.sample_weight
        calibrators = None
        if self.calibration is None:
            probabilities = expit(scores)
        else:
            calibrators = fitted_calibrators(self.calibration, truth, scores, weights)
            probabilities = calibrated(calibrators, scores)
        if self.metric is None:
            return calibrators, None
        columns = zip(truth.T, probabilities.T, strict=True)
        return calibrators, np.array([averaged_threshold(t, p, self.metric, self.folds, weights) for t, p in columns])


def cross_fitting(threshold, calibration, cv, images: LabelledImages) -> CrossFitting | None:
    """Check all that can be checked before a network is trained.

    Parameters
    ----------
    threshold, calibration, cv
        Parameters of `OneVsRestCNNClassifier`.
    images : LabelledImages

    Returns
    -------
    CrossFitting or None
        None if nothing is tuned.

    Raises
    ------
    ValueError, TypeError
        If the metric is unknown or gives no number, or the folds leave it undefined.
    """
    y, classes, sample_weight = images.y, images.classes, images.sample_weight
    metric = checked_metric(threshold, binary_labels(images)[:, 0].astype(int))
    if metric is None and calibration is None:
        return None
    folds = list(check_cv(5 if cv is None else cv, y, classifier=True).split(images.X, y))
    has_weight = np.ones(len(y), bool) if sample_weight is None else sample_weight > 0
    for train, test in folds:
        for index, part in ((train, "training"), (test, "test")):
            missing = np.setdiff1d(classes, y[index][has_weight[index]])
            if len(missing):
                raise ValueError(
                    f"Class {missing.tolist()[0]!r} has no images in the {part} part of a fold, where its threshold or "
                    "calibration would be undefined: use fewer folds (cv), or a fixed threshold and calibration=None."
                )
    if not np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(y))):
        raise ValueError("cv must test every image exactly once, as KFold does, for something to be tuned out of fold.")
    return CrossFitting(metric, calibration, folds)


def refuse_tuning(threshold, calibration) -> None:
    """Refuse to tune in a training that continues.

    Raises
    ------
    ValueError
        The networks that never saw a fold would have to continue as well, and they are not kept.
    """
    if calibration is not None or callable(threshold) or isinstance(threshold, str):
        raise ValueError(
            "partial_fit and warm_start continue with networks that have seen all earlier images, and tuning needs "
            f"networks that have not: threshold={threshold!r}, calibration={calibration!r} take one fit of everything. "
            "Set a fixed threshold and calibration=None, or warm_start=False."
        )
