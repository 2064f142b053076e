import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from sk_cifar_ovr.metrics import ovr_report, promise_table

NAN = np.nan


def promise(label, metric, promised):
    return {"class": label, "metric": metric, "promised": promised, "reached": 0.8, "kept": True}


def test_promises_are_compared_with_the_report():
    report = ovr_report([[1, 1], [1, 0], [1, NAN], [0, 1]], [[1, 1], [1, 1], [0, 1], [1, 0]], classes=["cat", "dog"])
    table = promise_table(
        [promise("dog", "recall", 0.5), promise("cat", "precision", 0.7), promise("cat", "recall", 2 / 3)], report
    )
    assert table.columns.tolist() == ["class", "metric", "promised", "reached_cross_fitting", "reached", "kept"]
    assert table["class"].tolist() == ["dog", "cat", "cat"]
    np.testing.assert_allclose(table["reached"], [1 / 2, 2 / 3, 2 / 3])
    assert table["reached_cross_fitting"].tolist() == [0.8] * 3
    assert table["kept"].tolist() == [True, False, True]
    assert table["kept"].dtype == bool
    expected = report.frame().set_index("class")
    assert table["reached"].tolist() == [
        expected.loc["dog", "class_recall"],
        expected.loc["cat", "class_precision"],
        expected.loc["cat", "class_recall"],
    ]


@pytest.mark.parametrize("promises", [None, []])
def test_without_promises_the_table_is_empty(promises):
    table = promise_table(promises, ovr_report([0, 1], [0, 1]))
    assert table.empty
    assert "kept" in table


def test_an_undefined_metric_is_zero_with_a_warning():
    report = ovr_report([0, 1, 2], [0, 1, 1])
    with pytest.warns(UndefinedMetricWarning, match="precision is ill-defined .* class 2") as caught:
        table = promise_table([promise(2, "precision", 0.9), promise(0, "recall", 0.9)], report)
    assert len(caught) == 1
    assert table["reached"].tolist() == [0, 1]
    assert table["kept"].tolist() == [False, True]


def test_a_class_that_the_report_lacks_is_named():
    with pytest.raises(ValueError, match=r"Class 'owl' .* \[0, 1\]"):
        promise_table([promise("owl", "recall", 0.9)], ovr_report([0, 1], [0, 1]))
