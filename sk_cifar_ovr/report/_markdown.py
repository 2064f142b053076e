"""The report of a run as Markdown."""

from ._metadata import layer_table, run_description
from ._run import Run


def markdown_summary(run: Run) -> str:
    """Return the means over classes and the table of a run as Markdown."""
    reference = run.reference
    brackets = "" if reference is None else " The reference stands in brackets."
    mean, argmax_mean = run.report.mean(imbalance=True), run.argmax_report.mean()
    lines = [
        f"Mean class F1 {100 * mean['class_f1']:.1f} %, mean macro F1 {100 * mean['macro_f1']:.1f} % "
        f"(each problem's own answer; by argmax {100 * argmax_mean['class_f1']:.1f} % and "
        f"{100 * argmax_mean['macro_f1']:.1f} %).",
        f"Of the probabilities: mean average precision {mean['average_precision']:.3f}, ROC AUC "
        f"{mean['roc_auc']:.3f}, calibration error {mean['calibration_error']:.3f}.",
        "",
        f"Each class against the others, percent.{brackets}",
        "",
        run.report.to_markdown(reference),
    ]
    return "\n".join(lines)


def markdown_report(run: Run) -> str:
    """Return the whole report of a run as Markdown."""
    layers, total = layer_table(run)
    lines = [
        "# One-vs-rest report",
        "",
        markdown_summary(run),
        "",
        "## What was run",
        "",
        *(f"- {heading}: {text}" for heading, text in run_description(run).items()),
        "",
        "## The network of each problem",
        "",
        "| layer | type | output shape | parameters |",
        "| --- | --- | --- | ---: |",
        *(f"| {' | '.join(layer)} |" for layer in layers),
        "",
        total,
        "",
    ]
    return "\n".join(lines)
