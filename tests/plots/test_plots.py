"""Numbers in the figures, and the figures beside small baselines of synthetic data.

`SK_CIFAR_OVR_NEW_BASELINES=1 pytest tests/test_plots.py` draws the baselines anew: look at each before
it is committed.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.legend import Legend
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr.exceptions import MissingExtraError
from sk_cifar_ovr.metrics import ovr_report, positive_probabilities, probability_scores, reference_table
from sk_cifar_ovr.plots import (
    EmbeddingDisplay,
    HistoryDisplay,
    OvRCalibrationDisplay,
    OvRConfusionDisplay,
    OvRCurvesDisplay,
    ReferenceDisplay,
)
from sk_cifar_ovr.plots._embedding import _spread
from sk_cifar_ovr.plots._style import LINE_STYLES, MARKERS, PALETTE, class_style

BASELINES = Path(__file__).parent / "baseline"
NAMES = ["ant", "bee", "cow"]
HISTORY = {"loss": [0.9, 0.5, 0.4], "val_loss": [1.0, 0.7, 0.65], "accuracy": [0.5, 0.7, 0.8]}


@pytest.fixture(autouse=True)
def _default_style():
    with plt.style.context("default"):
        yield
    plt.close("all")


class OvR(OneVsRestClassifier):
    """scikit-learn's one-vs-rest with this package's `predict_ovr` and `thresholds_`."""

    thresholds_ = np.linspace(0.3, 0.7, 10)
    history_ = ({"loss": [2.0, 1.0]},) * 10

    def predict_ovr(self, X):
        return self.decision_function(X) >= np.log(self.thresholds_ / (1 - self.thresholds_))


class OneHistory:
    def __init__(self, first):
        self.history_ = {"loss": [float(first), 1.0]}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = X + np.random.default_rng(0).normal(scale=6, size=X.shape)
    return OvR(LogisticRegression(C=1e-3)).fit(X[:600], y[:600]), X[600:1200], y[600:1200]


@pytest.fixture(scope="module")
def synthetic():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 30, 10])
    probabilities = np.clip(0.5 * rng.uniform(size=(100, 3)) + 0.4 * np.eye(3)[y], 0, 1)
    points = rng.normal(size=(100, 2)) + 4 * np.array([[0, 0], [1, 0], [0, 1]])[y]
    ramp = np.linspace(0, 255, 64).astype(np.uint8).reshape(8, 8)
    images = np.stack([np.rot90(ramp, k)[..., None] for k in y])
    return y, probabilities, points, images


def assert_like_baseline(draw, n_panels, name, tmp_path):
    figure, axes = plt.subplots(1, n_panels, figsize=(2 * n_panels, 2), squeeze=False)
    draw(ax=axes)
    # Font renderers differ from machine to machine; what is written is asserted by the other tests.
    for written in [*figure.findobj(Text), *figure.findobj(Legend)]:
        written.set_visible(False)
    expected = BASELINES / f"{name}.png"
    drawn = tmp_path / f"{name}.png"
    figure.savefig(drawn, dpi=60)
    if os.environ.get("SK_CIFAR_OVR_NEW_BASELINES"):
        drawn.replace(expected)
    else:
        assert compare_images(str(expected), str(drawn), tol=2) is None


def test_confusion_draws_the_report(digits):
    estimator, X, y = digits
    display = OvRConfusionDisplay.from_estimator(estimator, X, y)
    confusion = ovr_report(y, estimator.predict_ovr(X)).confusion
    cells = display.frame()
    np.testing.assert_array_equal(cells["count"].to_numpy().reshape(-1, 2, 2), confusion)
    assert len(display.axes_) == 10
    assert len(display.figure_.axes) == 10
    for k, ax in enumerate(display.axes_):
        texts = [text.get_text().split("\n") for text in ax.texts]
        assert [int(count.replace(",", "")) for count, _ in texts] == confusion[k].ravel().tolist()
        shares = cells.loc[cells["class"] == k, "row_share"].to_numpy()
        assert [share for _, share in texts] == [f"{share:.1%}" for share in shares]
        np.testing.assert_allclose(ax.images[0].get_array(), shares.reshape(2, 2))
        assert ax.get_title() == f"{k} vs others"
    assert "one-vs-rest answers" in display.figure_.get_suptitle()
    labels = OvRConfusionDisplay.from_predictions(y, estimator.predict(X))
    assert "argmax labels" in labels.figure_.get_suptitle()


def test_confusion_like_baseline(synthetic, tmp_path):
    y, probabilities, *_ = synthetic
    report = ovr_report(y, probabilities > 0.5)
    assert_like_baseline(OvRConfusionDisplay(report).plot, 3, "confusion", tmp_path)


def test_curves_draw_their_frame_and_mark_the_thresholds(digits):
    estimator, X, y = digits
    display = OvRCurvesDisplay.from_estimator(estimator, X, y)
    curves = display.frame()
    precision_recall, roc = display.axes_
    for k, rows in curves.groupby("class"):
        np.testing.assert_array_equal(precision_recall.lines[k].get_xydata(), rows[["recall", "precision"]])
        np.testing.assert_array_equal(roc.lines[k].get_xydata(), rows[["false_positive_rate", "recall"]])
    chosen = curves[curves["chosen"]]
    np.testing.assert_allclose(chosen["threshold"], estimator.thresholds_)
    marks = np.vstack([points.get_offsets() for points in precision_recall.collections])
    np.testing.assert_array_equal(marks, chosen[["recall", "precision"]])
    table = ovr_report(y, estimator.predict_ovr(X)).frame()
    np.testing.assert_allclose(marks, table[["class_recall", "class_precision"]])
    scores = probability_scores(y, positive_probabilities(estimator, X))
    legend = [text.get_text() for text in roc.get_legend().get_texts()]
    areas = zip(scores["average_precision"], scores["roc_auc"], strict=True)
    assert legend == [f"{k} (AP {ap:.2f}, AUC {auc:.2f})" for k, (ap, auc) in enumerate(areas)]


def test_average_precision_is_the_area_below_the_drawn_steps(digits):
    display = OvRCurvesDisplay.from_estimator(*digits)
    for line, expected in zip(display.axes_[0].lines, display.scores["average_precision"], strict=True):
        assert line.get_drawstyle() == "steps-pre"
        recall, precision = line.get_xydata().T
        assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(expected)


def test_curves_like_baseline(synthetic, tmp_path):
    y, probabilities, *_ = synthetic
    display = OvRCurvesDisplay.from_predictions(y, probabilities, thresholds=[0.5, 0.4, 0.3])
    assert_like_baseline(display.plot, 2, "curves", tmp_path)


def test_calibration_draws_its_frame(digits):
    display = OvRCalibrationDisplay.from_estimator(*digits)
    for (k, rows), ax in zip(display.frame().groupby("class"), display.axes_, strict=True):
        drawn = rows[["mean_probability", "share_positive"]]
        np.testing.assert_array_equal(ax.lines[1].get_xydata(), drawn)
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), drawn)
        assert f"ECE {display.scores['calibration_error'][k]:.3f}" in ax.get_title()


def test_calibration_like_baseline(synthetic, tmp_path):
    y, probabilities, *_ = synthetic
    display = OvRCalibrationDisplay.from_predictions(y, probabilities)
    assert_like_baseline(display.plot, 3, "calibration", tmp_path)


@pytest.mark.parametrize("display", [OvRConfusionDisplay, OvRCurvesDisplay, OvRCalibrationDisplay, ReferenceDisplay])
def test_pipelines_draw_what_their_last_step_draws(display, digits):
    estimator, X, y = digits
    pipeline = make_pipeline(StandardScaler(), OvR(LogisticRegression(C=0.1))).fit(X, y)
    drawn = display.from_estimator(pipeline, X, y).frame()
    expected = display.from_estimator(pipeline[-1], pipeline[0].transform(X), y).frame()
    assert drawn.equals(expected)


def test_embedding_draws_every_point_once_by_class(synthetic):
    y, _, points, _ = synthetic
    display = EmbeddingDisplay.from_predictions(y, points, display_labels=NAMES, title="PCA")
    assert display.frame()[["x", "y"]].to_numpy().tolist() == points.tolist()
    for k in range(3):
        drawn = [dots for dots in display.ax_.collections if same_color(dots.get_facecolor()[0], PALETTE[k])]
        offsets = np.concatenate([dots.get_offsets() for dots in drawn])
        assert sorted(offsets.tolist()) == sorted(points[y == k].tolist())
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == NAMES
    assert display.ax_.get_title() == "PCA"


def test_embedding_draws_no_class_over_all_others():
    y = np.repeat([0, 1, 2], 1000)
    display = EmbeddingDisplay.from_predictions(y, np.random.default_rng(0).uniform(size=(3000, 2)))
    drawn = np.concatenate(
        [[dots.get_facecolor()[0, :3]] * len(dots.get_offsets()) for dots in display.ax_.collections]
    )
    turns = [np.flatnonzero(np.all(drawn == to_rgba(PALETTE[k])[:3], axis=1)) for k in range(3)]
    assert [len(turn) for turn in turns] == [1000] * 3
    np.testing.assert_allclose([np.mean(turn) for turn in turns], 1500, atol=150)


def same_color(one, other):
    return np.allclose(one[:3], to_rgba(other)[:3])


def test_embedding_of_each_class_may_have_its_own_plane(synthetic):
    y, _, points, _ = synthetic
    planes = np.stack([points, points + 1, points * 2])
    display = EmbeddingDisplay.from_predictions(y, planes, panels="classes")
    for k, ax in enumerate(display.axes_):
        others, own = ax.collections
        np.testing.assert_array_equal(own.get_offsets(), planes[k][y == k])
        np.testing.assert_array_equal(others.get_offsets(), planes[k][y != k])
    table = display.frame()
    assert len(table) == 300
    assert table.loc[table["panel"] == 2, "x"].tolist() == planes[2][:, 0].tolist()
    with pytest.raises(ValueError, match='panels="classes"'):
        display.plot(panels="all")


def test_embedding_from_a_transformer(digits):
    _, X, y = digits
    pipeline = make_pipeline(StandardScaler(), PCA(2, random_state=0)).fit(X)
    display = EmbeddingDisplay.from_estimator(pipeline, X, y, panels="classes")
    np.testing.assert_array_equal(display.frame()[["x", "y"]], pipeline.transform(X))
    with pytest.raises(ValueError, match=r"\(600, 3\)"):
        EmbeddingDisplay.from_estimator(PCA(3).fit(X), X, y)


@pytest.mark.parametrize("panels", ["all", "classes"])
def test_thumbnails_are_the_rows_images_and_do_not_overlap(panels, synthetic):
    y, _, points, images = synthetic
    display = EmbeddingDisplay.from_predictions(y, points, panels=panels, images=images, n_thumbnails=12)
    for k, ax in enumerate(display.axes_):
        assert 1 < len(ax.images) <= 12
        corners = []
        for image in ax.images:
            left, right, bottom, top = image.get_extent()
            place = np.array([(left + right) / 2, (bottom + top) / 2])
            row = np.abs(points - place).sum(axis=1).argmin()
            np.testing.assert_allclose(place, points[row])
            np.testing.assert_allclose(image.get_array(), images[row, ..., 0] / 255)
            assert panels == "all" or y[row] == k
            corners.append((left, bottom))
        side = right - left
        gaps = np.abs(np.array(corners)[:, None] - np.array(corners)).max(axis=2)
        assert gaps[~np.eye(len(corners), dtype=bool)].min() > side


def test_a_class_without_points_has_no_thumbnails(synthetic):
    y, _, points, images = synthetic
    display = EmbeddingDisplay.from_predictions(y, points, classes=[0, 1, 2, 3], panels="classes", images=images)
    assert [len(ax.images) > 0 for ax in display.axes_] == [True, True, True, False]


def test_spread_takes_no_point_twice():
    shown, spacing = _spread(np.array([[0.0, 0], [0, 0], [0, 0]]), 5, least=0)
    assert shown == [0]
    assert spacing == np.inf
    shown, spacing = _spread(np.array([[0.0, 0], [1, 0], [3, 0], [1.1, 0]]), 3, least=0.5)
    assert sorted(shown) == [0, 2, 3]
    assert spacing == pytest.approx(1.1)


@pytest.mark.parametrize(("panels", "n_panels"), [("all", 1), ("classes", 3)])
def test_embedding_like_baseline(panels, n_panels, synthetic, tmp_path):
    y, _, points, images = synthetic
    draw = partial(EmbeddingDisplay(points, y).plot, panels=panels, images=images, n_thumbnails=8)
    assert_like_baseline(draw, n_panels, f"embedding_{panels}", tmp_path)


def test_history_draws_its_frame():
    display = HistoryDisplay(HISTORY).plot()
    table = display.frame()
    assert [ax.get_title() for ax in display.axes_] == ["loss by epoch", "accuracy by epoch"]
    training, validation = display.axes_[0].lines
    assert training.get_ydata().tolist() == HISTORY["loss"]
    assert validation.get_ydata().tolist() == HISTORY["val_loss"]
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert table.groupby(["metric", "subset"], sort=False)["value"].apply(list).tolist() == [
        HISTORY["loss"],
        HISTORY["val_loss"],
        HISTORY["accuracy"],
    ]


def test_history_of_an_estimator_of_several_networks(digits):
    display = HistoryDisplay.from_estimator(digits[0])
    assert display.frame()["network"].unique().tolist() == list(range(10))
    assert len(display.axes_[0].lines) == 10


def test_history_of_separate_networks_has_a_line_for_each():
    class Independent:
        strategy = "independent"
        classes_ = np.array(NAMES)
        history_ = {"loss": [2.0, 1.0]}
        estimators_ = [OneHistory(k) for k in range(3)]

    table = HistoryDisplay.from_estimator(Independent()).frame()
    assert table.groupby("network", sort=False)["value"].apply(list).to_dict() == {
        "ant": [0.0, 1.0],
        "bee": [1.0, 1.0],
        "cow": [2.0, 1.0],
    }


def test_history_like_baseline(tmp_path):
    halved = {name: [value / 2 for value in values] for name, values in HISTORY.items()}
    assert_like_baseline(HistoryDisplay(HISTORY).plot, 2, "history", tmp_path)
    several = HistoryDisplay({"ant": HISTORY, "bee": halved})
    assert_like_baseline(several.plot, 2, "history_networks", tmp_path)


def test_reference_draws_both_figures(digits):
    estimator, X, y = digits
    display = ReferenceDisplay.from_estimator(estimator, X, y)
    table = display.frame()
    measured, reference = display.ax_.lines[:2]
    np.testing.assert_allclose(measured.get_xdata(), 100 * table["measured"])
    np.testing.assert_allclose(reference.get_xdata(), 100 * table["reference"])
    np.testing.assert_allclose(table["reference"][:10], reference_table()["class_f1"])
    expected = ovr_report(y, estimator.predict_ovr(X)).frame()["class_f1"]
    np.testing.assert_allclose(table["measured"], [*expected, expected.mean()])
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts[:11] == [f"{100 * difference:+.1f}" for difference in table["difference"]]
    macro = ReferenceDisplay.from_estimator(estimator, X, y, column="macro_f1")
    assert macro.ax_.get_xlabel() == "macro F1, percent"


def test_reference_like_baseline(synthetic, tmp_path):
    y, probabilities, *_ = synthetic
    report = ovr_report(y, probabilities > 0.45)
    reference = report.frame().assign(class_f1=[0.9, 0.8, 0.5])
    display = ReferenceDisplay.from_report(report, reference=reference)
    assert_like_baseline(display.plot, 1, "reference", tmp_path)


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


def test_all_panels_share_the_place_of_one_given_subplot(synthetic):
    y, probabilities, points, _ = synthetic
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
    displays = [
        OvRConfusionDisplay.from_predictions(y, probabilities > 0.5, ax=right, n_columns=2),
        OvRCurvesDisplay.from_predictions(y, probabilities, ax=right),
        OvRCalibrationDisplay.from_predictions(y, probabilities, ax=right),
        EmbeddingDisplay.from_predictions(y, points, panels="classes", ax=right),
        HistoryDisplay(HISTORY).plot(ax=right),
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


def test_a_missing_matplotlib_is_named(synthetic, monkeypatch):
    y, probabilities, points, _ = synthetic
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    for draw in (
        partial(OvRConfusionDisplay.from_predictions, y, probabilities > 0.5),
        partial(OvRCurvesDisplay.from_predictions, y, probabilities),
        partial(OvRCalibrationDisplay.from_predictions, y, probabilities),
        partial(EmbeddingDisplay.from_predictions, y, points),
        HistoryDisplay(HISTORY).plot,
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


def test_no_two_of_thirty_classes_look_alike():
    styles = [class_style(k) for k in range(30)]
    assert len({(style["color"], style["linestyle"]) for style in styles}) == 30
    assert len({(style["color"], style["marker"]) for style in styles}) == 30
    assert len(PALETTE) == 10
    assert len(LINE_STYLES) < len(MARKERS)


CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
LONG = [f"{word} of a kind with no short name, number {k}" for k, word in enumerate(CIFAR)]
# No mathematics, and no line of a legend to be left out.
ODD = ["$", r"$\frac$", "US$ and C$", "_background_", "a_b", "two\nlines", *CIFAR[:4]]


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


def test_many_classes_leave_room_for_the_panels():
    rng = np.random.default_rng(0)
    y, names = np.arange(80) % 40, [f"class number {k}" for k in range(40)]
    probabilities = rng.uniform(size=(80, 40))
    for display in (
        OvRCurvesDisplay.from_predictions(y, probabilities, display_labels=names),
        EmbeddingDisplay.from_predictions(y, rng.normal(size=(len(y), 2)), display_labels=names),
        HistoryDisplay(dict.fromkeys(names, HISTORY)).plot(),
    ):
        display.figure_.canvas.draw()
        (legend,) = display.figure_.findobj(Legend)
        box = legend.get_window_extent()
        assert display.figure_.bbox.padded(1).count_contains([box.p0, box.p1]) == 2
        for ax in display.axes_:
            assert min(ax.get_window_extent().size) / display.figure_.dpi > 1.5


@pytest.mark.parametrize("names", [CIFAR, LONG, ODD], ids=["cifar", "long", "odd"])
def test_no_text_covers_another(digits, names, monkeypatch):
    estimator, X, y = digits
    displays = [
        OvRConfusionDisplay.from_estimator(estimator, X, y, display_labels=names),
        OvRCurvesDisplay.from_estimator(estimator, X, y, display_labels=names),
        OvRCalibrationDisplay.from_estimator(estimator, X, y, display_labels=names),
        ReferenceDisplay.from_estimator(estimator, X, y, display_labels=names),
        EmbeddingDisplay.from_predictions(y, X[:, :2], panels="classes", display_labels=names),
        HistoryDisplay(dict.fromkeys(names, HISTORY)).plot(),
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
