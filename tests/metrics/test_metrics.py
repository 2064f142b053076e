import io
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
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_iris
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    multilabel_confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import GridSearchCV, RepeatedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr.metrics import (
    OvRReport,
    calibration_error,
    corrected_paired_test,
    mean_and_interval,
    ovr_answers,
    ovr_curves,
    ovr_report,
    positive_probabilities,
    probability_scores,
    reference_table,
    reliability_bins,
    worst_mistakes,
)

# The reference report as printed: rounded percents, exact counts.
REPORTED = pd.read_csv(
    io.StringIO("""\
class,accuracy,class_precision,class_recall,class_f1,others_precision,others_recall,others_f1,\
macro_precision,macro_recall,macro_f1,tp,fn,fp,tn
0,95,78,73,76,97,98,97,88,86,87,733,267,201,8799
1,98,92,88,90,99,99,99,96,94,95,880,120,73,8927
2,94,71,59,65,96,97,96,83,78,81,593,407,239,8761
3,91,57,61,59,96,95,95,76,78,77,612,388,465,8535
4,95,79,68,73,97,98,97,88,83,85,682,318,184,8816
5,94,73,65,69,96,97,97,85,81,83,666,334,264,8736
6,96,84,76,80,97,98,98,91,87,89,768,232,135,8865
7,96,78,81,78,98,98,97,90,87,89,757,243,151,8849
8,97,87,82,85,99,98,98,96,87,92,815,185,88,8912
9,97,92,80,85,99,98,98,95,89,92,797,203,70,8930
""")
)
COLUMNS = REPORTED.columns.tolist()


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    y = rng.choice(["ant", "bee", "cow", "dog"], size=300, p=[0.5, 0.3, 0.15, 0.05])
    classes = np.unique(y)
    probabilities = np.clip(rng.beta(1, 3, (300, 4)) + 0.4 * (y[:, None] == classes), 0, 1)
    return y, probabilities >= 0.5, probabilities


class OvR(OneVsRestClassifier):
    """scikit-learn's one-vs-rest with this package's `predict_ovr` and `thresholds_`."""

    thresholds_ = 0.3

    def predict_ovr(self, X):
        scores = self.decision_function(X)
        return scores >= np.log(self.thresholds_ / (1 - self.thresholds_))


def fitted(y=None, **options):
    X, target = load_iris(return_X_y=True)
    y = target if y is None else y
    return OvR(LogisticRegression(**options)).fit(X, y), X, y


def test_every_column_is_what_scikit_learn_computes(answers):
    y, predicted, _ = answers
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


def test_imbalance_columns_are_imbalanced_learns(answers):
    y, predicted, probabilities = answers
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
    assert [str(warning.message).split()[0] for warning in caught] == [
        "class_precision",
        "class_recall",
        "class_f1",
    ]
    assert all("0/0" in str(warning.message) and "class c." in str(warning.message) for warning in caught)
    assert table["class"].tolist() == ["b", "a", "c"]
    assert table["class_recall"].tolist() == [1, 1, 0]
    assert table["class_f1"].tolist() == [1, 1, 0]


def test_nothing_undefined_is_silent(answers):
    with warnings.catch_warnings(action="error"):
        report = ovr_report(*answers[:2])
        report.frame(), report.to_markdown()


def test_pictures_of_a_report_do_not_warn():
    report = ovr_report([0, 1], [[False, False], [False, True]])
    with warnings.catch_warnings(action="error"):
        repr(report), report._repr_html_()


@pytest.mark.parametrize(
    ("y", "predicted", "options", "message"),
    [
        ([0, 1, 2], [0, 1], {}, "inconsistent numbers of samples"),
        ([0, 1, 2], np.eye(2, dtype=bool), {}, "inconsistent numbers of samples"),
        ([0, 1, 2], np.zeros((3, 4), bool), {}, "4 columns for 3 classes"),
        ([0, 1, 2], np.zeros(3, bool), {}, "1 columns for 3 classes"),
        ([0, 1, 2], np.full((3, 3), 0.7), {}, "go into `probabilities`"),
        ([0, 1, 2], [0, 1, 2], {"classes": [0, 1]}, r"`y_true` holds labels .* \[2\]"),
        ([0, 1, 1], [0, 1, 2], {"classes": [0, 1]}, r"`predicted` holds labels .* \[2\]"),
        ([0, 1, 1], [0, 1, 1], {"classes": ["a", "b"]}, "`y_true` holds labels"),
        ([0, 1, 1], [0, 1, 1], {"classes": [0, 1, 1]}, "names a class twice"),
        ([0, 0], [0, 0], {}, "at least two classes"),
        ([0, 1], ["a", "b"], {}, "Mix of label input types"),
        ([0.5, 1.2], np.eye(2), {}, "Unknown label type"),
        ([0, 1], [0, np.nan], {}, "NaN"),
        ([], [], {}, "0 sample"),
        ([0, 1], [0, 1], {"probabilities": [[2, 0], [0, 1]]}, "outside 0-1"),
        ([0, 1], [0, 1], {"probabilities": [[1, 0, 0], [0, 1, 0]]}, "3 columns for 2 classes"),
        ([0, 1], [0, 1], {"probabilities": [[1, 0]]}, "1 rows where `y_true` has 2"),
    ],
)
def test_bad_input_is_named(y, predicted, options, message):
    with pytest.raises(ValueError, match=message):
        ovr_report(y, predicted, **options)


