"""The table of the report page, which a click on a heading sorts."""

from bokeh.models import ColumnDataSource, InlineStyleSheet
from bokeh.models.widgets.tables import (
    CellFormatter,
    DataTable,
    HTMLTemplateFormatter,
    NumberFormatter,
    StringFormatter,
    TableColumn,
)

from ...metrics import COLUMNS, shown
from .._run import Run

# Width in pixels and number format of each kind of column, in the order of the page.
NUMBER_FORMATS = {"percent": (84, "0.0"), "score": (66, "0.000"), "count": (62, "0,0")}
# The measured value, by which the column is sorted, and the reference in brackets.
WIDTH_BESIDE = 104
TEMPLATE_BESIDE = (
    '<div style="text-align:right"><%= value.toFixed(1) %> '
    '<span style="color:#666">(<%= reference_{name} %>)</span></div>'
)
ROW_HEIGHT = 30
MAX_VISIBLE_ROWS = 20
# Pixels per character in the column of class names, and the limits of its width.
CHARACTER_WIDTH = 9
NAMES_WIDTH = (110, 280)


def sortable_table(run: Run) -> DataTable:
    """Return the table of a run: one row per class, percentages with the reference in brackets, scores and counts.

    A click on a heading sorts by the values of this run.

    Parameters
    ----------
    run : Run

    Returns
    -------
    bokeh.models.widgets.tables.DataTable
    """
    frame, scores, reference = run.report.frame(), run.report.scores, run.reference
    labels, numbers = frame["class"].map(str).tolist(), frame.drop(columns="class")
    if scores is not None:
        numbers = numbers.join(scores.drop(columns="class"))
    kinds = {kind: [name for name in numbers if COLUMNS[name].kind == kind] for kind in NUMBER_FORMATS}
    percents = kinds["percent"]
    numbers[percents] *= 100
    # Bokeh shows None as a dash; NaN it does not sort.
    cells = {"class": labels, **numbers.astype(object).where(numbers.notna(), None).to_dict("list")}
    if reference is not None:
        beside = run.report.beside(reference)
        cells |= {f"reference_{name}": [shown(name, x) for x in beside[f"reference_{name}"]] for name in percents}
    low, high = NAMES_WIDTH
    names_width = min(high, max(low, CHARACTER_WIDTH * max(map(len, labels))))
    columns = [
        TableColumn(field="class", title="class", width=names_width, formatter=StringFormatter(font_style="bold"))
    ]
    for kind, (width, number_format) in NUMBER_FORMATS.items():
        for name in kinds[kind]:
            formatter: CellFormatter = NumberFormatter(format=number_format, null_format="-", text_align="right")
            if kind == "percent" and reference is not None:
                width, formatter = WIDTH_BESIDE, HTMLTemplateFormatter(template=TEMPLATE_BESIDE.format(name=name))
            title = COLUMNS[name].long_heading
            columns.append(TableColumn(field=name, title=title, width=width, formatter=formatter))
    return DataTable(
        source=ColumnDataSource(cells),
        columns=columns,
        autosize_mode="none",
        index_position=None,
        selectable=False,
        reorderable=False,
        row_height=ROW_HEIGHT,
        # The heading, the rows and a scroll bar.
        height=ROW_HEIGHT * (min(len(frame), MAX_VISIBLE_ROWS) + 1) + 20,
        sizing_mode="stretch_width",
        margin=0,
        # Headings are aligned with their numbers.
        stylesheets=[InlineStyleSheet(css=".slick-header-column:not(:first-child) { text-align: right !important; }")],
        name="table",
    )
