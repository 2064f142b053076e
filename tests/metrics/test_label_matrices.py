"""Several labels per sample, some of which are not known."""

import warnings

import numpy as np
import pandas as pd
import pytest
from ovr_samples import random_predictions
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, roc_auc_score

from sk_cifar_ovr.metrics import ovr_curves, ovr_report, probability_scores, reliability_bins, worst_mistakes

NAN = np.nan
MATRIX = np.array([[1, 0, NAN], [1, 1, 0], [0, NAN, 1], [0, 1, NAN], [1, 0, 0]])
PREDICTED = np.array([[1, 1, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]])
PROBABILITIES = np.array([[0.9, 0.6, 0.7], [0.4, 0.8, 0.1], [0.2, 0.9, 0.6], [0.7, 0.3, 0.2], [0.6, 0.1, 0.8]])
FUNCTIONS = [ovr_curves, reliability_bins, probability_scores]


def unequal_matrix():
    """A matrix of 300 samples, probabilities, and which entries are known."""
    y, _, probabilities = random_predictions()
    matrix = (y[:, None] == np.unique(y)).astype(float)
    matrix[:, 1] = probabilities[:, 1] > 0.4
    known = np.random.default_rng(0).random(matrix.shape) < 0.7
    return matrix, probabilities, known


def test_counts_of_a_small_matrix():
    report = ovr_report(MATRIX, PREDICTED)
    assert report.confusion.tolist() == [[[2, 1], [1, 1]], [[1, 1], [1, 1]], [[1, 0], [1, 1]]]
    assert report.confusion.dtype == np.int64
    assert report.classes.tolist() == [0, 1, 2]
    assert report.n_samples == 5
    assert not report.argmax
    table = report.frame()
    np.testing.assert_allclose(table["class_precision"], [2 / 3, 1 / 2, 1 / 2])
    np.testing.assert_allclose(table["accuracy"], [3 / 5, 2 / 4, 2 / 3])
    assert repr(report).startswith("OvRReport(3 classes, 5 rows, 3 labels not known, ")
    assert "5 rows, 3 labels not known; " in report._repr_html_()
    np.testing.assert_allclose(report.cells().groupby(["class", "true"])["row_share"].sum(), 1)


def test_a_whole_matrix_notes_no_unknown_labels():
    report = ovr_report(np.nan_to_num(MATRIX), PREDICTED)
    assert "not known" not in repr(report) + report._repr_html_()


@pytest.mark.parametrize(
    "convert",
    [
        lambda hot: hot,
        lambda hot: hot.astype(np.int8),
        lambda hot: hot.astype(np.float32),
        lambda hot: hot.astype(int).tolist(),
        lambda hot: sparse.csr_matrix(hot),
        lambda hot: sparse.coo_array(hot.astype(float)),
        lambda hot: np.ma.masked_array(hot),
        lambda hot: pd.DataFrame(hot),
    ],
    ids=["bool", "int", "float", "list", "csr", "coo", "masked", "frame"],
)
def test_a_matrix_of_one_label_per_sample_gives_the_results_of_labels(convert):
    y, predicted, probabilities = random_predictions()
    classes = np.unique(y)
    matrix = convert(y[:, None] == classes)
    expected = ovr_report(y, predicted, probabilities=probabilities)
    report = ovr_report(matrix, predicted, classes=classes, probabilities=probabilities)
    pd.testing.assert_frame_equal(report.frame(imbalance=True), expected.frame(imbalance=True))
    assert repr(report) == repr(expected)
    for function in FUNCTIONS:
        pd.testing.assert_frame_equal(
            function(matrix, probabilities, classes=classes), function(y, probabilities), check_dtype=False
        )
    mistakes = worst_mistakes(matrix, predicted, probabilities, classes=classes)
    pd.testing.assert_frame_equal(mistakes, worst_mistakes(y, predicted, probabilities), check_dtype=False)


