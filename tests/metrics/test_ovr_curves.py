import numpy as np
import pytest
from ovr_samples import random_predictions
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from sk_cifar_ovr.metrics import ovr_curves, ovr_report


def test_curves_are_scikit_learns():
    y, _, probabilities = random_predictions()
    curves = ovr_curves(y, probabilities, thresholds=2.0)  # above all: adds no point of its own
    for k, (label, rows) in enumerate(curves[~curves["chosen"]].groupby("class")):
        truth = y == label
        precision, recall, thresholds = precision_recall_curve(truth, probabilities[:, k], drop_intermediate=True)
        np.testing.assert_allclose(rows["precision"], precision[::-1])
        np.testing.assert_allclose(rows["recall"], recall[::-1])
        np.testing.assert_allclose(rows["threshold"], [np.inf, *thresholds[::-1]])
        false, true, at = roc_curve(truth, probabilities[:, k], drop_intermediate=False)
        kept = np.isin(at, rows["threshold"])
        np.testing.assert_allclose(rows["false_positive_rate"], false[kept])
        np.testing.assert_allclose(rows["recall"], true[kept])
        area = np.trapezoid(rows["recall"], rows["false_positive_rate"])
        assert area == pytest.approx(roc_auc_score(truth, probabilities[:, k]))


def test_chosen_points_are_the_reports():
    y, _, probabilities = random_predictions()
    thresholds = np.array([0.3, 0.5, 0.7, probabilities[0, 3]])
    curves = ovr_curves(y, probabilities, thresholds=thresholds)
    chosen = curves[curves["chosen"]]
    table = ovr_report(y, probabilities >= thresholds).frame()
    assert chosen["threshold"].tolist() == thresholds.tolist()
    np.testing.assert_allclose(chosen["precision"], table["class_precision"])
    np.testing.assert_allclose(chosen["recall"], table["class_recall"])
    np.testing.assert_allclose(chosen["false_positive_rate"], 1 - table["others_recall"])
    for _, rows in curves.groupby("class"):
        assert (rows["threshold"].diff().dropna() <= 0).all()
        assert (rows["recall"].diff().dropna() >= 0).all()


def test_curves_of_two_classes_and_of_an_absent_one():
    curves = ovr_curves([0, 1, 1], [0.2, 0.9, 0.6], thresholds=[0.7])
    np.testing.assert_allclose(curves.loc[curves["chosen"], "threshold"], [0.3, 0.7])
    with pytest.warns(UndefinedMetricWarning, match="recall is ill-defined .* class 2"):
        absent = ovr_curves([0, 1], np.full((2, 3), 0.5), classes=[0, 1, 2])
    assert (absent.loc[absent["class"] == 2, "recall"] == 0).all()
    with pytest.raises(ValueError, match="2 values for 3 classes"):
        ovr_curves([0, 1, 2], np.full((3, 3), 0.5), thresholds=[0.5, 0.5])
