"""The table of a run, to be sorted in a browser."""

from typing import Any

from bokeh.models import ColumnDataSource, InlineStyleSheet
from bokeh.models.widgets.tables import DataTable, HTMLTemplateFormatter, NumberFormatter, StringFormatter, TableColumn

from ..metrics import COUNTS, long_heading, shown
from ._run import Run

SCORES = ("average_precision", "roc_auc", "calibration_error")
# Pixels of a row; rows seen at once.
HEIGHT = 30
MOST_ROWS = 20
# Pixels of a character in the column of names, and how wide that is.
CHARACTER = 9
NAMES_WIDTH = (110, 280)
# `value` is the measured figure, which the column is sorted by.
_BESIDE = (
    '<div style="text-align:right"><%= value.toFixed(1) %> '
    '<span style="color:#666">(<%= reference_{column} %>)</span></div>'
)


def table(result: Run) -> DataTable:
    """One row a class in percent, the reference in brackets; a click on a heading sorts by this run's figure.

    Parameters
    ----------
    result : Run

    Returns
    -------
    bokeh.models.widgets.tables.DataTable
    """
    frame, scores, reference = result.table.frame(), result.table.scores, result.reference
    shares = frame.columns.drop(["class", *COUNTS])
    cells: dict[str, Any] = {"class": [str(label) for label in frame["class"]]}
    cells |= {column: (100 * frame[column]).tolist() for column in shares}
    cells |= {column: frame[column].tolist() for column in COUNTS}
    share, width = NumberFormatter(format="0.0", text_align="right"), 84
    formats: dict[str, Any] = dict.fromkeys(shares, share)
    if reference is not None:
        beside, width = result.table.beside(reference), 104
        cells |= {f"reference_{column}": [shown(column, x) for x in beside[f"reference_{column}"]] for column in shares}
        formats = {column: HTMLTemplateFormatter(template=_BESIDE.format(column=column)) for column in shares}
    least, most = NAMES_WIDTH
    names = min(most, max(least, CHARACTER * max(map(len, cells["class"]))))
    columns = [_column("class", names, StringFormatter(font_style="bold"))]
    columns += [_column(column, width, formats[column]) for column in shares]
    if scores is not None:
        cells |= {column: scores[column].tolist() for column in SCORES}
        columns += [_column(column, 66, NumberFormatter(format="0.000", text_align="right")) for column in SCORES]
    columns += [_column(column, 62, NumberFormatter(format="0,0", text_align="right")) for column in COUNTS]
    return DataTable(
        source=ColumnDataSource(cells),
        columns=columns,
        autosize_mode="none",
        index_position=None,
        selectable=False,
        reorderable=False,
        row_height=HEIGHT,
        # The heading, the rows and a bar to scroll by.
        height=HEIGHT * (min(len(frame), MOST_ROWS) + 1) + 20,
        sizing_mode="stretch_width",
        margin=0,
        # Headings stand above their figures.
        stylesheets=[InlineStyleSheet(css=".slick-header-column:not(:first-child) { text-align: right !important; }")],
        name="table",
    )


def _column(name: str, width: int, formatter: StringFormatter) -> TableColumn:
    title = "class" if name == "class" else long_heading(name)
    return TableColumn(field=name, title=title, width=width, formatter=formatter)
