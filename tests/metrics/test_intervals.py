import numpy as np
import pytest
from scipy import stats
from sklearn.model_selection import RepeatedKFold

from sk_cifar_ovr.metrics import corrected_paired_test, mean_and_interval


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
