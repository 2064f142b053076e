import numpy as np
import pandas as pd
import pytest
from ovr_samples import COLUMNS, REPORTED

from sk_cifar_ovr.metrics import ovr_report, reference_table


def test_reference_follows_from_its_counts():
    table = reference_table()
    assert list(table.columns) == COLUMNS
    pd.testing.assert_frame_equal(table[["class", "tp", "fn", "fp", "tn"]], REPORTED[["class", "tp", "fn", "fp", "tn"]])
    assert (table[["tp", "fn"]].sum(axis=1) == 1000).all()
    assert (table[["fp", "tn"]].sum(axis=1) == 9000).all()
    percents = COLUMNS[1:11]
    off = (100 * table[percents] - REPORTED[percents]).abs() > 0.5
    # The counts win where the report's rounding slipped; never in the accuracy, nor before class 5.
    assert not off["accuracy"].any()
    assert set(table["class"][off.any(axis=1)]) == {5, 6, 7, 8, 9}
    assert 100 * table["class_f1"].mean() == pytest.approx(76.3, abs=0.05)
    assert 100 * table["macro_f1"].mean() == pytest.approx(86.9, abs=0.05)


def test_reference_rows_are_matched_by_class_else_by_position():
    y = np.arange(10)
    reference = reference_table()
    by_class = ovr_report(y[::-1], y[::-1], classes=y[::-1]).beside(reference)
    assert by_class["reference_tp"].tolist() == reference["tp"].tolist()[::-1]
    names = np.array(list("abcdefghij"))
    assert ovr_report(names, names).beside(reference)["reference_tp"].tolist() == reference["tp"].tolist()
    against = ovr_report(names, names).against(reference, "macro_f1")
    assert against["class"].tolist() == [*names, "mean"]
    assert against["difference"].iloc[-1] == pytest.approx(1 - reference["macro_f1"].mean())
    booleans = ovr_report([False, True, True], [False, True, False])
    assert booleans.beside(booleans.frame())["reference_tp"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="cannot be matched"):
        ovr_report([0, 1, 12], [0, 1, 12]).beside(reference)
