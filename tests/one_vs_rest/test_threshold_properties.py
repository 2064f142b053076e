"""Thresholds against brute force: every threshold among the scores is tried."""

import warnings
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import reproducible
from sklearn.metrics import balanced_accuracy_score

from sk_cifar_ovr.exceptions import ThresholdPromiseWarning
from sk_cifar_ovr.one_vs_rest._promises import (
    ROUNDING,
    Promise,
    checked_promise,
    is_promise,
    warn_of_broken_promises,
)
from sk_cifar_ovr.one_vs_rest._threshold_rules import (
    DEFAULT,
    BestMetric,
    FixedThreshold,
    is_tuned,
    threshold_rules,
    threshold_without_tuning,
)
from sk_cifar_ovr.one_vs_rest._thresholds import (
    averaged_threshold,
    checked_metric,
    fixed_thresholds,
    halfway_down,
    tuned_threshold,
)

probabilities = st.floats(0, 1, allow_subnormal=False)
# Few values, so that there are ties.
rounded = st.integers(0, 10).map(lambda tenths: tenths / 10)


@st.composite
def scored(draw, max_size=25, weighted=None):
    """Labels of both kinds, scores, and weights or None."""
    score = draw(st.sampled_from([rounded, probabilities]))
    pairs = draw(st.lists(st.tuples(st.integers(0, 1), score), min_size=0, max_size=max_size))
    pairs += [(0, draw(score)), (1, draw(score))]
    pairs = draw(st.permutations(pairs))
    truth = np.array([label for label, _ in pairs])
    scores = np.array([value for _, value in pairs])
    weighted = draw(st.booleans()) if weighted is None else weighted
    weight = st.integers(1, 5).map(float)
    return truth, scores, np.array(draw(st.tuples(*[weight] * len(pairs)))) if weighted else None


def counts(truth, scores, weights, threshold):
    """tp, fn, fp and tn as exact numbers."""
    weights = [1] * len(truth) if weights is None else weights
    cells = {(t, p): Fraction(0) for t in (0, 1) for p in (False, True)}
    for t, s, w in zip(truth, scores, weights, strict=True):
        cells[t, s >= threshold] += Fraction(w)
    return cells[1, True], cells[1, False], cells[0, True], cells[0, False]


def f1(truth, scores, weights, threshold):
    tp, fn, fp, _ = counts(truth, scores, weights, threshold)
    return 2 * tp / (2 * tp + fn + fp)


def balanced_accuracy(truth, scores, weights, threshold):
    tp, fn, fp, tn = counts(truth, scores, weights, threshold)
    return (tp / (tp + fn) + tn / (tn + fp)) / 2


def precision(truth, scores, weights, threshold):
    tp, _, fp, _ = counts(truth, scores, weights, threshold)
    return tp / (tp + fp)


def recall(truth, scores, weights, threshold):
    tp, fn, _, _ = counts(truth, scores, weights, threshold)
    return tp / (tp + fn)


@reproducible(150)
@given(case=scored())
@pytest.mark.parametrize(("name", "metric"), [("f1", f1), ("balanced_accuracy", balanced_accuracy)])
def test_no_threshold_has_a_higher_metric(name, metric, case):
    threshold = tuned_threshold(case[0], case[1], name, case[2])
    best = max(metric(*case, candidate) for candidate in np.unique(case[1]))
    assert float(metric(*case, threshold)) == pytest.approx(float(best), abs=1e-12)


@reproducible(60)
@given(case=scored(weighted=False))
def test_no_threshold_has_a_higher_metric_of_a_callable(case):
    truth, scores, _ = case
    threshold = tuned_threshold(truth, scores, balanced_accuracy_score)
    best = max(balanced_accuracy(truth, scores, None, candidate) for candidate in np.unique(scores))
    assert float(balanced_accuracy(truth, scores, None, threshold)) == pytest.approx(float(best), abs=1e-12)


