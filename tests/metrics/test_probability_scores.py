import numpy as np
import pytest
from ovr_samples import random_predictions
from sklearn.calibration import calibration_curve
from sklearn.exceptions import UndefinedMetricWarning

from sk_cifar_ovr.metrics import calibration_error, probability_scores, reliability_bins


def test_bins_are_scikit_learns_and_weigh_into_the_error():
    y, _, probabilities = random_predictions()
    bins = reliability_bins(y, probabilities)
    scores = probability_scores(y, probabilities)
    for k, (label, rows) in enumerate(bins.groupby("class")):
        share, mean = calibration_curve(y == label, probabilities[:, k], n_bins=15)
        np.testing.assert_allclose(rows["share_positive"], share)
        np.testing.assert_allclose(rows["mean_probability"], mean)
        assert rows["count"].sum() == len(y)
        gaps = np.abs(share - mean) * rows["count"]
        assert calibration_error(rows) == pytest.approx(gaps.sum() / len(y))
        assert scores["calibration_error"][k] == pytest.approx(calibration_error(rows))


def test_calibration_error_knows_the_calibrated():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=20_000)
    y = (rng.uniform(size=20_000) < p).astype(int)
    assert probability_scores(y, p)["calibration_error"].max() < 0.02
    assert probability_scores(y, p**3)["calibration_error"].min() > 0.2


def test_scores_of_an_absent_class_are_scikit_learns():
    with pytest.warns((UndefinedMetricWarning, UserWarning)):
        scores = probability_scores([0, 1], np.full((2, 3), 0.5), classes=[0, 1, 2])
    assert np.isnan(scores["roc_auc"][2])
