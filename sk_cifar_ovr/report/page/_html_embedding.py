"""The interactive embedding of the report page: points, a tooltip for each, and filters."""

from html import escape

import numpy as np
from bokeh.model import Model
from bokeh.models import (
    BooleanFilter,
    CDSView,
    ColumnDataSource,
    CustomJS,
    DataRange1d,
    HoverTool,
    InlineStyleSheet,
    WheelZoomTool,
)
from bokeh.models.widgets.groups import CheckboxButtonGroup, RadioButtonGroup
from bokeh.models.widgets.markups import Div
from bokeh.plotting import figure

from ...plots import MARKERS, PALETTE
from .._embedding import Embedding
from .._run import Run
from ._thumbnails import data_uris

# Maximum number of characters for all images together; the page is to stay below 15 MB.
IMAGES_BUDGET = 8_000_000
# With more classes than fit into a tooltip, it shows the most probable ones.
MAX_CLASSES_IN_TOOLTIP = 30
N_MOST_PROBABLE = 5

# Bokeh's name of each matplotlib marker, and a character that looks like it.
_BOKEH_MARKERS = {
    "o": ("circle", "●"),
    "s": ("square", "■"),
    "D": ("diamond", "◆"),
    "^": ("triangle", "▲"),
    "v": ("inverted_triangle", "▼"),
    "P": ("plus", "✚"),
    "X": ("star", "★"),
}
# Colour and marker of an image without labels.
NO_LABEL = ("#8a8f96", "circle")
# Values of the second filter and their labels.
KINDS = {"all": "all images", "wrong": "with a wrong answer", "missed": "own class missed", "false_yes": "false yes"}

_FILTER = """
const data = source.data;
const chosen = new Set(classes.active);
const kind = columns[kinds.active];
const kept = Array.from(data.labels, (labels, i) =>
    (chosen.size == 0 || labels.some((k) => chosen.has(k))) && (kind == "all" || data[kind][i] == 1));
keep.booleans = kept;
shown.text = `${kept.filter(Boolean).length.toLocaleString("en")} of ${kept.length.toLocaleString("en")} images`;
"""

_TOOLTIP_STYLE = """<style>
.card { font: 12px/1.35 system-ui, sans-serif; color: #1b1f24; padding: 2px; }
.card header { display: flex; gap: 10px; align-items: center; margin-bottom: 6px; }
.card img { width: 96px; height: 96px; object-fit: contain; image-rendering: pixelated; background: #eee; }
.card b { font-size: 14px; }
.card .answers { display: grid; grid-auto-flow: column; column-gap: 14px; }
.card .answer { display: grid; grid-template-columns: minmax(0, 9em) 60px 3.2em 1em; gap: 6px; align-items: center; }
.card .answer span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.card .bar { height: 8px; background: #e6e8eb; }
.card .bar i { display: block; height: 8px; background: #3f90da; }
.card .number { text-align: right; font-variant-numeric: tabular-nums; }
.card .yes0 { visibility: hidden; }
</style>"""


def interactive_embedding(run: Run, embedding: Embedding) -> dict[str, Model]:
    """Return the parts of the interactive embedding.

    Parameters
    ----------
    run : Run
    embedding : Embedding

    Returns
    -------
    dict of str to bokeh.model.Model
        `classes` and `kinds` (buttons that filter), `shown` (number of points shown) and `map` (the plot).
    """
    names = [str(label) for label in run.estimator.classes_]
    source = ColumnDataSource(_point_data(run, embedding, names))
    keep = BooleanFilter()
    n = len(embedding.indices)
    wraps = InlineStyleSheet(
        css=".bk-btn-group { flex-wrap: wrap; row-gap: 4px; } .bk-btn { white-space: normal; max-width: 100%; }"
    )
    # The buttons are the legend too.
    legend = InlineStyleSheet(css="".join(_legend_css(k) for k in range(len(names))))
    classes = CheckboxButtonGroup(labels=names, name="classes", margin=0, stylesheets=[wraps, legend])
    kinds = RadioButtonGroup(labels=list(KINDS.values()), active=0, name="kinds", margin=0, stylesheets=[wraps])
    shown = Div(text=f"{n:,} of {n:,} images", name="shown", margin=0)
    models = {"source": source, "keep": keep, "classes": classes, "kinds": kinds, "shown": shown}
    apply_filters = CustomJS(args={**models, "columns": list(KINDS)}, code=_FILTER)
    for widget in (classes, kinds):
        widget.js_on_change("active", apply_filters)
    return {"classes": classes, "kinds": kinds, "shown": shown, "map": _scatter_plot(source, keep, names)}


