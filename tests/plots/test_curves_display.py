"""Precision-recall and ROC curves: numbers and baseline picture."""

import numpy as np
import pytest

from sk_cifar_ovr.metrics import ovr_report, positive_probabilities, probability_scores
from sk_cifar_ovr.plots import OvRCurvesDisplay


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


def test_curves_like_baseline(synthetic, assert_like_baseline):
    y, probabilities, *_ = synthetic
    display = OvRCurvesDisplay.from_predictions(y, probabilities, thresholds=[0.5, 0.4, 0.3])
    assert_like_baseline(display.plot, 2, "curves")
