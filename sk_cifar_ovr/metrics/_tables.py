"""One-vs-rest tables as text: Markdown for terminals and files, HTML for notebooks."""

from html import escape

import pandas as pd

COUNTS = ("tp", "fn", "fp", "tn")

# Every column of a table: the group it stands in and its short name there.
_HEADINGS = {
    "accuracy": ("", "accuracy"),
    "class_precision": ("class", "P"),
    "class_recall": ("class", "R"),
    "class_f1": ("class", "F1"),
    "others_precision": ("others", "P"),
    "others_recall": ("others", "R"),
    "others_f1": ("others", "F1"),
    "macro_precision": ("macro", "P"),
    "macro_recall": ("macro", "R"),
    "macro_f1": ("macro", "F1"),
    "tp": ("counts", "tp"),
    "fn": ("counts", "fn"),
    "fp": ("counts", "fp"),
    "tn": ("counts", "tn"),
    "specificity": ("imbalance", "specificity"),
    "geometric_mean": ("imbalance", "G-mean"),
    "index_balanced_accuracy": ("imbalance", "IBA"),
    "average_precision": ("probability", "AP"),
    "roc_auc": ("probability", "AUC"),
    "calibration_error": ("probability", "ECE"),
}


def markdown_table(frame: pd.DataFrame, means: pd.Series, reference: pd.DataFrame | None = None) -> str:
    """Write a table of fractions as Markdown in percent, padded to be read as it is.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a class.
    means : pandas.Series
        The last row.
    reference : pandas.DataFrame, default=None
        Rows in the order of `frame`; its figures stand in brackets.

    Returns
    -------
    str
    """
    columns = [column for column in frame.columns if column != "class"]
    rows = [["class", *(long_heading(column) for column in columns)]]
    for i, label in enumerate(frame["class"]):
        other = None if reference is None else reference.iloc[i]
        rows.append([str(label), *(_cell(column, frame.iloc[i], other) for column in columns)])
    other = None if reference is None else reference.drop(columns=[*COUNTS, "class"]).mean()
    rows.append(["mean", *(_cell(column, means, other) for column in columns)])
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = [" | ".join(_pad(row, widths)) for row in rows]
    rule = " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join(f"| {line} |" for line in [lines[0], rule, *lines[1:]])


def html_table(frame: pd.DataFrame, means: pd.Series, caption: str) -> str:
    """Write a table of fractions as HTML in percent, with grouped headings and a bar behind each F1.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a class.
    means : pandas.Series
        The last row.
    caption : str
        The line above.

    Returns
    -------
    str
    """
    columns = [column for column in frame.columns if column != "class"]
    groups = list(dict.fromkeys(_HEADINGS[column][0] for column in columns))
    spans = {group: sum(_HEADINGS[column][0] == group for column in columns) for group in groups}
    above = "".join(f'<th colspan="{spans[group]}">{group}</th>' for group in groups)
    below = "".join(f"<th>{_HEADINGS[column][1]}</th>" for column in columns)
    named = [*zip(frame["class"], frame.to_dict("records"), strict=True), ("mean", means.to_dict())]
    body = "".join(
        f"<tr><th>{escape(str(label))}</th>{''.join(_html_cell(column, row) for column in columns)}</tr>"
        for label, row in named
    )
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr><th></th>{above}</tr><tr><th>class</th>{below}</tr></thead><tbody>{body}</tbody></table>"
    )


def long_heading(column: str) -> str:
    """Return what a column is called where its group is not written above it."""
    group, name = _HEADINGS[column]
    return f"{group} {name}" if group in ("class", "others", "macro") else name


def shown(column: str, value: float | None) -> str:
    """Return a cell's text: a count as it is, a fraction in percent, nothing for None."""
    if value is None:
        return ""
    return str(int(value)) if column in COUNTS else f"{100 * value:.1f}"


def _cell(column: str, row: pd.Series, reference: pd.Series | None) -> str:
    own = shown(column, row.get(column))
    other = "" if reference is None else shown(column, reference.get(column))
    return f"{own} ({other})" if other else own


def _pad(row: list[str], widths: list[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]


def _html_cell(column: str, row: dict[str, float]) -> str:
    text = shown(column, row.get(column))
    if not text or not column.endswith("_f1"):
        return f'<td style="text-align:right">{text}</td>'
    share = 100 * row[column]
    bar = f"background:linear-gradient(90deg,rgba(63,144,218,.3) {share:.1f}%,transparent {share:.1f}%)"
    return f'<td style="text-align:right;{bar}">{text}</td>'
