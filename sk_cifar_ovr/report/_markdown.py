"""The report of a run as Markdown."""

from ._run import Run, facts, layers


def summary(result: Run) -> str:
    """The figures of a run: their means and the table."""
    reference = result.reference
    beside = "" if reference is None else " The reference stands in brackets."
    mean, by_label = result.table.mean(imbalance=True), result.argmax.mean()
    lines = [
        f"Mean class F1 {100 * mean['class_f1']:.1f} %, mean macro F1 {100 * mean['macro_f1']:.1f} % "
        f"(each problem's own answer; by argmax {100 * by_label['class_f1']:.1f} % and "
        f"{100 * by_label['macro_f1']:.1f} %).",
        f"Of the probabilities: mean average precision {mean['average_precision']:.3f}, ROC AUC "
        f"{mean['roc_auc']:.3f}, calibration error {mean['calibration_error']:.3f}.",
        "",
        f"Each class against the others, percent.{beside}",
        "",
        result.table.to_markdown(reference),
    ]
    return "\n".join(lines)


def markdown(result: Run) -> str:
    """The whole report of a run."""
    rows, total = layers(result.estimator.estimators_[0].model_)
    lines = [
        "# One-vs-rest report",
        "",
        summary(result),
        "",
        "## What was run",
        "",
        *(f"- {name}: {told}" for name, told in facts(result).items()),
        "",
        "## The network of each problem",
        "",
        "| layer | type | output shape | parameters |",
        "| --- | --- | --- | ---: |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        total,
        "",
    ]
    return "\n".join(lines)
