"""The report of a run as Markdown."""

from collections.abc import Sequence

from ._metadata import PROMISE_HEADINGS, layer_table, promise_note, promise_rows, run_description
from ._run import Run, undefined_metrics_as_zero

# Pairs of near-identical images that are listed.
N_COPIES = 20


@undefined_metrics_as_zero()
def markdown_summary(run: Run) -> str:
    """Return the means over classes and the table of a run as Markdown."""
    reference = run.reference
    brackets = "" if reference is None else " The numbers in brackets are the reference."
    mean, argmax = run.report.mean(imbalance=True), ""
    if run.argmax_report is not None:
        argmax_mean = run.argmax_report.mean()
        argmax = f"; by argmax {100 * argmax_mean['class_f1']:.1f} % and {100 * argmax_mean['macro_f1']:.1f} %"
    n_classes, n_measured = len(run.report.classes), run.report.measured.sum()
    over = f" Means are over the {n_measured:,} of {n_classes:,} classes with test images." if run.not_measured else ""
    lines = [
        f"Mean class F1 {100 * mean['class_f1']:.1f} %, mean macro F1 {100 * mean['macro_f1']:.1f} % "
        f"(each task's own predictions{argmax}).{over}",
        f"Of the probabilities: mean average precision {mean['average_precision']:.3f}, ROC AUC "
        f"{mean['roc_auc']:.3f}, calibration error {mean['calibration_error']:.3f}.",
        "",
        f"Each class against the rest, percent.{brackets}",
        "",
        run.report.to_markdown(reference),
    ]
    if run.not_measured_note:
        lines += ["", f"A row of dashes: {run.not_measured_note}"]
    promises = promise_rows(run)
    if promises:
        lines += ["", "Promises of the thresholds, percent.", "", *_table(PROMISE_HEADINGS, promises, n_text=2)]
        lines += ["", promise_note(run)] if promise_note(run) else []
    return "\n".join(lines)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], n_text: int) -> list[str]:
    """Lines of a table whose columns after the first `n_text` are aligned to the right."""
    rule = ["---"] * n_text + ["---:"] * (len(headings) - n_text)
    return [f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows)]


def _copies(run: Run) -> list[str]:
    """Lines that list test images that are near-identical to a training image."""
    copies = run.data.copies
    if not copies:
        return []
    names = list(zip(*copies.names(run.data.names_test, run.data.names_train), strict=True))[:N_COPIES]
    rest = [f"The first {N_COPIES} of {len(copies):,}.", ""] if len(copies) > N_COPIES else []
    return [
        "## Near-identical images in training and test",
        "",
        run.data.copies_note,
        "",
        *rest,
        *_table(("test image", "training image"), [[name.replace("|", "\\|") for name in row] for row in names], 2),
        "",
    ]


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
        *_copies(run),
        "## The network of each task",
        "",
        *_table(("layer", "type", "output shape", "parameters"), layers, n_text=3),
        "",
        total,
        "",
    ]
    return "\n".join(lines)
