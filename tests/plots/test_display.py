"""What all Displays do: pipelines, given axes, bad input, missing matplotlib."""

import os
import subprocess
import sys
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr.exceptions import MissingExtraError
from sk_cifar_ovr.plots import (
    EmbeddingDisplay,
    HistoryDisplay,
    OvRCalibrationDisplay,
    OvRConfusionDisplay,
    OvRCurvesDisplay,
    ReferenceDisplay,
)


@pytest.mark.parametrize("display", [OvRConfusionDisplay, OvRCurvesDisplay, OvRCalibrationDisplay, ReferenceDisplay])
def test_pipelines_draw_what_their_last_step_draws(display, digits):
    estimator, X, y = digits
    pipeline = make_pipeline(StandardScaler(), clone(estimator).set_params(estimator__C=0.1)).fit(X, y)
    drawn = display.from_estimator(pipeline, X, y).frame()
    expected = display.from_estimator(pipeline[-1], pipeline[0].transform(X), y).frame()
    assert drawn.equals(expected)


def test_two_classes():
    y = np.array([0, 1, 1, 0, 1])
    p = np.array([0.2, 0.9, 0.4, 0.6, 0.7])
    assert len(OvRConfusionDisplay.from_predictions(y, p > 0.5).axes_) == 2
    chosen = OvRCurvesDisplay.from_predictions(y, p, thresholds=0.6).frame().query("chosen")
    np.testing.assert_allclose(chosen["threshold"], [0.4, 0.6])
    assert len(OvRCalibrationDisplay.from_predictions(y, p).axes_) == 2


def test_given_axes_are_drawn_on(synthetic):
    y, probabilities, points, _ = synthetic
    figure, axes = plt.subplots(2, 3)
    confusion = OvRConfusionDisplay.from_predictions(y, probabilities > 0.5, ax=axes[0])
    assert confusion.figure_ is figure
    assert confusion.axes_.tolist() == axes[0].tolist()
    single = EmbeddingDisplay.from_predictions(y, points, ax=axes[1, 0])
    assert single.ax_ is axes[1, 0]
    assert len(figure.axes) == 6
    assert not figure.get_suptitle()
    with pytest.raises(ValueError, match="holds 2 axes where 3 are drawn on"):
        confusion.plot(ax=axes[1, :2])


def test_all_panels_share_the_place_of_one_given_subplot(synthetic, history):
    y, probabilities, points, _ = synthetic
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
    displays = [
        OvRConfusionDisplay.from_predictions(y, probabilities > 0.5, ax=right, n_columns=2),
        OvRCurvesDisplay.from_predictions(y, probabilities, ax=right),
        OvRCalibrationDisplay.from_predictions(y, probabilities, ax=right),
        EmbeddingDisplay.from_predictions(y, points, panels="classes", ax=right),
        HistoryDisplay(history).plot(ax=right),
    ]
    figure.canvas.draw()
    for display in displays:
        assert display.figure_ is figure
        assert display.ax_ is display.axes_[0]
        assert len(display.axes_) == (2 if isinstance(display, (OvRCurvesDisplay, HistoryDisplay)) else 3)
        for panel in display.axes_:
            assert panel.get_position().x0 > left.get_position().x1
    assert displays[0].axes_[2].get_position().y1 < displays[0].axes_[0].get_position().y0
    free = figure.add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match="holds 1 axes where 3 are drawn on; or give one subplot"):
        displays[0].plot(ax=free)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: OvRConfusionDisplay.from_predictions([0, 1], [0, 1], display_labels=["a"]), "1 names for 2"),
        (lambda: HistoryDisplay({}).plot(), "no epoch"),
        (lambda: EmbeddingDisplay([[0.0, 1], [2, 3]], [0]), "inconsistent numbers"),
        (lambda: EmbeddingDisplay([[0.0, 1], [2, np.nan]], [0, 1]), "NaN"),
        (lambda: EmbeddingDisplay(np.zeros((3, 2, 2)), [0, 1]), "3 planes for 2 classes"),
        (lambda: EmbeddingDisplay([[0.0, 1], [2, 3]], [0, 5], classes=[0, 1]), r"not in `classes` .* \[5\]"),
        (lambda: EmbeddingDisplay([[0.0, 1], [2, 3]], [0, 1]).plot(panels="one"), "`panels` must be"),
        (
            lambda: EmbeddingDisplay([[0.0, 1], [2, 3]], [0, 1]).plot(images=np.zeros((3, 4, 4))),
            "inconsistent numbers",
        ),
        (
            lambda: EmbeddingDisplay([[0.0, 1], [2, 3]], [0, 1]).plot(images=np.zeros((2, 16))),
            r"`images` must be \(n, h, w\) .* got \(2, 16\)",
        ),
        (lambda: HistoryDisplay.from_estimator(LogisticRegression()), "not fitted yet"),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_importing_loads_neither_matplotlib_nor_keras():
    code = "import sys, sk_cifar_ovr.plots; print({'matplotlib', 'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_missing_matplotlib_is_named(synthetic, history, monkeypatch):
    y, probabilities, points, _ = synthetic
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    for draw in (
        partial(OvRConfusionDisplay.from_predictions, y, probabilities > 0.5),
        partial(OvRCurvesDisplay.from_predictions, y, probabilities),
        partial(OvRCalibrationDisplay.from_predictions, y, probabilities),
        partial(EmbeddingDisplay.from_predictions, y, points),
        HistoryDisplay(history).plot,
    ):
        with pytest.raises(MissingExtraError, match="pip install matplotlib"):
            draw()


def test_a_machine_without_screen_draws(tmp_path):
    code = (
        "from sk_cifar_ovr import OvRConfusionDisplay\n"
        "OvRConfusionDisplay.from_predictions([0, 1, 1], [0, 1, 0]).figure_.savefig('drawn.png')"
    )
    hidden = ("MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")
