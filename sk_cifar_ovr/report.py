"""One run, from data to a folder of results: tables, figures for machines, pictures and the saved model."""

import inspect
import json
import logging
import platform
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ._split import Split
from .classifier import CNNClassifier
from .metrics import OvRReport, ovr_report, reference_table
from .multiclass import OneVsRestCNNClassifier
from .persistence import save
from .plots import OvRConfusionDisplay

logger = logging.getLogger(__name__)

LOSSES: dict[str, dict[str, Any]] = {
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
    table : OvRReport
    argmax : OvRReport
        The table of `predict` instead of `predict_ovr`.
    data : Split
    settings : dict
    minutes : dict
    """

    estimator: OneVsRestCNNClassifier
    table: OvRReport
    argmax: OvRReport
    data: Split
    settings: dict[str, Any]
    minutes: dict[str, float]


def check_writable(folder) -> Path:
    """Make the output folder and prove that a file can be written there.

    Raises
    ------
    OSError
        Naming the folder.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"Cannot write to the output folder {folder}: {error.strerror}. Name another one.") from error
    return folder


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
        Parameters of `CNNClassifier`; they win over the others.

    Returns
    -------
    OneVsRestCNNClassifier

    Raises
    ------
    ValueError
        If a parameter is unknown or out of range.
    """
    base = CNNClassifier(**{"epochs": epochs, "random_state": seed, **LOSSES[loss], **(settings or {})})
    base._validate_params()
    return OneVsRestCNNClassifier(base, strategy=strategy, verbose=verbose)


def run(estimator: OneVsRestCNNClassifier, data: Split, *, loss: str = "focal") -> Run:
    """Train on the training images, then read the test images once.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier
    data : Split
    loss : str, default="focal"
        What the report calls the loss.

    Returns
    -------
    Run
    """
    began = time.perf_counter()
    names = np.asarray(data.target_names)
    estimator.fit(data.X_train, names[data.y_train])
    trained = time.perf_counter()
    answers, labels = estimator.predict_ovr(data.X_test), estimator.predict(data.X_test)
    done = time.perf_counter()
    truth = names[data.y_test]
    table = ovr_report(truth, answers, classes=estimator.classes_)
    argmax = ovr_report(truth, labels, classes=estimator.classes_)
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
    minutes = {"training": (trained - began) / 60, "prediction": (done - trained) / 60}
    return Run(estimator, table, argmax, data, settings, minutes)


def _is_default(name: str, value) -> bool:
    parameter = inspect.signature(CNNClassifier).parameters.get(name)
    return parameter is not None and parameter.default is value


def write(result: Run, folder) -> list[Path]:
    """Write every part of a report; the trained model first, so that no later fault loses it.

    Parameters
    ----------
    result : Run
    folder : path-like
        An existing folder.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    folder = Path(folder)
    reference = reference_table() if result.data.is_cifar10 else None
    save(result.estimator, folder / "model.skovr")
    result.table.to_csv(folder / "ovr_table.csv", reference)
    (folder / "metrics.json").write_text(json.dumps(metrics(result), indent=1) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(markdown(result, reference), encoding="utf-8")
    _confusion_picture(result, folder / "confusion.png")
    names = ["model.skovr", "ovr_table.csv", "metrics.json", "report.md", "confusion.png"]
    return [folder / name for name in names]


def _confusion_picture(result: Run, path: Path) -> None:
    import matplotlib.pyplot as plt

    with plt.rc_context({"backend": "agg"}):
        figure = OvRConfusionDisplay(result.table).plot().figure_
        figure.savefig(path, dpi=150)
        plt.close(figure)


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    backend = keras.backend.backend()
    found = {"python": platform.python_version(), "backend": backend}
    for name in ("sk_cifar_ovr", "keras", backend, "scikeras", "scikit-learn", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            logger.debug("%s is not installed as a package of that name", name)
    return found


def metrics(result: Run) -> dict[str, Any]:
    """Settings, versions, times and counts of a run, for machines."""
    network = result.estimator.estimators_[0]
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
        "mean": {"ovr": result.table.mean().to_dict(), "argmax": result.argmax.mean().to_dict()},
    }


def markdown(result: Run, reference=None) -> str:
    """The report of a run as Markdown."""
    data, settings = result.data, result.settings
    network = result.estimator.estimators_[0]
    beside = " The reference stands in brackets." if reference is not None else ""
    mean, by_label = result.table.mean(), result.argmax.mean()
    lines = [
        "# One-vs-rest report",
        "",
        f"Mean class F1 {100 * mean['class_f1']:.1f} %, mean macro F1 {100 * mean['macro_f1']:.1f} % "
        f"(each problem's own answer; by argmax {100 * by_label['class_f1']:.1f} % and "
        f"{100 * by_label['macro_f1']:.1f} %).",
        "",
        f"Each class against the others, percent; thresholds {_thresholds(result)}.{beside}",
        "",
        result.table.to_markdown(reference),
        "",
        "## What was run",
        "",
        f"- Data: {data.origin}; SHA-256 `{data.sha256}`",
        f"- Images: {len(data.X_train):,} to train on, {len(data.X_test):,} read once",
        f"- Strategy {settings['strategy']}, loss {settings['loss']}, {settings['epochs']} epochs, "
        f"batches of {network.batch_size}, seed {settings['seed']}, precision {network.precision_}"
        + "".join(f", {name}={value}" for name, value in settings["parameters"].items()),
        f"- Minutes: {result.minutes['training']:.2f} training, {result.minutes['prediction']:.2f} prediction",
        "- Versions: " + ", ".join(f"{name} {number}" for name, number in versions().items()),
        "",
        "## The network of each problem",
        "",
        *_layer_table(network.model_),
        "",
    ]
    return "\n".join(lines)


def _thresholds(result: Run) -> str:
    values = sorted(set(np.round(result.estimator.thresholds_, 3).tolist()))
    return ", ".join(str(value) for value in values)


def _layer_table(model: keras.Model) -> list[str]:
    rows = ["| layer | type | output shape | parameters |", "| --- | --- | --- | ---: |"]
    for layer in model.layers:
        rows.append(f"| {layer.name} | {type(layer).__name__} | {layer.output.shape} | {layer.count_params():,} |")
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    total = model.count_params()
    return [*rows, "", f"{total:,} parameters, {trainable:,} trainable, {total - trainable:,} not."]
