"""Description of a run: settings, versions, durations and layers, as text and as JSON."""

import inspect
import logging
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras
import numpy as np
import pandas as pd

from ..classifier import CNNClassifier
from ..datasets.files import printable
from ..metrics import OvRReport
from ..one_vs_rest import OneVsRestCNNClassifier
from ._run import Run
from .data import TrainTestSplit

logger = logging.getLogger(__name__)

PROMISE_HEADINGS = ("class", "metric", "promised", "in cross-fitting", "on the test images")
NOT_DEFINED = (
    "A dash is a value that is not defined: no image is predicted as the class (precision), there is none of it "
    "(recall), or the class is too rare for cross-fitting."
)


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
        Keys `strategy`, `loss`, `threshold`, `epochs`, `seed`, `parameters` (of `CNNClassifier`, without those at
        their default) and, if given, `command`.
    """
    base = estimator.estimator
    changed = {
        name: value if isinstance(value, (bool, int, float, str)) else repr(value)
        for name, value in base.get_params(deep=False).items()
        if name not in ("epochs", "batch_size", "random_state") and not _is_default(name, value)
    }
    settings = {
        "strategy": estimator.strategy,
        "loss": loss,
        "threshold": estimator.threshold,
        "epochs": base.epochs,
        "seed": base.random_state,
        "parameters": changed,
    }
    # The command may have names of files that are not UTF-8.
    return settings if command is None else {**settings, "command": printable(command)}


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
        # NaN is the ROC AUC of a class without test images.
        scores = _without_nan(scores.drop(columns="class")).to_dict("list")
    argmax, promises = run.argmax_report, run.promises
    return {
        "data": {
            "origin": run.data.origin,
            "sha256": run.data.sha256,
            "reading": run.data.reading,
            "skipped": run.data.skipped,
            "skipped_classes": run.data.skipped_classes,
            "groups": run.data.grouped or None,
            "near_identical": _copies_as_json(run.data),
        },
        "rows": {"train": len(run.data.X_train), "test": len(run.data.X_test)},
        "settings": {
            **run.settings,
            "precision": network.precision_,
            "epochs": run.estimator.epochs_,
            "batch_size": run.estimator.batch_size_,
            "recipe": run.estimator.recipe_,
        },
        "versions": package_versions(),
        "minutes": run.minutes,
        "thresholds": run.estimator.thresholds_.tolist(),
        "history": run.estimator.history_,
        "classes": [str(name) for name in run.estimator.classes_],
        "confusion": run.report.confusion.tolist(),
        **({} if argmax is None else {"confusion_argmax": argmax.confusion.tolist()}),
        "not_measured": run.not_measured,
        "scores": scores or {},
        "promises": [] if promises is None else _without_nan(promises).to_dict("records"),
        "mean": {"ovr": _means(run.report)} | ({} if argmax is None else {"argmax": _means(argmax)}),
    }


def _means(report: OvRReport) -> dict[str, float | None]:
    """Means over the measured classes; None where there are none."""
    means = report.mean()
    return means.astype(object).where(means.notna(), None).to_dict()


def _copies_as_json(data: TrainTestSplit) -> dict[str, Any] | None:
    """Number of test images that are near-identical to a training image, and names of each pair."""
    copies = data.copies
    if copies is None:
        return None
    pairs = [list(names) for names in zip(*copies.names(data.names_test, data.names_train), strict=True)]
    return {"test_images": len(copies), "pairs": pairs}


def _without_nan(frame: pd.DataFrame) -> pd.DataFrame:
    """The values as Python objects; NaN, which JSON does not have, as None."""
    return frame.astype(object).where(frame.notna(), None)


def run_description(run: Run) -> dict[str, str]:
    """Return what is needed to repeat a run, as text by heading."""
    data, settings, network = run.data, run.settings, run.estimator.estimators_[0]
    height, width = data.X_train.shape[1:3]
    brought_in = "" if data.reading is None or data.reading["image_size"] is None else f" ({data.reading['fit']})"
    left_out = f"; {len(data.skipped):,} files left out" if data.skipped else ""
    notes = {
        "Classes left out": data.skipped_classes_note,
        "Not measured": run.not_measured_note,
        "Groups": data.grouped,
        "Near-identical images": data.copies_note,
    }
    parameters = "".join(f", {name}={value}" for name, value in settings["parameters"].items())
    thresholds = sorted(set(np.round(run.estimator.thresholds_, 3).tolist()))
    threshold = settings.get("threshold")
    chosen_by = "" if threshold is None else f" (threshold={threshold!r})"
    recipe = ", ".join(f"{name}={value}" for name, value in run.estimator.recipe_.items())
    description = {
        "Data": f"{data.origin}; SHA-256 {data.sha256}",
        "Images": f"{len(data.X_train):,} for training, {len(data.X_test):,} for the test, "
        f"{height}x{width} pixels{brought_in}{left_out}",
        "Settings": f"strategy {settings['strategy']}, loss {settings['loss']}, {run.estimator.epochs_} epochs, "
        f"batches of {run.estimator.batch_size_}, seed {settings['seed']}, precision {network.precision_}{parameters}",
        **({"Recipe": recipe} if recipe else {}),
        **{heading: note for heading, note in notes.items() if note},
        "Thresholds": ", ".join(map(str, thresholds)) + chosen_by,
        "Minutes": f"{run.minutes['training']:.2f} training, {run.minutes['prediction']:.2f} prediction",
        "Versions": ", ".join(f"{name} {number}" for name, number in package_versions().items()),
    }
    return {"Command": settings["command"], **description} if "command" in settings else description


def estimator_description(estimator) -> str:
    """Describe a fitted estimator: classes, labels, images, thresholds and promises, one line each.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier or CNNClassifier

    Returns
    -------
    str
    """
    networks = getattr(estimator, "estimators_", [estimator])
    lines = [
        str(estimator),
        f"classes: {', '.join(map(str, estimator.classes_))}",
        f"labels: {'any number' if getattr(estimator, 'multilabel_', False) else 'one'} per image",
        f"images: {estimator.image_shape_}, {networks[0].model_.count_params():,} parameters a network",
        f"image files: {_brought_in(estimator)}",
    ]
    if hasattr(estimator, "thresholds_"):
        thresholds = estimator.thresholds_
        # Two classes share one task, which is that of the second.
        names = estimator.classes_[-len(thresholds) :]
        shown = (f"{name} {value:.3g}" for name, value in zip(names, thresholds, strict=True))
        lines.append(f"thresholds: {', '.join(shown)}")
    for promise in getattr(estimator, "promises_", None) or ():
        lines.append(
            f"promise: {promise['metric']} of {promise['class']} at least {promise['promised']:.3g}; "
            f"{promise['reached']:.3g} in cross-fitting"
        )
    return "\n".join(lines)


def _brought_in(estimator) -> str:
    """How `predict` brings image files to the size of the network."""
    height, width = estimator.image_shape_[:2]
    reading = getattr(estimator, "image_reading_", None)
    if reading is None or reading["image_size"] is None:
        return f"{height}x{width} pixels (height x width); predict takes other sizes with --fit"
    return f"of any size, brought to {height}x{width} pixels (height x width) by {reading['fit']}"


def promise_rows(run: Run) -> list[tuple[str, ...]]:
    """Return the promises of the thresholds as text, with percentages or "-" (not defined); empty if there are none."""
    promises = run.promises
    if promises is None:
        return []
    percents = promises[["promised", "reached_cross_fitting", "reached"]] * 100
    return [
        (str(label), metric, *("-" if np.isnan(value) else f"{value:.1f}" for value in row))
        for label, metric, row in zip(promises["class"], promises["metric"], percents.to_numpy(float), strict=True)
    ]


def promise_note(run: Run) -> str:
    """Return what a dash in the table of promises means; empty if there is none."""
    return NOT_DEFINED if any("-" in row for row in promise_rows(run)) else ""


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