@pytest.mark.parametrize(
    "convert",
    [
        lambda matrix, known: np.where(known, matrix, NAN),
        lambda matrix, known: np.where(known, matrix, NAN).astype(np.float16),
        lambda matrix, known: np.where(known, matrix, None),
        lambda matrix, known: sparse.csr_matrix(np.where(known, matrix, NAN)),
        lambda matrix, known: np.ma.masked_array(matrix.astype(int), ~known),
        lambda matrix, known: pd.DataFrame(matrix).where(known),
        lambda matrix, known: pd.DataFrame(matrix).where(known).astype("Int8"),
        lambda matrix, known: pd.DataFrame(matrix).where(known).astype("boolean"),
    ],
    ids=["float", "half", "None", "sparse", "masked", "frame", "Int8", "boolean"],
)
def test_entries_not_known_are_left_out_of_their_class_only(convert):
    matrix, probabilities, known = unequal_matrix()
    given = convert(matrix, known)
    report = ovr_report(given, probabilities > 0.5, probabilities=probabilities)
    for k in range(4):
        rows = known[:, k]
        truth, p = matrix[rows, k].astype(bool), probabilities[rows, k]
        # The same samples as labels of two classes.
        alone = ovr_report(truth, p > 0.5, classes=[False, True], probabilities=p)
        assert report.confusion[k].tolist() == alone.confusion[1].tolist()
        assert report.scores["average_precision"][k] == average_precision_score(truth, p)
        assert report.scores["roc_auc"][k] == roc_auc_score(truth, p)
        assert report.scores["calibration_error"][k] == alone.scores["calibration_error"][1]
        for function in (ovr_curves, reliability_bins):
            part, whole = function(truth, p), function(given, probabilities)
            pd.testing.assert_frame_equal(
                whole[whole["class"] == k].drop(columns="class").reset_index(drop=True),
                part[part["class"]].drop(columns="class").reset_index(drop=True),
            )


def test_mistakes_on_labels_not_known_are_none():
    table = worst_mistakes(MATRIX, PREDICTED, PROBABILITIES, classes=["a", "b", "c"])
    assert table[["class", "mistake", "row", "true"]].to_numpy().tolist() == [
        ["a", "missed", 1, "a, b"],
        ["a", "false yes", 3, "b"],
        ["b", "missed", 3, "b"],
        ["b", "false yes", 0, "a"],
        ["c", "false yes", 4, "a"],
    ]
    nothing = worst_mistakes([[0, 0], [NAN, 0], [1, 1]], np.ones((3, 2)), np.full((3, 2), 0.8))
    assert nothing["true"].tolist() == ["none", "none", "not known"]


def test_two_columns_are_two_tasks():
    matrix, answers = [[1, 1], [0, 1], [0, 0]], [[1, 1], [1, 1], [0, 0]]
    assert ovr_report(matrix, answers).confusion.tolist() == [[[1, 0], [1, 1]], [[2, 0], [0, 1]]]
    probabilities = np.array([[0.9, 0.8], [0.6, 0.7], [0.1, 0.2]])
    curves = ovr_curves(matrix, probabilities, thresholds=0.3)
    assert curves.loc[curves["chosen"], "threshold"].tolist() == [0.3, 0.3]
    with pytest.raises(ValueError, match="1 columns for 2 classes"):
        ovr_curves(matrix, probabilities[:, 0])
    with pytest.raises(ValueError, match="1 columns for 2 classes"):
        ovr_report(matrix, [[1], [0], [0]])
    one_column = ovr_report([[1], [0], [0]], [1, 0, 1])
    assert one_column.argmax


def test_columns_of_a_frame_name_the_classes():
    frame = pd.DataFrame(MATRIX, columns=["cat", "dog", "owl"])
    report = ovr_report(frame, PREDICTED)
    assert report.classes.tolist() == ["cat", "dog", "owl"]
    order = [2, 0, 1]
    shuffled = ovr_report(frame.iloc[:, order], PREDICTED, classes=["cat", "dog", "owl"])
    np.testing.assert_array_equal(shuffled.confusion, report.confusion)
    by_position = ovr_report(frame, PREDICTED, classes=[7, 8, 9])
    np.testing.assert_array_equal(by_position.confusion, report.confusion)
    assert by_position.classes.tolist() == [7, 8, 9]
    unnamed = ovr_report(pd.DataFrame(MATRIX), PREDICTED, classes=[1, 2, 3])
    np.testing.assert_array_equal(unnamed.confusion, report.confusion)
    with pytest.raises(ValueError, match=r"columns \['cat', 'dog', 'owl'\] .* not the classes \['cat', 'dog', 'elk'\]"):
        ovr_report(frame, PREDICTED, classes=["cat", "dog", "elk"])


def test_predictions_may_be_sparse_or_a_frame():
    expected = ovr_report(MATRIX, PREDICTED).confusion
    for predicted in (sparse.csr_matrix(PREDICTED), pd.DataFrame(PREDICTED), PREDICTED.astype(bool)):
        np.testing.assert_array_equal(ovr_report(MATRIX, predicted).confusion, expected)


def test_a_class_of_known_positives_only_warns_as_usual():
    matrix = [[1, 1], [NAN, 0], [1, 1]]
    with pytest.warns(UndefinedMetricWarning, match="false_positive_rate is ill-defined .* class 0"):
        ovr_curves(matrix, np.full((3, 2), 0.5))
    with warnings.catch_warnings(action="error"):
        assert ovr_report(matrix, np.ones((3, 2))).confusion[0].tolist() == [[2, 0], [0, 0]]


