"""Training and evaluation of a one-vs-rest classifier on a dataset."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning

from ..classifier import CNNClassifier
from ..metrics import OvRReport, Truth, check_label_matrix, one_hot, ovr_report, promise_table, reference_table
from ..networks import find_builder
from ..one_vs_rest import OneVsRestCNNClassifier
from ._defaults import choose_network
from ._prediction import predict_images
from ._resume import keeping_checkpoints
from .data import TrainTestSplit, listed

# Classes in a warning.
N_SHOWN = 10
LOSS_SETTINGS: dict[str, dict[str, Any]] = {
    "focal": {"loss": "focal"},
    "weighted": {"loss": "crossentropy", "class_weight": "balanced"},
    "crossentropy": {"loss": "crossentropy"},
}


@dataclass(frozen=True)
class Run:
    """A trained one-vs-rest classifier and its predictions on the test images.

    Attributes
    ----------
    estimator : OneVsRestCNNClassifier
    data : TrainTestSplit
    settings : dict
        Settings of the run; see `run_settings`.
    minutes : dict
        Duration of "training" and "prediction".
    y_true : ndarray of str, shape (n,), or of float, shape (n, K)
        Class names of the test images, or their label matrix of 0, 1 and NaN (not known).
    predicted : ndarray of bool, shape (n, K)
        Predictions of `predict_ovr`.
    probabilities : ndarray of float, shape (n, K)
        Probability of "yes" in each class-vs-rest task.
    report : OvRReport
        Report of `predict_ovr`.
    argmax_report : OvRReport or None
        Report of `predict`; None with a label matrix.
    """

    estimator: OneVsRestCNNClassifier
    data: TrainTestSplit
    settings: dict[str, Any]
    minutes: dict[str, float]
    y_true: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    report: OvRReport
    argmax_report: OvRReport | None

    @property
    def reference(self) -> pd.DataFrame | None:
        """Reference results, if they were measured on the same test images."""
        return reference_table() if self.data.is_cifar10 else None

    @property
    def not_measured(self) -> list[str]:
        """Classes without test images."""
        return list(map(str, self.report.classes[~self.report.measured]))

    @property
    def not_measured_note(self) -> str:
        """Which classes are not measured, and why; empty if all are."""
        return self.data.not_measured_note(self.not_measured)

    @property
    def truth(self) -> Truth:
        """Labels of the test images, class by class."""
        classes = np.asarray(self.estimator.classes_)
        if self.y_true.ndim == 2:
            return check_label_matrix(self.y_true, classes)
        return Truth(one_hot(self.y_true, classes, "y_true"), classes)

    @property
    def promises(self) -> pd.DataFrame | None:
        """Promised precision and recall of the thresholds, and what was reached; None if nothing was promised.

        What is 0/0 on the test images is NaN, and `kept` is then None.
        """
        promises = getattr(self.estimator, "promises_", None)
        return _undefined_as_nan(promise_table(promises, self.report), self.report) if promises else None


def _undefined_as_nan(promises: pd.DataFrame, report: OvRReport) -> pd.DataFrame:
    """The table of promises without values for metrics that the test images do not define."""
    tp, fn, fp, _ = report.confusion.reshape(-1, 4).T
    totals = pd.DataFrame({"precision": tp + fp, "recall": tp + fn}, index=report.classes.tolist())
    measured = dict(zip(totals.index, report.measured, strict=True))
    undefined = [
        totals.at[label, metric] == 0 or not measured[label]
        for label, metric in zip(promises["class"], promises["metric"], strict=True)
    ]
    promises.loc[undefined, "reached"] = np.nan
    return promises.assign(kept=promises["kept"].astype(object).mask(undefined, None))


def make_estimator(
    *,
    strategy: str = "joint",
    loss: str = "focal",
    threshold: Any = None,
    seed: int = 0,
    verbose: int = 1,
    settings: dict[str, Any] | None = None,
) -> OneVsRestCNNClassifier:
    """Create the one-vs-rest classifier of a run.

    Parameters
    ----------
    strategy : {"joint", "independent"}, default="joint"
    loss : {"focal", "weighted", "crossentropy"}, default="focal"
        "weighted" is cross-entropy with balanced class weights.
    threshold : None, float, str or dict, default=None
        Parameter of `OneVsRestCNNClassifier`.
    seed : int, default=0
    verbose : int, default=1
        1 shows progress.
    settings : dict or None, default=None
        Further parameters of `CNNClassifier`. They override `seed`, but may not repeat what `loss` sets.

    Returns
    -------
    OneVsRestCNNClassifier

    Raises
    ------
    ValueError
        If a parameter is unknown, out of range, or already set by `loss`.
    """
    settings = settings or {}
    repeated = sorted(LOSS_SETTINGS[loss].keys() & settings.keys())
    if repeated:
        raise ValueError(f"{', '.join(repeated)}: already set by loss={loss!r}, so leave it out of the settings.")
    base = CNNClassifier(**{"model": choose_network(), "random_state": seed, **LOSS_SETTINGS[loss], **settings})
    base._validate_params()
    find_builder(base.model)
    return OneVsRestCNNClassifier(base, strategy=strategy, threshold=threshold, verbose=verbose)


def train(estimator: OneVsRestCNNClassifier, data: TrainTestSplit, checkpoint: Path | None = None) -> float:
    """Fit on the training images, with checkpoints in a folder, and return the duration in minutes."""
    start = time.perf_counter()
    with keeping_checkpoints(estimator, checkpoint):
        estimator.fit(data.X_train, data.as_labels(data.y_train), groups=data.groups)
    if data.reading is not None:
        estimator.image_reading_ = data.reading
    return (time.perf_counter() - start) / 60


def evaluate(
    estimator: OneVsRestCNNClassifier, data: TrainTestSplit, *, settings: dict[str, Any], training_minutes: float
) -> Run:
    """Predict the test images and compute the reports.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier
        Trained by `train`.
    data : TrainTestSplit
    settings : dict
        Settings of the run; see `run_settings`.
    training_minutes : float
        Duration returned by `train`.

    Returns
    -------
    Run
    """
    start = time.perf_counter()
    found = predict_images(estimator, data.X_test)
    minutes = {"training": training_minutes, "prediction": (time.perf_counter() - start) / 60}
    y_true, classes = np.asarray(data.as_labels(data.y_test)), estimator.classes_
    with undefined_metrics_as_zero():
        options = {"classes": classes, "absent": "nan"}
        report = ovr_report(y_true, found["yes"], probabilities=found["probabilities"], **options)
        argmax_report = None if data.multilabel else ovr_report(y_true, found["labels"], **options)
    _warn_of_undefined_metrics(report)
    return Run(estimator, data, settings, minutes, y_true, found["yes"], found["probabilities"], report, argmax_report)


@contextmanager
def undefined_metrics_as_zero() -> Iterator[None]:
    """Silence the many warnings of metrics that are 0/0; `evaluate` gives one for all of them.

    Means are NaN if no class is measured.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.filterwarnings("ignore", "No positive class found")
        # With many classes there are few test images of each.
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        yield


def _warn_of_undefined_metrics(report: OvRReport) -> None:
    (tp, fn), (fp, tn) = report.confusion.transpose(1, 2, 0)
    reasons = {
        "all test images are of": fp + tn == 0,
        "no test image is predicted as": tp + fp == 0,
        "all test images are predicted as": fn + tn == 0,
    }
    affected = {why: report.classes[is_so & report.measured] for why, is_so in reasons.items()}
    told = [f"{why} {listed(map(str, classes), N_SHOWN)}" for why, classes in affected.items() if len(classes)]
    if told:
        warnings.warn(
            f"Some metrics are not defined and shown as 0: {'; '.join(told)}.", UndefinedMetricWarning, stacklevel=3
        )