def test_a_callable_is_tried_at_the_scores_of_a_few_positives_among_many():
    """At 101 quantiles of all scores the three positives of 5,000 images would be between two candidates."""
    scores = np.linspace(0, 0.9, 5000)
    truth = np.zeros(5000, int)
    truth[[4970, 4980, 4999]] = 1
    threshold = tuned_threshold(truth, scores, balanced_accuracy_score)
    assert scores[4969] < threshold < scores[4970]


def test_a_callable_that_is_undefined_somewhere():
    truth, scores = np.array([0, 1, 1, 0]), np.array([0.1, 0.6, 0.8, 0.7])

    def only_at_two(truth, predicted):
        return 0.5 if predicted.sum() == 2 else np.nan

    assert tuned_threshold(truth, scores, only_at_two) == pytest.approx(0.65)
    with pytest.raises(ValueError, match="undefined at every threshold"):
        tuned_threshold(truth, scores, lambda truth, predicted: np.nan)


@reproducible(150)
@given(scores=st.lists(probabilities | rounded, min_size=1, max_size=12), data=st.data())
def test_the_mean_with_the_next_lower_score_changes_no_prediction(scores, data):
    scores = np.array(scores)
    threshold = data.draw(st.sampled_from(scores))
    found = halfway_down(threshold, scores)
    np.testing.assert_array_equal(scores >= found, scores >= threshold)
    lower = scores[scores < threshold]
    assert found == (threshold if not len(lower) else pytest.approx((lower.max() + threshold) / 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("start", [0.1, 0.5, 0.999999])
def test_neighbouring_numbers_stay_apart(dtype, start):
    """Probabilities of a certain network are neighbours, and the mean of two is one of them."""
    score = np.array(start, dtype)
    for _ in range(8):
        scores = np.array([score, np.nextafter(score, np.array(1, dtype))])
        score = scores[1]
        assert (scores >= halfway_down(scores[1], scores)).tolist() == [False, True]


@reproducible(60)
@given(case=scored(max_size=15), n_folds=st.integers(2, 3))
def test_the_average_lies_between_those_of_the_folds(case, n_folds):
    truth, scores, weights = case
    # Each fold without some images, and both labels left.
    everything = np.arange(len(truth))
    twice = np.r_[everything, everything]
    folds = [(np.delete(twice, np.s_[len(truth) + k :: n_folds]), None) for k in range(n_folds)]
    found = [
        tuned_threshold(truth[rows], scores[rows], "f1", None if weights is None else weights[rows])
        for rows, _ in folds
    ]
    threshold = averaged_threshold(truth, scores, "f1", folds, weights)
    assert BestMetric("f1").tuned(truth, scores, folds, weights) == threshold
    assert np.clip(min(found), 1e-9, 1) * (1 - 1e-9) <= threshold <= np.clip(max(found), 1e-9, 1) * (1 + 1e-9)
    odds = np.clip(found, 1e-9, 1 - 1e-9)
    odds = np.prod((odds / (1 - odds)) ** (1 / n_folds))
    assert threshold == pytest.approx(odds / (1 + odds), rel=1e-6)


@reproducible(200)
@given(case=scored(), value=st.integers(1, 20).map(lambda n: n / 20) | st.floats(1e-3, 1))
def test_a_promise_is_kept_with_the_most_of_the_other_metric(case, value):
    _, scores, _ = case
    every = np.unique(scores)
    precisions = np.array([float(precision(*case, t)) for t in every])
    recalls = np.array([float(recall(*case, t)) for t in every])

    promise = Promise("recall", value)
    threshold = promise.tuned(case[0], scores, [], case[2])
    best = every[recalls >= value - ROUNDING].max()
    np.testing.assert_array_equal(scores >= threshold, scores >= best)
    reached = promise.reached(case[0], scores, threshold, case[2])
    assert reached == pytest.approx(float(recall(*case, threshold)))
    assert promise.record("cat", reached)["kept"] is True

    promise = Promise("precision", value)
    threshold = promise.tuned(case[0], scores, [], case[2])
    kept = every[precisions >= value - ROUNDING]
    reached = promise.reached(case[0], scores, threshold, case[2])
    assert reached == pytest.approx(float(precision(*case, threshold)))
    assert promise.record("cat", reached)["kept"] is bool(len(kept))
    if len(kept):
        np.testing.assert_array_equal(scores >= threshold, scores >= kept.min())
    else:
        assert reached == pytest.approx(precisions.max())


def test_among_equal_precisions_too_low_the_lowest_threshold_is_taken():
    truth, scores = np.array([0, 1, 0, 1]), np.array([0.8, 0.7, 0.4, 0.3])
    assert Promise("precision", 0.9).tuned(truth, scores, []) == 0.3


@reproducible(60)
@given(value=st.floats(0, 1, exclude_min=True), metric=st.sampled_from(["precision", "recall"]))
def test_a_promise_from_0_to_1_is_taken(value, metric):
    assert checked_promise({metric: value}) == Promise(metric, value)
    assert is_promise({metric: value}, ["cat", "dog"])


@pytest.mark.parametrize("value", [0, -0.1, 1 + 1e-9, np.nan, np.inf, True, False, None, "0.9", [0.9]])
def test_other_promises_are_refused(value):
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        checked_promise({"recall": value})


@pytest.mark.parametrize("threshold", [{}, {"f1": 0.9}, {"precision": 0.9, "recall": 0.9}])
def test_a_promise_is_of_one_metric(threshold):
    with pytest.raises(ValueError, match="must hold one of"):
        checked_promise(threshold)


def test_what_is_a_promise_and_what_a_dict_by_label():
    assert is_promise({"precision": 0.9, "recall": 0.9}, ["cat"])
    assert not is_promise({}, ["cat"])
    assert not is_promise({"precision": 0.9, "cat": 0.9}, ["cat"])
    assert not is_promise({"precision": 0.9}, ["precision"])
    assert checked_promise({"precision": 1}) == Promise("precision", 1.0)


def test_the_record_of_a_promise():
    record = Promise("recall", 0.75).record("cat", 0.75 - ROUNDING / 2)
    assert record == {
        "class": "cat",
        "metric": "recall",
        "promised": 0.75,
        "reached": 0.75 - ROUNDING / 2,
        "kept": True,
    }
    assert Promise("recall", 0.75).record("cat", 0.75 - ROUNDING)["kept"] is True
    assert Promise("recall", 0.75).record("cat", 0.75 - 2 * ROUNDING)["kept"] is False
    assert Promise("recall", 0.75).record("cat", np.nan)["kept"] is False


def test_broken_promises_are_warned_of_once_and_by_name():
    kept = Promise("recall", 0.5).record("owl", 0.5)
    rare = Promise("recall", 0.5).record("emu", np.nan)
    broken = [Promise("precision", 0.9).record(name, 0.456789) for name in ("cat", "dog")]
    with warnings.catch_warnings(action="error"):
        warn_of_broken_promises([kept, rare])
        warn_of_broken_promises([])
    with pytest.warns(ThresholdPromiseWarning) as caught:
        warn_of_broken_promises([kept, *broken, rare])
    (warning,) = caught
    text = str(warning.message)
    assert "'cat' (precision 0.9 promised, 0.457 reached), 'dog' (precision 0.9 promised, 0.457 reached): " in text
    assert "owl" not in text
    assert "emu" not in text
    assert warning.filename == __file__


@reproducible(80)
@given(values=st.lists(probabilities, min_size=1, max_size=6), single=st.booleans(), n_tasks=st.integers(1, 6))
def test_fixed_thresholds_stay_as_they_are(values, single, n_tasks):
    if single:
        assert fixed_thresholds(values[0], n_tasks).tolist() == [values[0]] * n_tasks
    elif len(values) == n_tasks:
        assert fixed_thresholds(values, n_tasks).tolist() == values
    else:
        with pytest.raises(ValueError, match="threshold has shape"):
            fixed_thresholds(values, n_tasks)


@pytest.mark.parametrize("value", [-1e-9, 1 + 1e-9, np.nan, np.inf, True])
def test_what_is_no_probability_is_refused(value):
    for threshold in (value, [0.5, value, 0.5] if value is not True else [True, False, True]):
        with pytest.raises(ValueError, match="must be probabilities"):
            fixed_thresholds(threshold, 3)


LABELS = np.array(["cat", "dog", "owl"])


def images_of(columns, classes=LABELS):
    """What the rules look at: -1 is a label that is not known."""
    return SimpleNamespace(task_classes=classes, binary_labels=np.array(columns).T)


IMAGES = images_of([[0, -1, -1, 0], [1, 0, -1, 1], [0, 1, 1, 0]])


@reproducible(80)
@given(
    chosen=st.dictionaries(
        st.sampled_from(LABELS.tolist()),
        probabilities | st.sampled_from(["f1", "balanced_accuracy", {"recall": 0.5}, {"precision": 1}]),
    )
)
def test_a_dict_by_label_gives_each_task_its_own_rule(chosen):
    rules = threshold_rules(chosen, IMAGES)
    assert len(rules) == 3
    for label, rule in zip(LABELS.tolist(), rules, strict=True):
        wanted = chosen.get(label, DEFAULT)
        expected = (
            BestMetric(wanted)
            if isinstance(wanted, str)
            else checked_promise(wanted)
            if isinstance(wanted, dict)
            else FixedThreshold(wanted)
        )
        assert rule == expected
        assert is_tuned(rule) == (not isinstance(wanted, float))
        assert threshold_without_tuning(rule) == (wanted if isinstance(wanted, float) else 0.5)


def test_one_rule_for_all_tasks():
    assert threshold_rules(None, IMAGES) == [FixedThreshold(0.5)] * 3
    assert threshold_rules(0.25, IMAGES) == [FixedThreshold(0.25)] * 3
    assert threshold_rules([0.1, 0.2, 0.3], IMAGES) == [FixedThreshold(t) for t in (0.1, 0.2, 0.3)]
    assert threshold_rules("f1", IMAGES) == [BestMetric("f1")] * 3
    assert threshold_rules({"precision": 0.9}, IMAGES) == [Promise("precision", 0.9)] * 3
    assert threshold_rules({}, IMAGES) == [FixedThreshold(0.5)] * 3


def test_labels_of_no_task_are_named():
    with pytest.raises(ValueError, match=r"labels that no task has: \['emu', 'gnu'\]; the tasks have \['cat', 'dog'"):
        threshold_rules({"emu": 0.5, "cat": 0.5, "gnu": 0.5}, IMAGES)


def test_a_callable_is_tried_on_known_labels_of_a_task_with_both():
    seen = []

    def metric(truth, predicted):
        seen.append((truth.tolist(), predicted.tolist()))
        return (truth == predicted).mean()

    assert threshold_rules(metric, IMAGES) == [BestMetric(metric)] * 3
    # The first task has no image of its class; of the second, one label is not known.
    assert seen == [([1, 0, 1], [1, 0, 1]), ([1, 0, 1], [0, 1, 0])]
    seen.clear()
    threshold_rules({"owl": metric}, images_of([[0, -1], [1, 1], [-1, -1]]))
    assert seen == [([0, 1], [0, 1]), ([0, 1], [1, 0])]


def test_metrics_that_cannot_be_maximised_are_refused():
    truth = np.array([0, 1, 1])
    assert checked_metric(0.5, truth) is None
    assert checked_metric(balanced_accuracy_score, truth) is balanced_accuracy_score
    with pytest.raises(ValueError, match="the metrics available by name"):
        checked_metric("recall", truth)
    with pytest.raises(TypeError, match="must return one number"):
        checked_metric(lambda truth, predicted: [1.0], truth)
    with pytest.raises(ValueError, match="although every prediction was right"):
        checked_metric(lambda truth, predicted: np.nan, truth)
    with pytest.raises(ValueError, match="and not a loss"):
        checked_metric(lambda truth, predicted: np.mean(truth != predicted), truth)

    def undefined_if_wrong(truth, predicted):
        return 1 / int((truth == predicted).sum())

    def not_finite_if_wrong(truth, predicted):
        return 1.0 if (truth == predicted).all() else np.inf

    def constant(truth, predicted):
        return 0.0

    for metric in (undefined_if_wrong, not_finite_if_wrong, constant):
        assert checked_metric(metric, truth) is metric
