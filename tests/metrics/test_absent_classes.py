"""Classes without samples: not measured on request."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from sk_cifar_ovr import ovr_report
from sk_cifar_ovr.metrics import probability_scores

CLASSES = ["a", "b", "c"]
COUNTS = ["tp", "fn", "fp", "tn"]
PROBABILITIES = np.array([[0.9, 0.2, 0.6], [0.1, 0.8, 0.3], [0.7, 0.4, 0.1]])
PLAIN, MATRIX = ["a", "b", "a"], [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


def build(y, **options):
    return ovr_report(y, PROBABILITIES > 0.5, classes=CLASSES, probabilities=PROBABILITIES, **options)


@pytest.mark.parametrize("y", [PLAIN, MATRIX], ids=["plain", "matrix"])
def test_a_class_without_samples_has_no_metrics_and_no_warnings(y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = build(y, absent="nan")
        frame, mean = report.frame(imbalance=True), report.mean(imbalance=True)
    assert report.measured.tolist() == [True, True, False]
    assert frame.loc[2].drop(["class", *COUNTS]).isna().all()
    assert frame.loc[2, COUNTS].tolist() == [0, 0, 1, 2]
    assert frame.loc[:1].notna().all(axis=None)
    assert mean["class_f1"] == frame["class_f1"][:2].mean() == 1
    cells = [cell.strip() for cell in report.to_markdown().splitlines()[4].split("|")]
    assert cells == ["", "c", *["-"] * 10, "0", "0", "1", "2", ""]
    assert "nan" not in report._repr_html_()


def test_by_default_it_is_computed_from_the_counts():
    with pytest.warns(UserWarning, match="No positive class found"), pytest.warns(UndefinedMetricWarning):
        report = build(PLAIN)
    frame = report.frame()
    assert report.measured.all()
    assert frame["class_f1"].tolist() == [1, 1, 0]
    assert frame["others_recall"][2] == pytest.approx(2 / 3)


def test_other_values():
    for function in (build, lambda y, **options: probability_scores(y, PROBABILITIES, classes=CLASSES, **options)):
        with pytest.raises(ValueError, match="`absent` is 'skip'; it must be 'zero' or 'nan'"):
            function(PLAIN, absent="skip")