def test_mean_leaves_the_counts_out(answers):
    report = ovr_report(*answers[:2])
    table = report.frame()
    assert report.mean()["class_f1"] == pytest.approx(table["class_f1"].mean())
    assert set(report.mean().index) == set(COLUMNS[1:11])
    assert f"{100 * table['class_f1'].mean():.1f} %" in repr(report)


def test_markdown_shows_percent_and_the_reference_in_brackets(answers):
    report = ovr_report(*answers[:2])
    lines = report.to_markdown().splitlines()
    assert len(lines) == 2 + 4 + 1
    assert len({len(line) for line in lines}) == 1
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    first = report.frame().iloc[0]
    assert cells[0] == "ant"
    assert cells[4] == f"{100 * first['class_f1']:.1f}"
    assert cells[-4:] == [str(first[name]) for name in ("tp", "fn", "fp", "tn")]
    assert lines[-1].startswith("| mean")
    other = report.frame().assign(class_f1=0.123)
    beside = report.to_markdown(other).splitlines()
    assert f"{cells[4]} (12.3)" in beside[2]
    assert f"{100 * report.mean()['class_f1']:.1f} (12.3)" in beside[-1]
    imbalance = report.to_markdown(other, imbalance=True)
    assert "G-mean" in imbalance


def test_csv_round_trips_and_puts_the_reference_beside(answers, tmp_path):
    report = ovr_report(*answers[:2])
    report.to_csv(tmp_path / "table.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "table.csv"), report.frame())
    report.to_csv(tmp_path / "beside.csv", report.frame().iloc[::-1])
    beside = pd.read_csv(tmp_path / "beside.csv")
    assert beside["reference_tp"].tolist() == beside["tp"].tolist()
    assert len(beside.columns) == len(COLUMNS) + len(COLUMNS) - 1


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
    with pytest.raises(ValueError, match="cannot be matched"):
        ovr_report([0, 1, 12], [0, 1, 12]).beside(reference)


def test_html_is_escaped_and_names_every_figure(answers):
    y, predicted, probabilities = answers
    report = OvRReport(np.array(["<b>", "x"]), np.array([[[1, 2], [3, 4]]] * 2))
    html = report._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    full = ovr_report(y, predicted, probabilities=probabilities)._repr_html_()
    assert full.count("<tr>") == 2 + 4 + 1
    assert all(heading in full for heading in ("AUC", "ECE", "IBA", "others", "macro"))


def test_cells_are_the_confusion_matrices(answers):
    report = ovr_report(*answers[:2])
    cells = report.cells()
    np.testing.assert_array_equal(cells["count"].to_numpy().reshape(-1, 2, 2), report.confusion)
    np.testing.assert_allclose(cells.groupby(["class", "true"])["row_share"].sum(), 1)
    hits = cells[(cells["true"] == "class") & (cells["answered"] == "class")]
    np.testing.assert_allclose(hits["row_share"], report.frame()["class_recall"])


def test_curves_are_scikit_learns(answers):
    y, _, probabilities = answers
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


def test_chosen_points_are_the_reports(answers):
    y, _, probabilities = answers
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


def test_bins_are_scikit_learns_and_weigh_into_the_error(answers):
    y, _, probabilities = answers
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


def test_answers_come_from_predict_ovr_through_pipelines_and_searches():
    X, y = load_iris(return_X_y=True)
    pipelines = [
        make_pipeline(StandardScaler(), OvR(LogisticRegression())),
        make_imblearn_pipeline(StandardScaler(), RandomOverSampler(random_state=0), OvR(LogisticRegression())),
    ]
    for pipeline in pipelines:
        pipeline.fit(X, y)
        expected = pipeline[-1].predict_ovr(pipeline[0].transform(X))
        np.testing.assert_array_equal(ovr_answers(pipeline, X), expected)
        assert expected.sum() != len(X)
    search = GridSearchCV(pipelines[0], {"ovr__estimator__C": [1.0, 2.0]}, cv=2).fit(X, y)
    scaled = search.best_estimator_[0].transform(X)
    np.testing.assert_array_equal(ovr_answers(search, X), search.best_estimator_[-1].predict_ovr(scaled))


def test_answers_of_other_classifiers_are_labels():
    X, y = load_iris(return_X_y=True)
    classifier = LogisticRegression(max_iter=500).fit(X, y)
    np.testing.assert_array_equal(ovr_answers(classifier, X), classifier.predict(X))
    np.testing.assert_array_equal(positive_probabilities(classifier, X), classifier.predict_proba(X))


def test_positive_probabilities_are_the_k_problems_own():
    estimator, X, _ = fitted()
    own = np.column_stack([binary.predict_proba(X)[:, 1] for binary in estimator.estimators_])
    np.testing.assert_allclose(positive_probabilities(estimator, X), own)
    np.testing.assert_array_equal(positive_probabilities(estimator, X) >= 0.3, estimator.predict_ovr(X))
    y = load_iris().target == 2
    estimator, X, y = fitted(y)
    np.testing.assert_allclose(positive_probabilities(estimator, X), estimator.predict_proba(X))
    report = ovr_report(y, ovr_answers(estimator, X), probabilities=positive_probabilities(estimator, X))
    assert report.frame()["class"].tolist() == [False, True]


def test_interval_is_students():
    values = np.random.default_rng(0).normal(size=7)
    mean, low, high = mean_and_interval(values, confidence=0.9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert mean == pytest.approx(values.mean())
    single = mean_and_interval([0.5])
    assert single.mean == 0.5
    assert np.isnan(single.low)
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_and_interval(values, confidence=95)


def test_interval_of_folds_allows_for_their_overlap():
    scores = np.random.default_rng(0).normal(size=10)
    folds = mean_and_interval(scores, n_train=90, n_test=10)
    assert folds == pytest.approx(corrected_paired_test(scores, np.zeros(10), n_train=90, n_test=10).difference)
    seeds = mean_and_interval(scores)
    assert folds.high - folds.low == pytest.approx((seeds.high - seeds.low) * np.sqrt(1 + 10 / 9))
    with pytest.raises(ValueError, match="both"):
        mean_and_interval(scores, n_train=90)


def test_paired_test_is_students_but_for_the_overlap_of_training_parts():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 10))
    apart = corrected_paired_test(first, second, n_train=1, n_test=1e-12, confidence=0.9)
    expected = stats.ttest_rel(first, second)
    assert (apart.statistic, apart.pvalue) == pytest.approx((expected.statistic, expected.pvalue))
    interval = expected.confidence_interval(0.9)
    assert apart.difference == pytest.approx((np.mean(first - second), interval.low, interval.high))
    halves = corrected_paired_test(first, second, n_train=90, n_test=10)
    assert halves.statistic == pytest.approx(expected.statistic / np.sqrt(1 + 10 / 9))


