"""One run: a one-vs-rest trained on the training images, and its answers on the test images, read once."""

import inspect
import logging
import platform
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras
import numpy as np
import pandas as pd

from ..classifier import CNNClassifier
from ..metrics import OvRReport, ovr_report, positive_probabilities, reference_table
from ..one_vs_rest import OneVsRestCNNClassifier
from ._data import Split

logger = logging.getLogger(__name__)

LOSS_SETTINGS: dict[str, dict[str, Any]] = {
    "focal": {"loss": "focal"},
    "weighted": {"loss": "crossentropy", "class_weight": "balanced"},
    "crossentropy": {"loss": "crossentropy"},
}


@dataclass(frozen=True)
class Run:
    """A trained one-vs-rest and what it answered on the test images.

    Attributes
    ----------
    estimator : OneVsRestCNNClassifier
    data : Split
    truth : ndarray of str, shape (n,)
        The classes of the test images.
    answers : ndarray of bool, shape (n, K)
        Of `predict_ovr`.
    probabilities : ndarray of float, shape (n, K)
        Of a yes to each problem.
    table : OvRReport
        The table of `predict_ovr`.
    argmax : OvRReport
        The table of `predict` instead.
    settings : dict
    minutes : dict
    """

    estimator: OneVsRestCNNClassifier
    data: Split
    truth: np.ndarray
    answers: np.ndarray
    probabilities: np.ndarray
    table: OvRReport
    argmax: OvRReport
    settings: dict[str, Any]
    minutes: dict[str, float]

    @property
    def reference(self) -> pd.DataFrame | None:
        """The reference table, where it was read on the same images."""
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
    """The one-vs-rest classifier of a report.

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
        Parameters of `CNNClassifier`; they win over the others, but for what `loss` stands for.

    Returns
    -------
    OneVsRestCNNClassifier

    Raises
    ------
    ValueError
        If a parameter is unknown, out of range, or what `loss` stands for.
    """
    settings = settings or {}
    twice = sorted(LOSS_SETTINGS[loss].keys() & settings.keys())
    if twice:
        raise ValueError(f"{', '.join(twice)}: loss={loss!r} says that already, so leave it out of the settings.")
    base = CNNClassifier(**{"epochs": epochs, "random_state": seed, **LOSS_SETTINGS[loss], **settings})
    base._validate_params()
    return OneVsRestCNNClassifier(base, strategy=strategy, verbose=verbose)


def train(estimator: OneVsRestCNNClassifier, data: Split) -> float:
    """Fit on the training images and return the minutes it took."""
    began = time.perf_counter()
    estimator.fit(data.X_train, np.asarray(data.target_names)[data.y_train])
    return (time.perf_counter() - began) / 60


def examine(
    estimator: OneVsRestCNNClassifier,
    data: Split,
    *,
    training_minutes: float,
    loss: str = "focal",
    command: str | None = None,
) -> Run:
    """Read the test images once.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier
        Trained by `train`.
    data : Split
    training_minutes : float
        What `train` returned.
    loss : str, default="focal"
        What the report calls the loss.
    command : str or None, default=None
        What to type to repeat the run.

    Returns
    -------
    Run
    """
    began = time.perf_counter()
    answers, labels = estimator.predict_ovr(data.X_test), estimator.predict(data.X_test)
    probabilities = positive_probabilities(estimator, data.X_test)
    minutes = {"training": training_minutes, "prediction": (time.perf_counter() - began) / 60}
    truth, classes = np.asarray(data.target_names)[data.y_test], estimator.classes_
    return Run(
        estimator,
        data,
        truth,
        answers,
        probabilities,
        table=ovr_report(truth, answers, classes=classes, probabilities=probabilities),
        argmax=ovr_report(truth, labels, classes=classes),
        settings=_settings(estimator, loss, command),
        minutes=minutes,
    )


def _settings(estimator: OneVsRestCNNClassifier, loss: str, command: str | None) -> dict[str, Any]:
    base = estimator.estimator
    changed = {
        name: value if isinstance(value, (bool, int, float, str)) else repr(value)
        for name, value in base.get_params(deep=False).items()
        if name not in ("epochs", "random_state") and not _is_default(name, value)
    }
    settings = {
        "strategy": estimator.strategy,
        "loss": loss,
        "epochs": base.epochs,
        "seed": base.random_state,
        "parameters": changed,
    }
    return settings if command is None else {**settings, "command": command}


def _is_default(name: str, value) -> bool:
    parameter = inspect.signature(CNNClassifier).parameters.get(name)
    # By type first: arrays and losses have no plain equality.
    return parameter is not None and type(parameter.default) is type(value) and bool(parameter.default == value)


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    backend = keras.backend.backend()
    found = {"python": platform.python_version(), "backend": backend}
    for name in ("sk_cifar_ovr", "keras", backend, "scikeras", "scikit-learn", "openTSNE", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            logger.debug("%s is not installed as a package of that name", name)
    return found


def record(result: Run) -> dict[str, Any]:
    """Settings, versions, times and counts of a run, for machines."""
    network, scores = result.estimator.estimators_[0], result.table.scores
    return {
        "data": {"origin": result.data.origin, "sha256": result.data.sha256},
        "rows": {"train": len(result.data.X_train), "test": len(result.data.X_test)},
        "settings": {**result.settings, "precision": network.precision_, "batch_size": network.batch_size},
        "versions": versions(),
        "minutes": result.minutes,
        "thresholds": result.estimator.thresholds_.tolist(),
        "history": result.estimator.history_,
        "classes": [str(name) for name in result.estimator.classes_],
        "confusion": result.table.confusion.tolist(),
        "confusion_argmax": result.argmax.confusion.tolist(),
        "scores": {} if scores is None else _without_nan(scores.drop(columns="class")).to_dict("list"),
        "mean": {"ovr": result.table.mean().to_dict(), "argmax": result.argmax.mean().to_dict()},
    }


def _without_nan(table: pd.DataFrame) -> pd.DataFrame:
    # JSON has no NaN: the area under ROC of a class that has no test image.
    return table.astype(object).where(table.notna(), None)


def facts(result: Run) -> dict[str, str]:
    """What was run, in words: all that is needed to repeat it."""
    data, settings, network = result.data, result.settings, result.estimator.estimators_[0]
    parameters = "".join(f", {name}={value}" for name, value in settings["parameters"].items())
    thresholds = sorted(set(np.round(result.estimator.thresholds_, 3).tolist()))
    told = {
        "Data": f"{data.origin}; SHA-256 {data.sha256}",
        "Images": f"{len(data.X_train):,} to train on, {len(data.X_test):,} read once",
        "Settings": f"strategy {settings['strategy']}, loss {settings['loss']}, {settings['epochs']} epochs, "
        f"batches of {network.batch_size}, seed {settings['seed']}, precision {network.precision_}{parameters}",
        "Thresholds": ", ".join(str(value) for value in thresholds),
        "Minutes": f"{result.minutes['training']:.2f} training, {result.minutes['prediction']:.2f} prediction",
        "Versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
    }
    return {"Command": settings["command"], **told} if "command" in settings else told


def layers(model: keras.Model) -> tuple[list[tuple[str, str, str, str]], str]:
    """The layers of a network: name, type, output shape and parameters of each; and the sum in words."""
    rows = [
        (layer.name, type(layer).__name__, str(layer.output.shape), f"{layer.count_params():,}")
        for layer in model.layers
    ]
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    total = model.count_params()
    return rows, f"{total:,} parameters, {trainable:,} trainable, {total - trainable:,} not."