def test_the_callers_matrix_is_unchanged():
    for matrix in (MATRIX.copy(), np.ma.masked_invalid(MATRIX), pd.DataFrame(MATRIX), sparse.csr_matrix(MATRIX)):
        before = matrix.copy()
        ovr_report(matrix, PREDICTED, probabilities=PROBABILITIES)
        if sparse.issparse(matrix):
            matrix, before = matrix.toarray(), before.toarray()
        np.testing.assert_array_equal(np.ma.getmaskarray(matrix), np.ma.getmaskarray(before))
        np.testing.assert_array_equal(np.asarray(matrix), np.asarray(before))


@pytest.mark.parametrize(
    ("y", "predicted", "options", "message"),
    [
        ([[0, 2], [1, 0]], np.eye(2), {}, "holds 2 in row 0 of column 1: it takes 1"),
        ([[0, -1], [1, 0]], np.eye(2), {}, "holds -1 in row 0 of column 1"),
        ([[0.5, 1], [1, NAN]], np.eye(2), {}, "holds 0.5 in row 0 of column 0"),
        ([[np.inf, 1], [1, 0]], np.eye(2), {}, "holds inf in row 0"),
        ([["cat", "dog"], ["owl", "cat"]], np.eye(2), {}, "holds 'cat' in row 0 of column 0"),
        ([["cat", "dog"], ["owl"]], np.eye(2), {}, "MultiLabelBinarizer"),
        ([[1, NAN], [0, NAN]], np.eye(2), {"classes": ["a", "b"]}, "No label of 'b' is known"),
        (np.zeros((0, 2)), np.zeros((0, 2)), {}, "No label of 0, 1 is known"),
        ([[1, 0], [0, 1]], [0, 1], {}, r"`predicted` has shape \(2,\): give the yes/no predictions of all classes"),
        ([[1, 0], [0, 1]], np.zeros((2, 3)), {}, "3 columns for 2 classes"),
        ([[1, 0], [0, 1]], np.zeros((3, 2)), {}, "inconsistent numbers"),
        ([[1, 0], [0, 1]], [[0.3, 0.2], [0.1, 0.9]], {}, "go into `probabilities`"),
        ([[1, 0], [0, 1]], np.eye(2), {"classes": ["a", "b", "c"]}, "2 columns for 3 classes"),
        ([[1, 0], [0, 1]], np.eye(2), {"classes": ["a", "a"]}, "names a class twice"),
        ([[1, 0], [0, 1]], np.eye(2), {"probabilities": [0.1, 0.2]}, "1 columns for 2 classes"),
        ([[1, 0], [0, 1]], np.eye(2), {"probabilities": [[0.1, NAN], [0.1, 0.2]]}, "NaN"),
        (np.zeros((2, 2, 2)), np.eye(2), {}, "Unknown label type"),
        (np.ma.masked_array([0, 1, 1], [False, True, False]), [0, 1, 1], {}, "masked entries"),
        (pd.DataFrame({"a": [1, 0], "b": ["x", "y"]}), np.eye(2), {}, "holds 'x' in row 0 of column 'b'"),
    ],
)
def test_bad_matrices_are_named(y, predicted, options, message):
    with pytest.raises(ValueError, match=message):
        ovr_report(y, predicted, **options)


def test_predictions_in_a_frame_are_matched_by_name():
    names, order = ["a", "b", "c"], [2, 0, 1]
    truth = pd.DataFrame(MATRIX, columns=names)
    predicted = pd.DataFrame(PREDICTED, columns=names)
    probabilities = pd.DataFrame(PROBABILITIES, columns=names)
    expected = ovr_report(truth, PREDICTED, probabilities=PROBABILITIES).frame(imbalance=True)
    for by in (order, [0, 1, 2]):
        report = ovr_report(truth, predicted.iloc[:, by], probabilities=probabilities.iloc[:, by])
        pd.testing.assert_frame_equal(report.frame(imbalance=True), expected)
    # Names that are no classes, and the numbers of unnamed columns, are positions.
    for other in (pd.DataFrame(PREDICTED), predicted.set_axis(["x", "y", "z"], axis=1)):
        assert ovr_report(truth, other).confusion.tolist() == ovr_report(truth, PREDICTED).confusion.tolist()
    with pytest.raises(
        ValueError, match=r"columns \['a', 'b', 'x'\] of the data frame `predicted` are not the classes"
    ):
        ovr_report(truth, predicted.set_axis(["a", "b", "x"], axis=1))
    labels = ["a", "b", "c", "a", "b"]
    assert (
        ovr_report(labels, predicted.iloc[:, order]).confusion.tolist()
        == ovr_report(labels, PREDICTED).confusion.tolist()
    )
