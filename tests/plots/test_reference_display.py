"""Scores beside a reference: numbers and baseline picture."""

import numpy as np

from sk_cifar_ovr.metrics import ovr_report, reference_table
from sk_cifar_ovr.plots import ReferenceDisplay


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


def test_reference_like_baseline(synthetic, assert_like_baseline):
    y, probabilities, *_ = synthetic
    report = ovr_report(y, probabilities > 0.45)
    reference = report.frame().assign(class_f1=[0.9, 0.8, 0.5])
    display = ReferenceDisplay.from_report(report, reference=reference)
    assert_like_baseline(display.plot, 1, "reference")
