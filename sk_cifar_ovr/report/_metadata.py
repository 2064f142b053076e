"""Description of a run: settings, versions, durations and layers, as text and as JSON."""

import inspect
import logging
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras
import numpy as np

from ..classifier import CNNClassifier
from ..one_vs_rest import OneVsRestCNNClassifier
from ._run import Run

logger = logging.getLogger(__name__)


def run_settings(estimator: OneVsRestCNNClassifier, *, loss: str, command: str | None = None) -> dict[str, Any]:
    """Return the settings of a run as values that JSON can hold.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier
    loss : str
        Name of the loss in the report.
    command : str or None, default=None
        Command that repeats the run.

    Returns
    -------
    dict
        Keys `strategy`, `loss`, `epochs`, `seed`, `parameters` (of `CNNClassifier`, without those at their default)
        and, if given, `command`.
    """
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
    # By type first: `==` between arrays or losses is not a plain bool.
    return parameter is not None and type(parameter.default) is type(value) and bool(parameter.default == value)


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that influence results, and the name of the Keras backend."""
    backend = keras.backend.backend()
    versions = {"python": platform.python_version(), "backend": backend}
    for name in ("sk_cifar_ovr", "keras", backend, "scikeras", "scikit-learn", "openTSNE", "numpy"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            logger.debug("%s is not installed as a package of that name", name)
    return versions


def run_as_json(run: Run) -> dict[str, Any]:
    """Return settings, versions, durations, confusion counts and scores of a run as values that JSON can hold."""
    network, scores = run.estimator.estimators_[0], run.report.scores
    if scores is not None:
        # JSON has no NaN: the ROC AUC of a class without test images.
        scores = scores.drop(columns="class").astype(object).where(scores.notna(), None).to_dict("list")
    return {
        "data": {"origin": run.data.origin, "sha256": run.data.sha256},
        "rows": {"train": len(run.data.X_train), "test": len(run.data.X_test)},
        "settings": {**run.settings, "precision": network.precision_, "batch_size": network.batch_size},
        "versions": package_versions(),
        "minutes": run.minutes,
        "thresholds": run.estimator.thresholds_.tolist(),
        "history": run.estimator.history_,
        "classes": [str(name) for name in run.estimator.classes_],
        "confusion": run.report.confusion.tolist(),
        "confusion_argmax": run.argmax_report.confusion.tolist(),
        "scores": scores or {},
        "mean": {"ovr": run.report.mean().to_dict(), "argmax": run.argmax_report.mean().to_dict()},
    }


def run_description(run: Run) -> dict[str, str]:
    """Return what is needed to repeat a run, as text by heading."""
    data, settings, network = run.data, run.settings, run.estimator.estimators_[0]
    parameters = "".join(f", {name}={value}" for name, value in settings["parameters"].items())
    thresholds = sorted(set(np.round(run.estimator.thresholds_, 3).tolist()))
    description = {
        "Data": f"{data.origin}; SHA-256 {data.sha256}",
        "Images": f"{len(data.X_train):,} to train on, {len(data.X_test):,} read once",
        "Settings": f"strategy {settings['strategy']}, loss {settings['loss']}, {settings['epochs']} epochs, "
        f"batches of {network.batch_size}, seed {settings['seed']}, precision {network.precision_}{parameters}",
        "Thresholds": ", ".join(map(str, thresholds)),
        "Minutes": f"{run.minutes['training']:.2f} training, {run.minutes['prediction']:.2f} prediction",
        "Versions": ", ".join(f"{name} {number}" for name, number in package_versions().items()),
    }
    return {"Command": settings["command"], **description} if "command" in settings else description


def layer_table(run: Run) -> tuple[list[tuple[str, str, str, str]], str]:
    """Return name, type, output shape and parameters of each layer of the first network, and the total as text."""
    model = run.estimator.estimators_[0].model_
    rows = [
        (layer.name, type(layer).__name__, str(layer.output.shape), f"{layer.count_params():,}")
        for layer in model.layers
    ]
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    total = model.count_params()
    return rows, f"{total:,} parameters, {trainable:,} trainable, {total - trainable:,} not."