def _point_data(run: Run, embedding: Embedding, names: list[str]) -> dict[str, object]:
    """Columns of the data source: position, class, image, kinds of mistakes and predictions of each point."""
    indices = embedding.indices
    predicted, probabilities = run.predicted[indices], run.probabilities[indices]
    truth = run.truth
    is_class, is_rest = truth.positive[indices], truth.negative[indices]
    labels = [np.flatnonzero(row).tolist() for row in is_class]
    # An image with several labels has the colour of the first; one without labels is grey.
    styles = [(PALETTE[row[0] % len(PALETTE)], _bokeh_marker(row[0])[0]) if row else NO_LABEL for row in labels]
    data: dict[str, object] = {
        "x": embedding.points[:, 0].astype(np.float32),
        "y": embedding.points[:, 1].astype(np.float32),
        "true": [str(label) for label in truth.labels()[indices]],
        "labels": labels,
        "color": [color for color, _ in styles],
        "marker": [marker for _, marker in styles],
        "image": data_uris(run.data.X_test[indices], budget=IMAGES_BUDGET),
        "wrong": ((is_class & ~predicted) | (is_rest & predicted)).any(axis=1).astype(np.uint8),
        "missed": (is_class & ~predicted).any(axis=1).astype(np.uint8),
        "false_yes": (predicted & is_rest).any(axis=1).astype(np.uint8),
    }
    if len(names) > MAX_CLASSES_IN_TOOLTIP:
        return {**data, "answers": [_most_probable(names, *row) for row in zip(probabilities, predicted, strict=True)]}
    percent = np.rint(100 * probabilities).astype(np.uint8)
    for k in range(len(names)):
        data[f"percent{k}"], data[f"yes{k}"] = percent[:, k], predicted[:, k].astype(np.uint8)
    return data


def _most_probable(names: list[str], probabilities: np.ndarray, predicted: np.ndarray) -> str:
    """HTML lines with the most probable classes of one image."""
    first = np.argsort(-probabilities, kind="stable")[:N_MOST_PROBABLE]
    lines = (f"{names[k]} {100 * probabilities[k]:.0f} %{' ✓' if predicted[k] else ''}" for k in first)
    return "<br>".join(escape(line) for line in lines)


def _tooltip(names: list[str]) -> str:
    """Template of the tooltip; Bokeh replaces ``@column`` by the value of the point."""
    if len(names) > MAX_CLASSES_IN_TOOLTIP:
        predictions = "@answers{safe}"
    else:
        n_columns = -(-len(names) // 10)
        n_rows = -(-len(names) // n_columns)
        lines = "".join(
            f'<div class="answer"><span>{_escape_template(name)}</span>'
            f'<span class="bar"><i style="width:@percent{k}%"></i></span>'
            f'<span class="number">@percent{k} %</span><span class="yes@yes{k}">✓</span></div>'
            for k, name in enumerate(names)
        )
        predictions = f'<div class="answers" style="grid-template-rows:repeat({n_rows},auto)">{lines}</div>'
    # The style is inside: Bokeh drops a style in front of the first element.
    return (
        f'<div class="card">{_TOOLTIP_STYLE}<header><img src="@image" alt="">'
        f"<div>true class<br><b>@true</b></div></header>{predictions}</div>"
    )


def _escape_template(text: str) -> str:
    """Escape both HTML and Bokeh's column references."""
    return escape(text).replace("@", "&#64;").replace("$", "&#36;")


def _bokeh_marker(k: int) -> tuple[str, str]:
    """Bokeh's marker of class k, and a character that looks like it."""
    return _BOKEH_MARKERS[MARKERS[k % len(MARKERS)]]


def _legend_css(k: int) -> str:
    character, color = _bokeh_marker(k)[1], PALETTE[k % len(PALETTE)]
    return f'.bk-btn:nth-child({k + 1})::before {{ content: "{character} "; color: {color}; }}'


def _scatter_plot(source: ColumnDataSource, keep: BooleanFilter, names: list[str]) -> Model:
    xs, ys = source.data["x"], source.data["y"]
    x_range, y_range = DataRange1d(), DataRange1d()
    plot = figure(
        height=620,
        sizing_mode="stretch_width",
        x_range=x_range,
        y_range=y_range,
        match_aspect=True,
        # Not WebGL: without a GPU it is four times slower, and it gives filtered points wrong markers (Bokeh 3.9).
        output_backend="canvas",
        tools="pan,box_zoom,reset",
        active_drag="pan",
        toolbar_location="above",
        margin=0,
        name="map",
    )
    # Two invisible points fix the ranges, so that filters do not change them.
    corners = plot.scatter([min(xs), max(xs)], [min(ys), max(ys)], size=0)
    x_range.renderers = y_range.renderers = [corners]
    points = plot.scatter(
        "x",
        "y",
        source=source,
        view=CDSView(filter=keep),
        marker="marker",
        size=9 if len(xs) <= 1000 else 5,
        fill_color="color",
        fill_alpha=0.85,
        line_color="white",
        line_width=0.3,
        hover_line_color="black",
        name="points",
    )
    plot.add_tools(
        HoverTool(renderers=[points], tooltips=_tooltip(names), point_policy="snap_to_data", limit=1),
        # The wheel without Ctrl scrolls the page.
        WheelZoomTool(modifiers="ctrl"),
    )
    plot.axis.visible = False
    plot.grid.visible = False
    plot.outline_line_color = "#d0d4d9"
    plot.toolbar.logo = None
    return plot