def test_repeated_folds_of_equal_candidates_are_seldom_told_apart():
    """Scores that are means of noise: ten times ten folds of 100 rows, in which an ordinary test finds anything."""
    found = {"corrected": 0, "ordinary": 0}
    for seed in range(100):
        rows = np.random.default_rng(seed).normal(size=100)
        folds = RepeatedKFold(n_splits=10, n_repeats=10, random_state=seed).split(rows)
        scores = np.array([rows[test].mean() for _, test in folds])
        corrected = corrected_paired_test(scores, np.zeros(100), n_train=90, n_test=10)
        found["corrected"] += corrected.pvalue < 0.05
        found["ordinary"] += stats.ttest_rel(scores, np.zeros(100)).pvalue < 0.05
    assert found["corrected"] <= 10
    assert found["ordinary"] > 40


def test_equal_differences_and_what_is_refused():
    same = corrected_paired_test([1.0, 2.0], [1.0, 2.0], n_train=8, n_test=2)
    assert (same.statistic, same.pvalue) == (0.0, 1.0)
    better = corrected_paired_test([2.0, 3.0], [1.0, 2.0], n_train=8, n_test=2)
    assert (better.statistic, better.pvalue) == (np.inf, 0.0)
    with pytest.raises(ValueError, match="same two splits or more"):
        corrected_paired_test([1.0, 2.0], [1.0], n_train=8, n_test=2)
    with pytest.raises(ValueError, match="NaN"):
        corrected_paired_test([1.0, np.nan], [1.0, 2.0], n_train=8, n_test=2)
    with pytest.raises(ValueError, match="above 0"):
        corrected_paired_test([1.0, 2.0], [1.0, 3.0], n_train=0, n_test=2)


def test_worst_mistakes_are_all_mistakes_the_surest_first():
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], 200)
    probabilities = rng.uniform(size=(200, 3))
    answers = probabilities >= 0.5
    whole = worst_mistakes(y, answers, probabilities, n=None)
    counts = ovr_report(y, answers).frame().set_index("class")
    for (label, mistake), rows in whole.groupby(["class", "mistake"]):
        k = "abc".index(label)
        assert len(rows) == counts.loc[label, "fn" if mistake == "missed" else "fp"]
        assert (y[rows["row"]] == rows["true"]).all()
        assert ((rows["true"] == label) == (mistake == "missed")).all()
        assert (answers[rows["row"], k] == (mistake == "false yes")).all()
        np.testing.assert_array_equal(rows["probability"], probabilities[rows["row"], k])
        distance = rows["probability"] if mistake == "missed" else 1 - rows["probability"]
        assert distance.is_monotonic_increasing
    few = worst_mistakes(y, answers, probabilities, n=2)
    assert few.equals(whole.groupby(["class", "mistake"], sort=False).head(2).reset_index(drop=True))


def test_no_mistake_is_an_empty_table():
    table = worst_mistakes([0, 1], [0, 1], [0.2, 0.9])
    assert table.empty
    assert list(table.columns) == ["class", "mistake", "row", "true", "probability"]
