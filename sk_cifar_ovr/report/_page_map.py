"""The map of a run, to be explored in a browser: its points, a card for each, filters."""

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

from ..plots import MARKERS, PALETTE
from ._map import Map
from ._run import Run
from ._thumbnails import data_uris

# Characters that the images may take of the page's 15 MB.
IMAGES_BUDGET = 8_000_000
# More classes than these would not fit on a card, nor their columns into the page.
MOST_ON_CARD = 30
BEST_ON_CARD = 5

# What Bokeh calls matplotlib's markers, and the letters that look like them.
_SHAPES = {
    "o": ("circle", "●"),
    "s": ("square", "■"),
    "D": ("diamond", "◆"),
    "^": ("triangle", "▲"),
    "v": ("inverted_triangle", "▼"),
    "P": ("plus", "✚"),
    "X": ("star", "★"),
}
KINDS = {"all": "all images", "wrong": "with a wrong answer", "missed": "own class missed", "false_yes": "false yes"}

_FILTER = """
const data = source.data;
const chosen = new Set(classes.active.map((k) => classes.labels[k]));
const kind = columns[kinds.active];
const kept = Array.from(data.true, (name, i) =>
    (chosen.size == 0 || chosen.has(name)) && (kind == "all" || data[kind][i] == 1));
keep.booleans = kept;
shown.text = `${kept.filter(Boolean).length.toLocaleString("en")} of ${kept.length.toLocaleString("en")} images`;
"""

_CARD_STYLE = """<style>
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


def explorer(result: Run, found: Map) -> dict[str, Model]:
    """The parts of the interactive map.

    Parameters
    ----------
    result : Run
    found : Map

    Returns
    -------
    dict of str to bokeh.model.Model
        `classes` and `kinds` (buttons that filter), `shown` (how many are shown) and `map`.
    """
    names = [str(label) for label in result.estimator.classes_]
    source = ColumnDataSource(_columns(result, found, names))
    keep = BooleanFilter()
    n = len(found.rows)
    wraps = InlineStyleSheet(
        css=".bk-btn-group { flex-wrap: wrap; row-gap: 4px; } .bk-btn { white-space: normal; max-width: 100%; }"
    )
    # The buttons are the legend too.
    marks = InlineStyleSheet(css="".join(_mark(k) for k in range(len(names))))
    classes = CheckboxButtonGroup(labels=names, name="classes", margin=0, stylesheets=[wraps, marks])
    kinds = RadioButtonGroup(labels=list(KINDS.values()), active=0, name="kinds", margin=0, stylesheets=[wraps])
    shown = Div(text=f"{n:,} of {n:,} images", name="shown", margin=0)
    parts = {"source": source, "keep": keep, "classes": classes, "kinds": kinds, "shown": shown}
    choose = CustomJS(args={**parts, "columns": list(KINDS)}, code=_FILTER)
    for widget in (classes, kinds):
        widget.js_on_change("active", choose)
    return {"classes": classes, "kinds": kinds, "shown": shown, "map": _plot(source, keep, names)}


def _columns(result: Run, found: Map, names: list[str]) -> dict[str, object]:
    truth, answers = result.truth[found.rows], result.answers[found.rows]
    is_class = truth[:, None] == np.asarray(result.estimator.classes_)
    probabilities = result.probabilities[found.rows]
    place = is_class.argmax(axis=1)
    columns: dict[str, object] = {
        "x": found.points[:, 0].astype(np.float32),
        "y": found.points[:, 1].astype(np.float32),
        "true": [names[k] for k in place],
        "color": [PALETTE[k % len(PALETTE)] for k in place],
        "marker": [_shape(k)[0] for k in place],
        "image": data_uris(result.data.X_test[found.rows], budget=IMAGES_BUDGET),
        "wrong": (answers != is_class).any(axis=1).astype(np.uint8),
        "missed": (is_class & ~answers).any(axis=1).astype(np.uint8),
        "false_yes": (answers & ~is_class).any(axis=1).astype(np.uint8),
    }
    if len(names) > MOST_ON_CARD:
        return {**columns, "answers": [_best(names, *row) for row in zip(probabilities, answers, strict=True)]}
    percent = np.rint(100 * probabilities).astype(np.uint8)
    for k in range(len(names)):
        columns[f"percent{k}"], columns[f"yes{k}"] = percent[:, k], answers[:, k].astype(np.uint8)
    return columns


def _best(names: list[str], probabilities: np.ndarray, answers: np.ndarray) -> str:
    first = np.argsort(-probabilities, kind="stable")[:BEST_ON_CARD]
    lines = (f"{names[k]} {100 * probabilities[k]:.0f} %{' ✓' if answers[k] else ''}" for k in first)
    return "<br>".join(escape(line) for line in lines)


def _card(names: list[str]) -> str:
    if len(names) > MOST_ON_CARD:
        answers = "@answers{safe}"
    else:
        rows = -(-len(names) // -(-len(names) // 10))
        lines = "".join(
            f'<div class="answer"><span>{_literal(name)}</span>'
            f'<span class="bar"><i style="width:@percent{k}%"></i></span>'
            f'<span class="number">@percent{k} %</span><span class="yes@yes{k}">✓</span></div>'
            for k, name in enumerate(names)
        )
        answers = f'<div class="answers" style="grid-template-rows:repeat({rows},auto)">{lines}</div>'
    # The style inside: one in front of the first element does not reach the page.
    return (
        f'<div class="card">{_CARD_STYLE}<header><img src="@image" alt="">'
        f"<div>true class<br><b>@true</b></div></header>{answers}</div>"
    )


def _literal(text: str) -> str:
    """Text as it is: neither markup nor a column's place."""
    return escape(text).replace("@", "&#64;").replace("$", "&#36;")


def _shape(k: int) -> tuple[str, str]:
    """Bokeh's name of the k-th class's shape, and the letter that looks like it."""
    return _SHAPES[MARKERS[k % len(MARKERS)]]


def _mark(k: int) -> str:
    letter, color = _shape(k)[1], PALETTE[k % len(PALETTE)]
    return f'.bk-btn:nth-child({k + 1})::before {{ content: "{letter} "; color: {color}; }}'


def _plot(source: ColumnDataSource, keep: BooleanFilter, names: list[str]) -> Model:
    xs, ys = source.data["x"], source.data["y"]
    x_range, y_range = DataRange1d(), DataRange1d()
    plot = figure(
        height=620,
        sizing_mode="stretch_width",
        x_range=x_range,
        y_range=y_range,
        match_aspect=True,
        # Not WebGL: where no graphics card takes part it is four times slower, and it gives filtered points the
        # shapes of others (Bokeh 3.9).
        output_backend="canvas",
        tools="pan,box_zoom,reset",
        active_drag="pan",
        toolbar_location="above",
        margin=0,
        name="map",
    )
    # Filters leave the frame where it is: it follows two unseen points, not those shown.
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
        HoverTool(renderers=[points], tooltips=_card(names), point_policy="snap_to_data", limit=1),
        # With the key held: the wheel alone scrolls the page.
        WheelZoomTool(modifiers="ctrl"),
    )
    plot.axis.visible = False
    plot.grid.visible = False
    plot.outline_line_color = "#d0d4d9"
    plot.toolbar.logo = None
    return plot
