"""Counts and ratios of any labels and predictions, against scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from properties import reproducible
from scipy.sparse import csr_matrix
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import multilabel_confusion_matrix, precision_recall_fscore_support

from sk_cifar_ovr.metrics import COUNTS, OvRReport, Truth, check_label_matrix, one_hot, ovr_report
from sk_cifar_ovr.metrics._ratios import ratio, warn_undefined
from sk_cifar_ovr.metrics._validation import check_predicted, check_probabilities, check_thresholds, check_truth

NAMES = np.array(["ant", "bee", "cow", "dog", "emu"])


@st.composite
def labelled(draw, max_classes=5):
    """Classes, labels of some of them and yes/no predictions."""
    n_classes = draw(st.integers(2, max_classes))
    n = draw(st.integers(1, 25))
    classes = NAMES[:n_classes] if draw(st.booleans()) else np.arange(n_classes) * 3
    index = st.integers(0, n_classes - 1)
    y = classes[draw(arrays("int64", n, elements=index))]
    return classes, y, draw(arrays(bool, (n, n_classes))), classes[draw(arrays("int64", n, elements=index))]


@st.composite
def matrices(draw):
    """A label matrix with 0, 1 and NaN, at least one known label in each column, and yes/no predictions."""
    n, n_classes = draw(st.integers(1, 15)), draw(st.integers(2, 5))
    labels = draw(arrays("float64", (n, n_classes), elements=st.sampled_from([0.0, 1.0, np.nan])))
    labels[draw(st.integers(0, n - 1))] = draw(arrays("float64", n_classes, elements=st.sampled_from([0.0, 1.0])))
    return labels, draw(arrays(bool, (n, n_classes)))


def counted(truth, predicted):
    """[[tp, fn], [fp, tn]] of each column, one by one."""
    cells = [[[0, 0], [0, 0]] for _ in truth[0]]
    for row, answers in zip(truth, predicted, strict=True):
        for k, (is_class, yes) in enumerate(zip(row, answers, strict=True)):
            if not np.isnan(is_class):
                cells[k][0 if is_class else 1][0 if yes else 1] += 1
    return cells


@reproducible(100)
@given(case=labelled())
def test_counts_of_yes_and_no_are_scikit_learns(case):
    classes, y, predicted, _ = case
    report = ovr_report(y, predicted, classes=classes)
    truth = y[:, None] == classes
    theirs = multilabel_confusion_matrix(truth, predicted)
    np.testing.assert_array_equal(report.confusion[:, ::-1, ::-1], theirs)
    assert report.confusion.tolist() == counted(truth, predicted)
    assert report.confusion.dtype == np.int64
    assert (report.confusion.sum(axis=(1, 2)) == len(y)).all()
    np.testing.assert_array_equal(report.classes, classes)
    assert (report.argmax, report.n_samples, report.scores, report.absent) == (False, len(y), None, "zero")


@reproducible(100)
@given(case=labelled())
def test_counts_of_labels_are_scikit_learns(case):
    classes, y, _, labels = case
    report = ovr_report(y, labels, classes=classes)
    theirs = multilabel_confusion_matrix(y, labels, labels=classes)
    np.testing.assert_array_equal(report.confusion[:, ::-1, ::-1], theirs)
    # Each sample has one class and gets one.
    assert report.confusion[:, 0].sum() == report.confusion[:, :, 0].sum() == len(y)
    assert report.argmax
    present = np.unique(np.r_[y, labels])
    if len(present) > 1:
        np.testing.assert_array_equal(ovr_report(y, labels).classes, present)


@reproducible(100)
@given(case=matrices(), kind=st.sampled_from(["array", "masked", "frame"]))
def test_counts_of_a_label_matrix_leave_out_what_is_not_known(case, kind):
    labels, predicted = case
    given_labels = {
        "array": lambda: labels,
        "masked": lambda: np.ma.masked_invalid(labels),
        "frame": lambda: pd.DataFrame(labels, columns=NAMES[: labels.shape[1]]),
    }[kind]()
    report = ovr_report(given_labels, csr_matrix(predicted) if kind == "masked" else predicted)
    assert report.confusion.tolist() == counted(labels, predicted)
    assert report.classes.tolist() == (
        NAMES[: labels.shape[1]].tolist() if kind == "frame" else [*range(len(labels[0]))]
    )
    assert report.n_samples == len(labels)
    n_unknown = int(np.isnan(labels).sum())
    assert (f"{n_unknown} labels not known" in repr(report)) == (n_unknown > 0)
    assert f"{len(labels)} rows" in repr(report)


@reproducible(80)
@given(case=labelled())
def test_fractions_are_scikit_learns(case):
    classes, y, predicted, _ = case
    truth = y[:, None] == classes
    with warnings.catch_warnings(action="ignore"):
        table = ovr_report(y, predicted, classes=classes).frame(imbalance=True)
        for k in range(len(classes)):
            both = precision_recall_fscore_support(
                truth[:, k], predicted[:, k], labels=[True, False], zero_division=0.0
            )[:3]
            for name, (own, rest) in zip(("precision", "recall", "f1"), both, strict=True):
                assert table[f"class_{name}"][k] == pytest.approx(own, abs=1e-15)
                assert table[f"others_{name}"][k] == pytest.approx(rest, abs=1e-15)
                assert table[f"macro_{name}"][k] == pytest.approx((own + rest) / 2, abs=1e-15)
            sensitivity, specificity = both[1]
            assert table["specificity"][k] == pytest.approx(specificity)
            assert table["geometric_mean"][k] ** 2 == pytest.approx(sensitivity * specificity)
            expected = (1 + 0.1 * (sensitivity - specificity)) * sensitivity * specificity
            assert table["index_balanced_accuracy"][k] == pytest.approx(expected)
    np.testing.assert_allclose(table["accuracy"], (truth == predicted).mean(axis=0))
    assert (table[list(COUNTS)].sum(axis=1) == len(y)).all()


@reproducible(80)
@given(case=labelled(), absent=st.sampled_from(["zero", "nan"]))
def test_every_fraction_that_is_undefined_is_named_and_0_and_no_other(case, absent):
    classes, y, predicted, _ = case
    report = ovr_report(y, predicted, classes=classes, absent=absent)
    has_samples = np.isin(classes, y)
    measured = has_samples if absent == "nan" else np.ones(len(classes), bool)
    np.testing.assert_array_equal(report.measured, measured)
    tp, fn, fp, tn = report.confusion.reshape(-1, 4).T
    undefined = {
        "class_precision": tp + fp == 0,
        "class_recall": tp + fn == 0,
        "class_f1": tp + fp + fn == 0,
        "others_precision": tn + fn == 0,
        "others_recall": tn + fp == 0,
        "others_f1": tn + fp + fn == 0,
    }
    expected = [
        f"{name} is ill-defined (0/0) and being set to 0.0 for class {', '.join(map(str, classes[rows & measured]))}."
        for name, rows in undefined.items()
        if (rows & measured).any()
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = report.frame()
    assert [str(warning.message) for warning in caught] == expected
    for name, rows in undefined.items():
        assert (table[name][rows & measured] == 0).all()
        assert table[name].isna().tolist() == (~measured).tolist()
    if measured.any():
        np.testing.assert_allclose(
            [report_mean(report)[name] for name in undefined], table[list(undefined)][measured].mean()
        )


def report_mean(report):
    with warnings.catch_warnings(action="ignore"):
        return report.mean()


def test_warnings_point_at_the_caller():
    with pytest.warns(UndefinedMetricWarning) as caught:
        ovr_report([0, 1], [[True, False], [False, False]]).frame()
    assert {warning.filename for warning in caught} == {__file__}


@reproducible(60)
@given(
    numerator=st.lists(st.integers(-9, 9), min_size=1, max_size=8),
    data=st.data(),
    undefined=st.sampled_from([0.0, 1.0, np.nan, -2.5]),
)
def test_a_ratio_with_a_value_for_nothing_of_nothing(numerator, data, undefined):
    denominator = data.draw(st.lists(st.integers(-3, 3), min_size=len(numerator), max_size=len(numerator)))
    found = ratio(np.array(numerator), np.array(denominator), undefined=undefined)
    expected = [a / b if b else undefined for a, b in zip(numerator, denominator, strict=True)]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(ratio(np.array(numerator), 2), np.array(numerator) / 2)
    np.testing.assert_array_equal(ratio(np.array(numerator), 0), np.zeros(len(numerator)))


def test_no_warning_where_nothing_is_undefined():
    with warnings.catch_warnings(action="error"):
        warn_undefined("f1", np.zeros(2, bool), NAMES[:2])


@reproducible(60)
@given(case=labelled())
def test_one_hot_is_true_at_the_class_alone(case):
    classes, y, _, _ = case
    hot = one_hot(y, classes, "y")
    assert hot.dtype == bool
    assert (hot.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(classes[hot.argmax(axis=1)], y)
    truth = check_truth(y, classes)
    np.testing.assert_array_equal(truth.positive, hot)
    np.testing.assert_array_equal(truth.negative, ~hot)
    np.testing.assert_array_equal(truth.labels(), y)
    assert len(truth) == len(y)
    assert truth.is_binary == (len(classes) == 2)
    assert not truth.multilabel


@reproducible(80)
@given(case=matrices())
def test_known_labels_of_a_matrix(case):
    labels, predicted = case
    truth = check_label_matrix(labels, NAMES[: labels.shape[1]])
    known = ~np.isnan(labels)
    assert (truth.known is None) == known.all()
    np.testing.assert_array_equal(truth.positive, labels == 1)
    np.testing.assert_array_equal(truth.negative, labels == 0)
    assert truth.multilabel
    assert not truth.is_binary
    for column, (label, positive, values) in enumerate(truth.tasks(predicted)):
        rows = known[:, column]
        assert label == NAMES[column]
        np.testing.assert_array_equal(positive, labels[rows, column] == 1)
        np.testing.assert_array_equal(values, predicted[rows, column])
    for text, row in zip(truth.labels(), labels, strict=True):
        names = NAMES[: len(row)][row == 1]
        expected = ", ".join(names) if len(names) else "not known" if np.isnan(row).any() else "none"
        assert text == expected


@reproducible(60)
@given(case=matrices(), data=st.data(), names=st.booleans())
def test_columns_of_frames_are_matched_by_name(case, data, names):
    labels, predicted = case
    n_classes = labels.shape[1]
    columns = NAMES[:n_classes] if names else np.arange(n_classes)
    order, other = (np.array(data.draw(st.permutations(range(n_classes)))) for _ in range(2))
    expected = ovr_report(labels, predicted, classes=columns).confusion
    frames = [
        pd.DataFrame(values[:, rows], columns=columns[rows])
        for values, rows in ((labels, order), (predicted, other if names else range(n_classes)))
    ]
    np.testing.assert_array_equal(ovr_report(*frames, classes=columns).confusion, expected)
    np.testing.assert_array_equal(ovr_report(*frames).classes, columns[order])
    # Numbers of columns are not names: without `classes`, predictions are then in the order of the label matrix.
    in_order = expected[order] if names else ovr_report(labels[:, order], predicted).confusion
    np.testing.assert_array_equal(ovr_report(*frames).confusion, in_order)


def test_numbered_columns_are_matched_by_position_where_they_are_no_classes():
    y, predicted = np.array(["cat", "dog"]), pd.DataFrame([[1, 0], [1, 1]])
    np.testing.assert_array_equal(ovr_report(y, predicted).confusion, [[[1, 0], [1, 0]], [[1, 0], [0, 1]]])
    labels = pd.DataFrame([[1, 0], [0, 1]], columns=["a", "b"])
    assert check_label_matrix(labels, ["cat", "dog"]).classes.tolist() == ["cat", "dog"]
    with pytest.raises(ValueError, match=r"columns \['a', 'dog'\] of the label matrix are not the classes"):
        check_label_matrix(labels.set_axis(["a", "dog"], axis=1), ["cat", "dog"])
    with pytest.raises(ValueError, match=r"columns \['dog', 'a'\] of the data frame `predicted` are not the classes"):
        ovr_report(y, predicted.set_axis(["dog", "a"], axis=1))
    with pytest.raises(ValueError, match="2 columns for 3 classes"):
        check_label_matrix(labels, ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"No label of 'a', 'b' is known"):
        check_label_matrix(pd.DataFrame({"a": [np.nan], "b": [None], "c": [1]}), None)


@reproducible(60)
@given(case=labelled(), data=st.data())
def test_probabilities_get_one_column_a_class(case, data):
    classes, y, _, _ = case
    truth = check_truth(y, classes)
    shape = (len(y), len(classes))
    p = data.draw(arrays("float64", shape, elements=st.floats(0, 1)))
    checked = check_probabilities(p, truth)
    np.testing.assert_array_equal(checked, p)
    assert checked.dtype == np.float64
    if len(classes) == 2:
        for second in (p[:, 1], p[:, 1:]):
            np.testing.assert_array_equal(check_probabilities(second, truth), np.c_[1 - p[:, 1], p[:, 1]])
    else:
        with pytest.raises(ValueError, match=f"1 columns for {len(classes)} classes"):
            check_probabilities(p[:, 1], truth)
    for wrong in (-1e-9, 1 + 1e-9):
        p[-1, -1] = wrong
        with pytest.raises(ValueError, match="outside 0-1"):
            check_probabilities(p, truth)


@reproducible(60)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=5), n_classes=st.integers(2, 5), multilabel=st.booleans())
def test_thresholds_get_one_value_a_class(values, n_classes, multilabel):
    truth = Truth(np.zeros((1, n_classes), bool), NAMES[:n_classes], multilabel=multilabel)
    if len(values) == 1:
        binary = n_classes == 2 and not multilabel
        expected = [1 - values[0], values[0]] if binary else values * n_classes
        for given_values in (values, values[0]):
            assert check_thresholds(given_values, truth).tolist() == expected
    elif len(values) == n_classes:
        checked = check_thresholds(values, truth)
        assert checked.tolist() == values
        checked[0] = 0.5  # writable, and no view of what was given
    else:
        with pytest.raises(ValueError, match=f"holds {len(values)} values for {n_classes} classes"):
            check_thresholds(values, truth)


def test_booleans_are_predictions_for_the_second_class_or_labels():
    truth, predicted, argmax = check_predicted(["no", "yes"], [False, True], None)
    assert predicted.tolist() == [[True, False], [False, True]]
    assert not argmax
    _, predicted, argmax = check_predicted([False, True], [True, True], None)
    assert predicted.tolist() == [[False, True], [False, True]]
    assert argmax
    # Of several labels a sample, two columns are two tasks.
    _, predicted, argmax = check_predicted([[1, 1], [0, 1]], [[0, 0], [1, 0]], None)
    assert predicted.tolist() == [[False, False], [True, False]]
    assert not argmax
    with pytest.raises(ValueError, match=r"label matrix with 2 columns, but `predicted` has shape \(2,\)"):
        check_predicted([[1, 1], [0, 1]], [0, 1], None)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        check_predicted([[1, 1], [0, 1]], [[0, 0]], None)


def test_one_class_or_a_class_twice_is_refused():
    with pytest.raises(ValueError, match=r"at least two classes, got \['cat'\]"):
        check_truth(["cat", "cat"], None)
    with pytest.raises(ValueError, match=r"names a class twice: \['cat', 'cat'\]"):
        check_truth(["cat", "cat"], ["cat", "cat"])
    with pytest.raises(ValueError, match=r"`y_true` holds labels .*\['cat', 'dog'\]: \['emu'\]"):
        check_truth(["cat", "emu"], ["cat", "dog"])


@reproducible(40)
@given(confusion=arrays("int64", (3, 2, 2), elements=st.integers(0, 9)))
def test_cells_are_the_counts_with_their_share_of_the_truth(confusion):
    cells = OvRReport(NAMES[:3], confusion).cells()
    assert cells["count"].tolist() == confusion.ravel().tolist()
    assert cells["class"].tolist() == np.repeat(NAMES[:3], 4).tolist()
    assert cells["true"].tolist() == ["class", "class", "others", "others"] * 3
    assert cells["answered"].tolist() == ["class", "others"] * 6
    for share, count, total in zip(
        cells["row_share"], confusion.ravel(), np.repeat(confusion.sum(axis=2).ravel(), 2), strict=True
    ):
        assert share == (count / total if total else 0)


@reproducible(30)
@given(case=labelled(), data=st.data())
def test_a_reference_is_matched_by_class_or_by_position(case, data):
    classes, y, predicted, labels = case
    report, other = ovr_report(y, predicted, classes=classes), ovr_report(y, labels, classes=classes)
    with warnings.catch_warnings(action="ignore"):
        mine, theirs = report.frame(), other.frame()
        shuffled = theirs.iloc[list(data.draw(st.permutations(range(len(classes)))))]
        renamed = theirs.assign(**{"class": [f"class {k}" for k in range(len(classes))]})
        for reference in (shuffled, renamed):
            beside = report.beside(reference)
            np.testing.assert_allclose(beside["reference_class_f1"], theirs["class_f1"])
            against = report.against(reference, "accuracy")
            np.testing.assert_allclose(against["difference"][:-1], mine["accuracy"] - theirs["accuracy"])
            assert against["class"].iloc[-1] == "mean"
            assert against["measured"].iloc[-1] == pytest.approx(mine["accuracy"].mean())
            assert against["reference"].iloc[-1] == pytest.approx(theirs["accuracy"].mean())
        mixed = renamed.assign(**{"class": [classes[0], *renamed["class"][1:]]})
        for reference in (mixed, renamed.iloc[1:]):
            with pytest.raises(ValueError, match="cannot be matched"):
                report.beside(reference)
