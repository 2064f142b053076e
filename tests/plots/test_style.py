"""Colours and class names: told apart, readable and inside the figure."""

import numpy as np
import pytest
from matplotlib.legend import Legend
from matplotlib.text import Text

from sk_cifar_ovr.plots import (
    EmbeddingDisplay,
    HistoryDisplay,
    OvRCalibrationDisplay,
    OvRConfusionDisplay,
    OvRCurvesDisplay,
    ReferenceDisplay,
)
from sk_cifar_ovr.plots._style import LINE_STYLES, MARKERS, PALETTE, class_style

CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
LONG = [f"{word} of a kind with no short name, number {k}" for k, word in enumerate(CIFAR)]
# Neither mathematics nor legend entries to omit.
ODD = ["$", r"$\frac$", "US$ and C$", "_background_", "a_b", "two\nlines", *CIFAR[:4]]


def test_no_two_of_thirty_classes_look_alike():
    styles = [class_style(k) for k in range(30)]
    assert len({(style["color"], style["linestyle"]) for style in styles}) == 30
    assert len({(style["color"], style["marker"]) for style in styles}) == 30
    assert len(PALETTE) == 10
    assert len(LINE_STYLES) < len(MARKERS)


def test_names_of_classes_are_text(synthetic):
    y, probabilities, points, _ = synthetic
    names = ["$x_1$", r"$\frac$", "_background_"]
    display = EmbeddingDisplay.from_predictions(y, points, display_labels=names)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == names
    display.figure_.canvas.draw()
    panels = OvRConfusionDisplay.from_predictions(y, probabilities > 0.5, display_labels=names).axes_
    assert [ax.title.get_parse_math() for ax in panels] == [False] * 3


def test_long_names_differ_still(synthetic):
    y, _, points, _ = synthetic
    display = EmbeddingDisplay.from_predictions(y, points, display_labels=LONG[:3])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[0] == "airplane of a kind…e, number 0"
    assert len(set(texts)) == 3


def test_many_classes_leave_room_for_the_panels(history):
    rng = np.random.default_rng(0)
    y, names = np.arange(80) % 40, [f"class number {k}" for k in range(40)]
    probabilities = rng.uniform(size=(80, 40))
    for display in (
        OvRCurvesDisplay.from_predictions(y, probabilities, display_labels=names),
        EmbeddingDisplay.from_predictions(y, rng.normal(size=(len(y), 2)), display_labels=names),
        HistoryDisplay(dict.fromkeys(names, history)).plot(),
    ):
        display.figure_.canvas.draw()
        (legend,) = display.figure_.findobj(Legend)
        box = legend.get_window_extent()
        assert display.figure_.bbox.padded(1).count_contains([box.p0, box.p1]) == 2
        for ax in display.axes_:
            assert min(ax.get_window_extent().size) / display.figure_.dpi > 1.5


@pytest.mark.parametrize("names", [CIFAR, LONG, ODD], ids=["cifar", "long", "odd"])
def test_no_text_covers_another(digits, names, history, monkeypatch):
    estimator, X, y = digits
    displays = [
        OvRConfusionDisplay.from_estimator(estimator, X, y, display_labels=names),
        OvRCurvesDisplay.from_estimator(estimator, X, y, display_labels=names),
        OvRCalibrationDisplay.from_estimator(estimator, X, y, display_labels=names),
        ReferenceDisplay.from_estimator(estimator, X, y, display_labels=names),
        EmbeddingDisplay.from_predictions(y, X[:, :2], panels="classes", display_labels=names),
        HistoryDisplay(dict.fromkeys(names, history)).plot(),
    ]
    drawn: list[Text] = []
    draw = Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, renderer: drawn.append(text) or draw(text, renderer))
    for display in displays:
        drawn.clear()
        display.figure_.canvas.draw()
        seen = [text for text in drawn if text.get_visible() and text.get_text()]
        boxes = [(text.get_text(), text.get_window_extent()) for text in seen]
        assert len(boxes) > 10
        for i, (text, box) in enumerate(boxes):
            covered = [other for other, below in boxes[:i] if box.overlaps(below)]
            assert not covered, (type(display).__name__, text, covered)
            inside = display.figure_.bbox.padded(1)
            assert inside.contains(*box.p0), (type(display).__name__, text)
            assert inside.contains(*box.p1), (type(display).__name__, text)
