"""The report of a run as one HTML page without external files."""

from base64 import b64encode
from typing import Any

from bokeh.embed import components
from bokeh.model import Model
from bokeh.models import ColumnDataSource, InlineStyleSheet
from bokeh.models.widgets.tables import (
    CellFormatter,
    DataTable,
    HTMLTemplateFormatter,
    NumberFormatter,
    StringFormatter,
    TableColumn,
)
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from ..metrics import COLUMNS, shown, worst_mistakes
from ._embedding import Embedding
from ._figures import DPI, PageFigure
from ._html_embedding import interactive_embedding
from ._metadata import PROMISE_HEADINGS, layer_table, promise_note, promise_rows, run_description
from ._run import Run
from ._thumbnails import data_uris

# Maximum number of characters for all images of mistakes together.
MISTAKES_BUDGET = 1_000_000
CSS_PIXELS_PER_INCH = 96
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


def html_page(
    run: Run, embedding: Embedding | None, figures: list[tuple[PageFigure, bytes]], *, no_embedding: str = ""
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    run : Run
    embedding : Embedding or None
    figures : list of (PageFigure, PNG)
    no_embedding : str, default=""
        Why there is no embedding.

    Returns
    -------
    str
    """
    models: dict[str, Model] = {"table": sortable_table(run)}
    if embedding is not None:
        models |= interactive_embedding(run, embedding)
    script, divs = components(models)
    layers, total = layer_table(run)
    environment = Environment(loader=PackageLoader(__package__), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(
        origin=run.data.origin,
        classes=run.estimator.classes_,
        n_test=f"{len(run.y_true):,}",
        means=_means(run),
        has_reference=run.reference is not None,
        multilabel=run.data.multilabel,
        promises=promise_rows(run),
        promise_headings=PROMISE_HEADINGS,
        promise_note=promise_note(run),
        embedding_title=embedding and embedding.title,
        no_embedding=no_embedding,
        mistakes=_mistakes(run),
        figures=[_embedded(figure, png) for figure, png in figures],
        description=run_description(run),
        layers=layers,
        total=total,
        # Generated here or by Bokeh; everything else is escaped.
        bokeh={name: Markup(div) for name, div in divs.items()},
        script=Markup(script),
        # Only the components in use: MathJax alone takes 1.8 MB.
        resources=Markup(Resources("inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"]).render()),
    )


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
    cells = {"class": labels, **numbers.to_dict("list")}
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
            formatter: CellFormatter = NumberFormatter(format=number_format, text_align="right")
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


def _means(run: Run) -> list[tuple[str, str, str]]:
    """Labels, means over classes, and means of the reference (or empty text) at the top of the page."""
    mean, reference = run.report.mean(imbalance=True), run.reference
    argmax = []
    if run.argmax_report is not None:
        argmax = [("Mean class F1 by argmax", f"{100 * run.argmax_report.mean()['class_f1']:.1f} %", "")]
    percents = {"Mean class F1": "class_f1", "Mean macro F1": "macro_f1", "Mean accuracy": "accuracy"}
    return [
        *(
            (
                label,
                f"{100 * mean[column]:.1f} %",
                "" if reference is None else f"{100 * reference[column].mean():.1f}",
            )
            for label, column in percents.items()
        ),
        *argmax,
        ("Mean average precision", f"{mean['average_precision']:.3f}", ""),
        ("Mean calibration error", f"{mean['calibration_error']:.3f}", ""),
    ]


def _mistakes(run: Run) -> list[tuple[str, list[tuple[str, list[dict[str, Any]]]]]]:
    """Images of the worst mistakes by class and kind of mistake."""
    worst = worst_mistakes(run.y_true, run.predicted, run.probabilities, classes=run.estimator.classes_)
    rows = worst["row"].unique()
    uris = dict(zip(rows.tolist(), data_uris(run.data.X_test[rows], budget=MISTAKES_BUDGET), strict=True))
    mistakes = []
    for label in run.estimator.classes_.tolist():
        kinds = []
        for kind, heading in (("missed", "Missed"), ("false yes", "False yes")):
            chosen = worst[(worst["class"] == label) & (worst["mistake"] == kind)]
            images = [
                {"uri": uris[row], "row": row, "true": true, "percent": f"{100 * probability:.0f} %"}
                for row, true, probability in zip(chosen["row"], chosen["true"], chosen["probability"], strict=True)
            ]
            kinds.append((heading, images))
        mistakes.append((label, kinds))
    return mistakes


def _embedded(figure: PageFigure, png: bytes) -> dict[str, Any]:
    # Bytes 16 to 19 of a PNG are its width.
    width = int.from_bytes(png[16:20])
    return {
        "name": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "uri": f"data:image/png;base64,{b64encode(png).decode()}",
        "width": round(width * CSS_PIXELS_PER_INCH / DPI),
    }
