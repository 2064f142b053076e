"""Cross-fitting: what K problems score on rows that the scoring networks never saw, and what is tuned on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.model_selection import check_cv

from .._shared.progress import Progress
from ._calibration import calibrated, fitted_calibrators, log_odds
from ._tasks import Problems, binary_labels
from ._thresholds import averaged_threshold, checked_metric


@dataclass(frozen=True)
class Tuning:
    """What is to be tuned out of fold.

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

    def fit(self, problems: Problems, X, y, classes, sample_weight, progress: Progress):
        """Train the problems without each fold in turn, and tune on how they score that fold.

        Returns
        -------
        calibrators : list or None
        thresholds : ndarray of shape (K,) or None
            None where `metric` is None.
        """
        truth = binary_labels(y, classes).astype(int)
        scores = np.empty(truth.shape)
        for i, (train, test) in enumerate(self.folds, start=1):
            progress.prefix = f"fold {i}/{len(self.folds)}, "
            weights = None if sample_weight is None else sample_weight[train]
            fitted = problems.fit(X[train], y[train], classes, weights, progress)
            scores[test] = log_odds(fitted.outputs(X[test]))
        progress.prefix = ""
        calibrators = None
        if self.calibration is None:
            probabilities = expit(scores)
        else:
            calibrators = fitted_calibrators(self.calibration, truth, scores, sample_weight)
            probabilities = calibrated(calibrators, scores)
        if self.metric is None:
            return calibrators, None
        columns = zip(truth.T, probabilities.T, strict=True)
        return calibrators, np.array(
            [averaged_threshold(t, p, self.metric, self.folds, sample_weight) for t, p in columns]
        )


def make_tuning(threshold, calibration, cv, X, y, classes, sample_weight) -> Tuning | None:
    """Check everything about tuning that can be checked before a network is trained.

    Parameters
    ----------
    threshold, calibration, cv
        Parameters of `OneVsRestCNNClassifier`.
    X : ndarray, shape (n, ...)
    y : ndarray of shape (n,)
    classes : ndarray of shape (n_classes,)
    sample_weight : ndarray of shape (n,) or None

    Returns
    -------
    Tuning or None
        None where nothing is tuned.

    Raises
    ------
    ValueError, TypeError
        If the metric is unknown or gives no number, or the folds leave it undefined.
    """
    metric = checked_metric(threshold, binary_labels(y, classes)[:, 0].astype(int))
    if metric is None and calibration is None:
        return None
    folds = list(check_cv(5 if cv is None else cv, y, classifier=True).split(X, y))
    weighty = np.ones(len(y), bool) if sample_weight is None else sample_weight > 0
    for train, test in folds:
        for rows, part in ((train, "training"), (test, "test")):
            missing = np.setdiff1d(classes, y[rows][weighty[rows]])
            if len(missing):
                raise ValueError(
                    f"Class {missing.tolist()[0]!r} has no rows in the {part} part of a fold, where its threshold or "
                    "calibration would be undefined: use fewer folds (cv), or a fixed threshold and calibration=None."
                )
    if not np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(y))):
        raise ValueError("cv must test every row exactly once, as KFold does, for something to be tuned out of fold.")
    return Tuning(metric, calibration, folds)


def refuse_tuning(threshold, calibration) -> None:
    """Refuse to tune where training goes on.

    Raises
    ------
    ValueError
        The networks that never saw a fold would have to have gone on as well, and they are not kept.
    """
    if calibration is not None or callable(threshold) or isinstance(threshold, str):
        raise ValueError(
            "partial_fit and warm_start go on with networks that have seen all earlier rows, and what is tuned needs "
            f"networks that have not: threshold={threshold!r}, calibration={calibration!r} take one fit of everything. "
            "Set a fixed threshold and calibration=None, or warm_start=False."
        )
