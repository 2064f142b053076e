"""One run: a one-vs-rest classifier trained on the training images and evaluated once on the test images."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..classifier import CNNClassifier
from ..metrics import OvRReport, ovr_report, positive_probabilities, reference_table
from ..one_vs_rest import OneVsRestCNNClassifier
from ._train_test_split import TrainTestSplit

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
    y_true : ndarray of str, shape (n,)
        Class names of the test images.
    predicted : ndarray of bool, shape (n, K)
        Predictions of `predict_ovr`.
    probabilities : ndarray of float, shape (n, K)
        Probability of "yes" in each class-vs-rest task.
    report : OvRReport
        Report of `predict_ovr`.
    argmax_report : OvRReport
        Report of `predict`.
    """

    estimator: OneVsRestCNNClassifier
    data: TrainTestSplit
    settings: dict[str, Any]
    minutes: dict[str, float]
    y_true: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    report: OvRReport
    argmax_report: OvRReport

    @property
    def reference(self) -> pd.DataFrame | None:
        """Reference results, if they were measured on the same test images."""
        return reference_table() if self.data.is_cifar10 else None


def make_estimator(
    *,
    strategy: str = "joint",
    loss: str = "focal",
    epochs: int = 10,
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
    epochs : int, default=10
    seed : int, default=0
    verbose : int, default=1
        1 shows progress.
    settings : dict or None, default=None
        Further parameters of `CNNClassifier`. They override `epochs` and `seed`, but may not repeat what `loss` sets.

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
    base = CNNClassifier(**{"epochs": epochs, "random_state": seed, **LOSS_SETTINGS[loss], **settings})
    base._validate_params()
    return OneVsRestCNNClassifier(base, strategy=strategy, verbose=verbose)


def train(estimator: OneVsRestCNNClassifier, data: TrainTestSplit) -> float:
    """Fit on the training images and return the duration in minutes."""
    start = time.perf_counter()
    estimator.fit(data.X_train, np.asarray(data.target_names)[data.y_train])
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
    predicted, labels = estimator.predict_ovr(data.X_test), estimator.predict(data.X_test)
    probabilities = positive_probabilities(estimator, data.X_test)
    minutes = {"training": training_minutes, "prediction": (time.perf_counter() - start) / 60}
    y_true, classes = np.asarray(data.target_names)[data.y_test], estimator.classes_
    return Run(
        estimator,
        data,
        settings,
        minutes,
        y_true,
        predicted,
        probabilities,
        report=ovr_report(y_true, predicted, classes=classes, probabilities=probabilities),
        argmax_report=ovr_report(y_true, labels, classes=classes),
    )
