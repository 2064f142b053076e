"""The report of a run as Markdown."""

import keras
import numpy as np

from ._run import Run, versions


def summary(result: Run) -> str:
    """The figures of a run: their means and the table."""
    reference = result.reference
    beside = " The reference stands in brackets." if reference is not None else ""
    mean, by_label = result.table.mean(imbalance=True), result.argmax.mean()
    lines = [
        f"Mean class F1 {100 * mean['class_f1']:.1f} %, mean macro F1 {100 * mean['macro_f1']:.1f} % "
        f"(each problem's own answer; by argmax {100 * by_label['class_f1']:.1f} % and "
        f"{100 * by_label['macro_f1']:.1f} %).",
        f"Of the probabilities: mean average precision {mean['average_precision']:.3f}, ROC AUC "
        f"{mean['roc_auc']:.3f}, calibration error {mean['calibration_error']:.3f}.",
        "",
        f"Each class against the others, percent; thresholds {_thresholds(result)}.{beside}",
        "",
        result.table.to_markdown(reference),
    ]
    return "\n".join(lines)


def markdown(result: Run) -> str:
    """The whole report of a run."""
    data, settings = result.data, result.settings
    network = result.estimator.estimators_[0]
    lines = [
        "# One-vs-rest report",
        "",
        summary(result),
        "",
        "## What was run",
        "",
        f"- Data: {data.origin}; SHA-256 `{data.sha256}`",
        f"- Images: {len(data.X_train):,} to train on, {len(data.X_test):,} read once",
        f"- Strategy {settings['strategy']}, loss {settings['loss']}, {settings['epochs']} epochs, "
        f"batches of {network.batch_size}, seed {settings['seed']}, precision {network.precision_}"
        + "".join(f", {name}={value}" for name, value in settings["parameters"].items()),
        *([f"- Command: `{settings['command']}`"] if "command" in settings else []),
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
