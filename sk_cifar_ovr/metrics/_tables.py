"""One-vs-rest tables as text: Markdown for terminals and files, HTML for notebooks."""

import math
from html import escape
from itertools import groupby

import pandas as pd

from ._columns import COLUMNS, column_means, long_heading, shown


def markdown_table(frame: pd.DataFrame, reference: pd.DataFrame | None = None) -> str:
    """Return a table of fractions as Markdown in percent, with aligned columns and the means as last row.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per class.
    reference : pandas.DataFrame, default=None
        Reference results in the order of `frame`, shown in brackets.

    Returns
    -------
    str
    """
    names = list(frame.columns.drop("class"))
    references = [None] * (len(frame) + 1) if reference is None else _with_means(reference)
    rows = [["class", *map(long_heading, names)]]
    for row, other in zip(_with_means(frame), references, strict=True):
        rows.append([str(row["class"]), *(_markdown_cell(name, row, other) for name in names)])
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    first, *widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    rows.insert(1, ["-" * first, *("-" * (width - 1) + ":" for width in widths)])
    lines = ([row[0].ljust(first), *map(str.rjust, row[1:], widths)] for row in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def html_table(frame: pd.DataFrame, caption: str) -> str:
    """Return a table of fractions as HTML in percent, with grouped headings and a bar behind each F1.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per class.
    caption : str
        Caption of the table.

    Returns
    -------
    str
    """
    columns = [COLUMNS[name] for name in frame.columns.drop("class")]
    groups = [(group, len(list(members))) for group, members in groupby(columns, key=lambda column: column.group)]
    above = "".join(f'<th colspan="{span}">{group}</th>' for group, span in groups)
    below = "".join(f"<th>{column.heading}</th>" for column in columns)
    body = "".join(
        f"<tr><th>{escape(str(row['class']))}</th>{''.join(_html_cell(column.name, row) for column in columns)}</tr>"
        for row in _with_means(frame)
    )
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr><th></th>{above}</tr><tr><th>class</th>{below}</tr></thead><tbody>{body}</tbody></table>"
    )


def _with_means(frame: pd.DataFrame) -> list[dict]:
    """Rows of a table as dictionaries, with the means as last row."""
    return [*frame.to_dict("records"), {"class": "mean", **column_means(frame)}]


def _markdown_cell(name: str, row: dict, reference: dict | None) -> str:
    text = shown(name, row.get(name))
    other = shown(name, reference.get(name)) if reference else ""
    return f"{text} ({other})" if other else text


def _html_cell(name: str, row: dict) -> str:
    text, style = shown(name, row.get(name)), "text-align:right"
    if text and name.endswith("_f1") and not math.isnan(row[name]):
        share = f"{100 * row[name]:.1f}%"
        style += f";background:linear-gradient(90deg,rgba(63,144,218,.3) {share},transparent {share})"
    return f'<td style="{style}">{text}</td>'
