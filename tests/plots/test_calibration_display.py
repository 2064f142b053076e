"""Calibration curves: numbers and baseline picture."""

import numpy as np

from sk_cifar_ovr.plots import OvRCalibrationDisplay


def test_calibration_draws_its_frame(digits):
    display = OvRCalibrationDisplay.from_estimator(*digits)
    for (k, rows), ax in zip(display.frame().groupby("class"), display.axes_, strict=True):
        drawn = rows[["mean_probability", "share_positive"]]
        np.testing.assert_array_equal(ax.lines[1].get_xydata(), drawn)
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), drawn)
        assert f"ECE {display.scores['calibration_error'][k]:.3f}" in ax.get_title()


def test_calibration_like_baseline(synthetic, assert_like_baseline):
    y, probabilities, *_ = synthetic
    display = OvRCalibrationDisplay.from_predictions(y, probabilities)
    assert_like_baseline(display.plot, 3, "calibration")
