import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn.metrics import (
    classification_report_imbalanced,
    geometric_mean_score,
    make_index_balanced_accuracy,
    specificity_score,
)
from ovr_samples import COLUMNS, random_predictions
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from sk_cifar_ovr.metrics import ovr_report


def test_every_column_is_what_scikit_learn_computes():
    y, predicted, _ = random_predictions()
    report = ovr_report(y, predicted)
    table = report.frame()
    assert list(table.columns) == COLUMNS
    assert report.confusion.dtype == np.int64
    for k, row in table.iterrows():
        truth = y == row["class"]
        both = precision_recall_fscore_support(truth, predicted[:, k], labels=[True, False])[:3]
        macro = precision_recall_fscore_support(truth, predicted[:, k], average="macro")[:3]
        for name, (own, others), mean in zip(("precision", "recall", "f1"), both, macro, strict=True):
            np.testing.assert_allclose(row[f"class_{name}"], own, rtol=1e-12)
            np.testing.assert_allclose(row[f"others_{name}"], others, rtol=1e-12)
            np.testing.assert_allclose(row[f"macro_{name}"], mean, rtol=1e-12)
        assert row["accuracy"] == accuracy_score(truth, predicted[:, k])
        assert report.confusion[k].sum() == len(y)
    truth = y[:, None] == report.classes
    np.testing.assert_array_equal(report.confusion[:, ::-1, ::-1], multilabel_confusion_matrix(truth, predicted))


def test_imbalance_columns_are_imbalanced_learns():
    y, predicted, probabilities = random_predictions()
    table = ovr_report(y, predicted, probabilities=probabilities).frame(imbalance=True)
    assert list(table.columns) == [
        *COLUMNS,
        "specificity",
        "geometric_mean",
        "index_balanced_accuracy",
        "average_precision",
        "roc_auc",
        "calibration_error",
    ]
    balanced = make_index_balanced_accuracy()(geometric_mean_score)
    for k, row in table.iterrows():
        truth, answered = (y == row["class"]).astype(int), predicted[:, k].astype(int)
        np.testing.assert_allclose(row["specificity"], specificity_score(truth, answered))
        np.testing.assert_allclose(row["geometric_mean"], geometric_mean_score(truth, answered, average="binary"))
        np.testing.assert_allclose(row["index_balanced_accuracy"], balanced(truth, answered, average="binary"))
        np.testing.assert_allclose(row["roc_auc"], roc_auc_score(truth, probabilities[:, k]))
        np.testing.assert_allclose(row["average_precision"], average_precision_score(truth, probabilities[:, k]))
    plain = ovr_report(y, predicted).frame(imbalance=True)
    assert list(plain.columns)[-1] == "index_balanced_accuracy"


def test_imbalance_columns_are_those_of_the_imbalanced_report():
    rng = np.random.default_rng(3)
    y = rng.choice(4, size=300, p=[0.6, 0.25, 0.1, 0.05])
    labels = np.where(rng.random(300) < 0.6, y, rng.integers(4, size=300))
    table = ovr_report(y, labels).frame(imbalance=True).set_index("class")
    theirs = pd.DataFrame(classification_report_imbalanced(y, labels, output_dict=True))[list("0123")].T
    columns = {
        "pre": "class_precision",
        "rec": "class_recall",
        "spe": "specificity",
        "f1": "class_f1",
        "geo": "geometric_mean",
        "iba": "index_balanced_accuracy",
    }
    for name, own in columns.items():
        np.testing.assert_allclose(table[own], theirs[name].astype(float), rtol=1e-12, err_msg=own)
    np.testing.assert_array_equal(table["tp"] + table["fn"], theirs["sup"].astype(int))


def test_labels_count_as_one_answer_a_row():
    rng = np.random.default_rng(1)
    y, labels = rng.integers(4, size=(2, 200))
    report = ovr_report(y, labels)
    assert report.argmax
    one_hot = ovr_report(y, labels[:, None] == np.arange(4))
    assert not one_hot.argmax
    np.testing.assert_array_equal(report.confusion, one_hot.confusion)
    expected = precision_recall_fscore_support(y, labels)[2]
    np.testing.assert_allclose(report.frame()["class_f1"], expected)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_two_classes_take_the_answers_for_the_second(shape):
    y = np.array(["no", "yes", "yes", "no"])
    answered = np.array([False, True, False, False])
    report = ovr_report(y, answered.reshape(shape), probabilities=np.array([0.1, 0.9, 0.4, 0.2]).reshape(shape))
    np.testing.assert_array_equal(report.confusion, [[[2, 0], [1, 1]], [[1, 1], [0, 2]]])
    np.testing.assert_array_equal(report.confusion, ovr_report(y, np.where(answered, "yes", "no")).confusion)
    assert report.frame(imbalance=True)["roc_auc"].tolist() == [1, 1]


def test_boolean_labels_are_labels():
    y = [False, True, True]
    np.testing.assert_array_equal(ovr_report(y, y).confusion[1], [[2, 0], [0, 1]])


def test_classes_give_the_order_and_may_be_absent():
    y, predicted = ["b", "a"], [[True, False, False], [False, True, False]]
    with pytest.warns(UndefinedMetricWarning) as caught:
        table = ovr_report(y, predicted, classes=["b", "a", "c"]).frame()
    assert [str(warning.message).split()[0] for warning in caught] == ["class_precision", "class_recall", "class_f1"]
    assert all("0/0" in str(warning.message) and "class c." in str(warning.message) for warning in caught)
    assert table["class"].tolist() == ["b", "a", "c"]
    assert table["class_recall"].tolist() == [1, 1, 0]
    assert table["class_f1"].tolist() == [1, 1, 0]


def test_nothing_undefined_is_silent():
    with warnings.catch_warnings(action="error"):
        report = ovr_report(*random_predictions()[:2])
        report.frame(), report.to_markdown()


def test_pictures_of_a_report_do_not_warn():
    report = ovr_report([0, 1], [[False, False], [False, True]])
    with warnings.catch_warnings(action="error"):
        repr(report), report._repr_html_()


def test_mean_leaves_the_counts_out():
    report = ovr_report(*random_predictions()[:2])
    table = report.frame()
    assert report.mean()["class_f1"] == pytest.approx(table["class_f1"].mean())
    assert set(report.mean().index) == set(COLUMNS[1:11])
    assert f"{100 * table['class_f1'].mean():.1f} %" in repr(report)


def test_csv_round_trips_and_puts_the_reference_beside(tmp_path):
    report = ovr_report(*random_predictions()[:2])
    report.to_csv(tmp_path / "table.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "table.csv"), report.frame())
    report.to_csv(tmp_path / "beside.csv", report.frame().iloc[::-1])
    beside = pd.read_csv(tmp_path / "beside.csv")
    assert beside["reference_tp"].tolist() == beside["tp"].tolist()
    assert len(beside.columns) == len(COLUMNS) + len(COLUMNS) - 1


def test_cells_are_the_confusion_matrices():
    report = ovr_report(*random_predictions()[:2])
    cells = report.cells()
    np.testing.assert_array_equal(cells["count"].to_numpy().reshape(-1, 2, 2), report.confusion)
    np.testing.assert_allclose(cells.groupby(["class", "true"])["row_share"].sum(), 1)
    hits = cells[(cells["true"] == "class") & (cells["answered"] == "class")]
    np.testing.assert_allclose(hits["row_share"], report.frame()["class_recall"])
