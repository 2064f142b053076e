"""The columns of one-vs-rest tables: their names, headings, number formats and means."""

import math
from dataclasses import dataclass
from typing import Literal

import pandas as pd

COUNTS = ("tp", "fn", "fp", "tn")


@dataclass(frozen=True)
class Column:
    """One column of a one-vs-rest table.

    Attributes
    ----------
    name : str
        Its name in :meth:`~sk_cifar_ovr.OvRReport.frame`.
    heading : str
        Short heading, below the heading of its group.
    group : str
        Heading above several columns; may be empty.
    kind : {"percent", "score", "count"}
        "percent" is a fraction that every table shows in percent. "score" is computed from probabilities; the report
        page shows it with three decimals. "count" is a number of samples.
    """

    name: str
    heading: str
    group: str = ""
    kind: Literal["percent", "score", "count"] = "percent"

    @property
    def long_heading(self) -> str:
        """Heading for tables without a row of groups."""
        return f"{self.group} {self.heading}" if self.group in ("class", "others", "macro") else self.heading


COLUMNS = {
    column.name: column
    for column in (
        Column("accuracy", "accuracy"),
        *(
            Column(f"{group}_{name}", heading, group)
            for group in ("class", "others", "macro")
            for name, heading in (("precision", "P"), ("recall", "R"), ("f1", "F1"))
        ),
        *(Column(name, name, "counts", "count") for name in COUNTS),
        Column("specificity", "specificity", "imbalance"),
        Column("geometric_mean", "G-mean", "imbalance"),
        Column("index_balanced_accuracy", "IBA", "imbalance"),
        Column("average_precision", "AP", "probability", "score"),
        Column("roc_auc", "AUC", "probability", "score"),
        Column("calibration_error", "ECE", "probability", "score"),
    )
}


def long_heading(column: str) -> str:
    """Return the heading of a column for tables without a row of groups."""
    return COLUMNS[column].long_heading


def shown(column: str, value: float | None) -> str:
    """Return the text of a cell: a count as an integer, a fraction in percent, a dash for NaN, nothing for None."""
    if value is None:
        return ""
    if math.isnan(value):
        return "-"
    return str(int(value)) if column in COUNTS else f"{100 * value:.1f}"


def column_means(frame: pd.DataFrame) -> pd.Series:
    """Return the mean over classes of every column except the class and the counts, without NaN."""
    return frame.drop(columns=["class", *COUNTS]).mean()
