"""Every Display of several labels per sample, some of which are not known."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr.metrics import ovr_curves, ovr_report, reliability_bins
from sk_cifar_ovr.plots import (
    EmbeddingDisplay,
    OvRCalibrationDisplay,
    OvRConfusionDisplay,
    OvRCurvesDisplay,
    ReferenceDisplay,
)
from sk_cifar_ovr.plots._style import PALETTE

NAN = np.nan
NAMES = ["indoors", "person", "dog"]


@pytest.fixture(scope="module")
def several():
    """A label matrix as a data frame, probabilities and points of 90 samples."""
    rng = np.random.default_rng(0)
    matrix = (rng.random((90, 3)) < [0.5, 0.4, 0.2]).astype(float)
    probabilities = np.clip(0.5 * matrix + 0.6 * rng.random((90, 3)), 0, 1)
    points = matrix @ np.array([[2, 0], [0, 3], [-2, 1]]) + rng.normal(scale=0.5, size=(90, 2))
    matrix[rng.random((90, 3)) < 0.2] = NAN
    return pd.DataFrame(matrix, columns=NAMES), probabilities, points


def test_confusion_counts_known_labels(several):
    labels, probabilities, _ = several
    display = OvRConfusionDisplay.from_predictions(labels, probabilities > 0.5)
    assert [panel.get_title() for panel in display.axes_] == [f"{name} vs others" for name in NAMES]
    for (name, rows), panel in zip(display.frame().groupby("class", sort=False), display.axes_, strict=True):
        assert rows["count"].sum() == labels[name].notna().sum()
        assert [int(text.get_text().split()[0]) for text in panel.texts] == rows["count"].tolist()


def test_curves_and_calibration_are_the_tables(several):
    labels, probabilities, _ = several
    curves = OvRCurvesDisplay.from_predictions(labels, probabilities, thresholds=[0.5, 0.4, 0.3])
    pd.testing.assert_frame_equal(curves.frame(), ovr_curves(labels, probabilities, thresholds=[0.5, 0.4, 0.3]))
    assert len(curves.ax_.lines) == 3
    calibration = OvRCalibrationDisplay.from_predictions(labels, probabilities)
    pd.testing.assert_frame_equal(calibration.frame(), reliability_bins(labels, probabilities))
    assert len(calibration.axes_) == 3


def test_reference_is_compared_class_by_class(several):
    labels, probabilities, _ = several
    reference = ovr_report(labels, probabilities > 0.7).frame()
    display = ReferenceDisplay.from_predictions(labels, probabilities > 0.5, reference=reference)
    expected = ovr_report(labels, probabilities > 0.5).frame()["class_f1"]
    assert display.frame()["measured"][:3].tolist() == expected.tolist()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_displays_of_an_estimator_of_several_labels(n_classes, several):
    labels, _, points = several
    labels = labels.iloc[:, :n_classes]
    pipeline = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression()))
    pipeline.fit(points, labels.fillna(0).to_numpy(int))
    for display, options in [
        (OvRConfusionDisplay, {}),
        (OvRCurvesDisplay, {}),
        (OvRCalibrationDisplay, {}),
        (ReferenceDisplay, {"reference": ovr_report(labels, labels.fillna(0)).frame()}),
    ]:
        drawn = display.from_estimator(pipeline, points, labels, **options)
        assert drawn.frame()["class"].nunique() == n_classes + (display is ReferenceDisplay)


def offsets(panel, color):
    """Points drawn in a colour, sorted."""
    drawn = [dots for dots in panel.collections if np.allclose(dots.get_facecolor()[0, :3], to_rgba(color)[:3])]
    return sorted(np.concatenate([dots.get_offsets() for dots in drawn]).tolist())


def test_embedding_by_combination_of_labels():
    matrix = [[1, 1], [1, 0], [1, 0], [0, 0], [NAN, 1], [NAN, 0], [1, 0], [1, NAN]]
    points = np.arange(16.0).reshape(8, 2) ** 2
    display = EmbeddingDisplay.from_predictions(matrix, points, classes=["a", "b"], display_labels=["ant", "bee"])
    assert display.frame()["class"].tolist() == ["a, b", "a", "a", "none", "b", "not known", "a", "a"]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend[0] == "ant"
    assert set(legend) == {"ant", "ant, bee", "bee", "none", "not known"}
    assert display.ax_.get_title() == "8 points by combination of labels"
    drawn = {"ant": [1, 2, 6, 7], "ant, bee": [0], "bee": [4], "none": [3], "not known": [5]}
    for text, color in zip(legend, PALETTE, strict=False):
        assert offsets(display.ax_, color) == points[drawn[text]].tolist()


def test_embedding_shares_the_last_colour_among_rare_combinations():
    matrix = np.array([[int(bit) for bit in f"{k:04b}"] for k in range(16)])
    matrix = np.repeat(matrix, np.arange(16, 0, -1), axis=0)
    points = np.random.default_rng(0).normal(size=(len(matrix), 2))
    panel = EmbeddingDisplay.from_predictions(matrix, points).ax_
    legend = [text.get_text() for text in panel.get_legend().get_texts()]
    assert legend[:3] == ["none", "3", "2"]
    assert legend[9] == "other combinations"
    assert len(legend) == 10
    assert len(offsets(panel, PALETTE[9])) == 7 + 6 + 5 + 4 + 3 + 2 + 1
    assert len(offsets(panel, PALETTE[0])) == 16


def test_embedding_of_each_class_crosses_out_what_is_not_known(several):
    labels, _, points = several
    images = np.zeros((90, 4, 4), np.uint8)
    planes = np.stack([points, points + 1, points * 2])
    display = EmbeddingDisplay.from_predictions(labels, planes, panels="classes", images=images, n_thumbnails=5)
    assert "not known" in display.figure_.get_suptitle()
    for name, plane, panel in zip(NAMES, planes, display.axes_, strict=True):
        for value, dots in zip((None, 0, 1), panel.collections, strict=True):
            rows = labels[name].isna() if value is None else labels[name] == value
            np.testing.assert_array_equal(dots.get_offsets(), plane[rows])
        centers = [np.mean(np.reshape(image.get_extent(), (2, 2)), axis=1) for image in panel.images]
        positives = plane[labels[name] == 1]
        assert 0 < len(centers) <= 5
        assert all(np.isclose(positives, center).all(axis=1).any() for center in centers)
    whole = EmbeddingDisplay.from_predictions(labels.fillna(0), points, panels="classes")
    assert len(whole.ax_.collections) == 2
    assert "not known" not in whole.figure_.get_suptitle()


def test_only_the_images_that_are_drawn_are_read(several):
    labels, _, points = several

    class OnDemand:
        shape, dtype = (90, 4, 4, 1), np.dtype(np.uint8)
        n_read = 0

        def __len__(self):
            return 90

        def __getitem__(self, rows):
            part = np.arange(90, dtype=np.uint8)[rows]
            self.n_read += len(part)
            return np.broadcast_to(part[:, None, None, None], (len(part), 4, 4, 1))

    images = OnDemand()
    draw = partial(EmbeddingDisplay.from_predictions, labels, points, n_thumbnails=6)
    panel = draw(images=images).ax_
    assert images.n_read == len(panel.images) == 6
    expected = draw(images=images[:]).ax_
    for one, other in zip(panel.images, expected.images, strict=True):
        np.testing.assert_array_equal(one.get_array(), other.get_array())


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: EmbeddingDisplay(np.zeros((2, 2)), [[1, 3], [0, 1]]), "holds 3 in row 0 of column 1"),
        (lambda: EmbeddingDisplay(np.zeros((3, 2)), [[1, 0], [0, 1]]), "inconsistent numbers"),
        (lambda: EmbeddingDisplay(np.zeros((3, 2, 2)), [[1, 0], [0, 1]]), "3 planes for 2 classes"),
        (lambda: EmbeddingDisplay(np.zeros((2, 2)), [[1, 0], [0, 1]], classes=["a"]), "2 columns for 1 classes"),
        (lambda: OvRConfusionDisplay.from_predictions([[1, 0], [0, 1]], [0, 1]), "yes/no predictions of all classes"),
    ],
)
def test_bad_matrices_are_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
