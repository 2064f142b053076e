"""A label that is not known leaves its image out of that task alone."""

import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from joblib import parallel_config
from scipy.special import expit
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.class_weight import compute_class_weight
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.classifier import LabelledImages
from sk_cifar_ovr.engine._training_loop import _TrainingLoop
from sk_cifar_ovr.losses import sparse_categorical_focal_loss
from sk_cifar_ovr.one_vs_rest._calibration import fitted_calibrator
from sk_cifar_ovr.one_vs_rest._cross_fitting import cross_fitting
from sk_cifar_ovr.one_vs_rest._threshold_rules import threshold_rules
from sk_cifar_ovr.one_vs_rest._thresholds import averaged_threshold

TINY = {"model": dense, "loss": "focal", "epochs": 2, "batch_size": 64, "recipe": None, "random_state": 0}
STRATEGIES = ["joint", "independent"]


def ovr(strategy="joint", more=None, **settings):
    return OneVsRestCNNClassifier(CNNClassifier(**{**TINY, **settings}), strategy=strategy, **(more or {}))


def assert_same_weights(first, second):
    for a, b in zip(first.network_.state, second.network_.state, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def parts(digits):
    """Three properties of 240 digits: all of the first are known, a half of the second, a fifth of the third."""
    X, y = digits
    X, y = X[:240] / 127.5 - 1, y[:240]
    Y = np.stack([y % 2 == 0, y >= 5, np.isin(y, (0, 6, 8, 9))], axis=1).astype(float)
    rng = np.random.default_rng(1)
    Y[rng.random(240) < 0.5, 1] = np.nan
    Y[rng.random(240) < 0.8, 2] = np.nan
    Y.setflags(write=False)
    return X, Y


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"class_weight": "balanced", "loss__alpha": "balanced"},
        {"validation_fraction": 0.2, "balanced_batches": True},
    ],
    ids=["plain", "balanced", "validation"],
)
@pytest.mark.parametrize("sampler", [None, RandomOverSampler(random_state=0)], ids=["all", "resampled"])
def test_independent_is_each_task_alone_on_the_images_it_knows(parts, settings, sampler):
    X, Y = parts
    weight = np.linspace(0.5, 2, len(X))
    fitted = ovr("independent", {"sampler": sampler}, **settings).fit(X, Y, weight)
    for k, estimator in enumerate(fitted.estimators_):
        known = np.flatnonzero(~np.isnan(Y[:, k]))
        if sampler is None:
            alone = CNNClassifier(**TINY, **settings).fit(X[known], Y[known, k].astype(int), weight[known])
        else:
            alone = ovr("independent", {"sampler": sampler}, **settings)
            alone = alone.fit(X[known], Y[known, k].astype(int), weight[known]).estimators_[0]
        assert_same_weights(estimator, alone)
        assert estimator.history_ == alone.history_


def test_processes_leave_out_the_same_images(parts):
    X, Y = parts
    one = ovr("independent").fit(X, Y)
    with parallel_config(backend="threading"):
        two = ovr("independent", {"n_jobs": 2}).fit(X, Y)
    for first, second in zip(one.estimators_, two.estimators_, strict=True):
        assert_same_weights(first, second)


def test_what_a_head_does_not_know_leaves_its_gradient_alone(parts):
    """One step of gradient descent from the same trunk, with other images where the head knows nothing."""
    X, Y = parts
    unknown = np.isnan(Y[:, 1])
    other = np.where(unknown[:, None, None, None], X[::-1], X)
    step = {"optimizer": "sgd", "epochs": 1, "batch_size": 240, "precision": "float64", "validation_fraction": None}
    first, second = ovr(**step).fit(X, Y), ovr(**step).fit(other, Y)
    heads = [[estimator.network_.state[-2:] for estimator in fitted.estimators_] for fitted in (first, second)]
    for a, b in zip(heads[0][1], heads[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    for k in (0, 2):
        assert np.abs(heads[0][k][0] - heads[1][k][0]).max() > 1e-5


def test_images_of_which_nothing_is_known_are_left_out(parts):
    X, Y = parts
    more = np.concatenate([X, X[:50][::-1]])
    nothing = np.concatenate([Y, np.full((50, 3), np.nan)])
    for strategy in STRATEGIES:
        for settings in ({}, {"validation_fraction": 0.2}):
            one = ovr(strategy, **settings).fit(X, Y)
            two = ovr(strategy, **settings).fit(more, nothing)
            for first, second in zip(one.estimators_, two.estimators_, strict=True):
                assert_same_weights(first, second)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "settings",
    [{}, {"loss__alpha": "balanced"}, {"class_weight": "balanced"}, {"class_weight": {0: 1.0, 1: 4.0}}],
    ids=["plain", "alpha", "balanced", "dict"],
)
def test_losses_are_means_over_what_is_known(parts, strategy, settings):
    """Of networks that stand still."""
    X, Y = parts
    weight = np.linspace(0.5, 2, len(X))
    still = {"epochs": 1, "optimizer__learning_rate": 0.0, "precision": "float64", **settings}
    fitted = ovr(strategy, **still).fit(X, Y, sample_weight=weight)
    expected = []
    for k, estimator in enumerate(fitted.estimators_):
        known = ~np.isnan(Y[:, k])
        labels, w, binary = Y[known, k].astype(int), weight[known], np.array([0, 1])
        alpha = compute_class_weight("balanced", classes=binary, y=labels) if "loss__alpha" in settings else np.ones(2)
        by_class = settings.get("class_weight", {0: 1, 1: 1})
        by_class = compute_class_weight(by_class, classes=binary, y=labels, sample_weight=w)
        values = sparse_categorical_focal_loss(labels, estimator.predict_proba(X[known]), alpha=alpha, gamma=2.0)
        expected.append(np.average(np.asarray(values), weights=w * by_class[labels]))
    assert fitted.history_["loss"][0] == pytest.approx(np.mean(expected), rel=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_samplers_select_among_what_is_known(parts, monkeypatch, strategy):
    X, Y = parts
    seen = []
    real = _TrainingLoop.__init__

    def spy(self, network, job, *rest):
        seen.append(job.data)
        real(self, network, job, *rest)

    monkeypatch.setattr(_TrainingLoop, "__init__", spy)
    ovr(strategy, {"sampler": RandomOverSampler(random_state=0)}, epochs=1).fit(X, Y)
    for k in range(3):
        counts = [(Y[:, k] == label).sum() for label in (0, 1)]
        if strategy == "joint":
            weights, labels = seen[0].weights[:, k], seen[0].labels[:, k]
            assert not weights[np.isnan(Y[:, k])].any()
            assert [weights[labels == label].sum() for label in (0, 1)] == [max(counts)] * 2
        else:
            assert np.bincount(seen[k].labels[seen[k].train]).tolist() == [max(counts)] * 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_thresholds_and_calibration_take_what_is_known(parts, strategy):
    X, Y = parts
    weight = np.linspace(0.5, 2, len(X))
    folds = list(KFold(3).split(X))
    tuned = ovr(strategy, {"threshold": "f1", "calibration": "sigmoid", "cv": KFold(3)}).fit(X, Y, weight)
    scores = np.empty(Y.shape)
    for train, test in folds:
        scores[test] = ovr(strategy).fit(X[train], Y[train], weight[train]).decision_function(X[test])
    for k in range(3):
        known = np.flatnonzero(~np.isnan(Y[:, k]))
        labels = Y[known, k].astype(int)
        by_hand = fitted_calibrator("sigmoid", labels, scores[known, k], weight[known])
        assert tuned.calibrators_[k].a_ == pytest.approx(by_hand.a_, rel=1e-6)
        probabilities = by_hand.predict(scores[known, k])
        parts_known = [tuple(np.flatnonzero(np.isin(known, index)) for index in fold) for fold in folds]
        expected = averaged_threshold(labels, probabilities, "f1", parts_known, weight[known])
        assert tuned.thresholds_[k] == pytest.approx(expected, abs=1e-6)


def test_the_default_folds_spread_what_is_known(parts):
    X, Y = parts
    Y = Y.copy()
    # Ten known labels of the last property, in a row: unstratified folds would find them in one fold.
    Y[:, 2] = np.nan
    Y[:10, 2] = [0, 1] * 5
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted = ovr(more={"threshold": "balanced_accuracy", "cv": 5}, epochs=1).fit(X, Y)
    assert fitted.thresholds_[2] != 0.5


def test_score_counts_what_is_known(parts):
    X, Y = parts
    fitted = ovr().fit(X, Y)
    right = (fitted.predict(X) == Y) | np.isnan(Y)
    assert fitted.score(X, Y) == pytest.approx(right.all(axis=1).mean())
    more = np.concatenate([Y, np.full((100, 3), np.nan)])
    assert fitted.score(np.concatenate([X, X[:100]]), more) == pytest.approx(fitted.score(X, Y))
    weight = np.linspace(0, 1, len(X))
    assert fitted.score(X, pd.DataFrame(Y), weight) == pytest.approx(np.average(right.all(axis=1), weights=weight))
    with pytest.raises(ValueError, match="2 columns"):
        fitted.score(X, Y[:, :2])


def test_a_search_with_given_folds(parts):
    X, Y = parts
    grid = {"estimator__optimizer__learning_rate": [1e-6, 0.02]}
    search = GridSearchCV(ovr(), grid, cv=KFold(2)).fit(X, Y)
    assert search.best_params_ == {"estimator__optimizer__learning_rate": 0.02}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_streams_may_know_different_things(parts, strategy):
    X, Y = parts
    one = ovr(strategy).partial_fit(X[:120], Y[:120]).partial_fit(X[120:], Y[120:])
    masked = np.ma.masked_invalid(Y)
    two = ovr(strategy).partial_fit(X[:120], masked[:120]).partial_fit(X[120:], masked[120:])
    for first, second in zip(one.estimators_, two.estimators_, strict=True):
        assert_same_weights(first, second)
    if strategy == "independent":
        known = np.flatnonzero(~np.isnan(Y[:, 1]))
        alone = CNNClassifier(**TINY)
        for part in (known[known < 120], known[known >= 120]):
            alone.partial_fit(X[part], Y[part, 1].astype(int), classes=[0, 1])
        assert_same_weights(one.estimators_[1], alone)


def test_a_column_known_only_for_images_without_weight_is_refused(parts):
    X, Y = parts
    weight = np.where(np.isnan(Y[:, 1]), 1.0, 0.0)
    with pytest.raises(ValueError, match="No label of 1 is known for an image that has weight"):
        ovr().fit(X, Y, weight)


def test_a_network_learns_from_few_labels(digits):
    """The labels that are known count: knowing more of them, the same task is learnt better."""
    X, y = digits
    X, truth = X / 127.5 - 1, np.stack([y >= 5, y % 2 == 0], axis=1).astype(float)
    scores = []
    for share in (0.04, 1.0):
        Y = truth[:280].copy()
        Y[np.random.default_rng(0).random(280) > share, 0] = np.nan
        fitted = ovr(epochs=15, batch_size=32, optimizer__learning_rate=0.01).fit(X[:280], Y)
        scores.append((fitted.predict_ovr(X[280:])[:, 0] == truth[280:, 0]).mean())
    # Ten seeds: at most 0.67, and at least 0.93.
    assert scores[1] > scores[0] + 0.05
    assert expit(fitted.decision_function(X[280:])) == pytest.approx(fitted.predict_proba(X[280:]), abs=1e-5)


@pytest.mark.parametrize("settings", [{"early_stopping": True}, {"validation_fraction": 0.15}], ids=["stop", "share"])
@pytest.mark.parametrize("n_jobs", [None, 2], ids=["here", "processes"])
@pytest.mark.parametrize("n_known", [1, 2, 6])
def test_few_known_labels_are_all_trained_on(parts, settings, n_jobs, n_known):
    X, Y = parts
    Y = np.nan_to_num(Y)
    few = np.flatnonzero(Y[:, 2] == 1)[: n_known - n_known // 2], np.flatnonzero(Y[:, 2] == 0)[: n_known // 2]
    known = np.sort(np.concatenate(few))
    hidden = np.setdiff1d(np.arange(len(Y)), known)
    Y[hidden, 2] = np.nan
    with parallel_config(backend="threading"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = ovr("independent", {"n_jobs": n_jobs}, **settings).fit(X, Y)
    (message,) = [str(w.message) for w in caught if "hold images out" in str(w.message)]
    assert "for 2: their networks" in message
    assert [set(estimator.history_) for estimator in fitted.estimators_] == [{"loss", "val_loss"}] * 2 + [{"loss"}]
    assert len(fitted.history_["val_loss"]) == len(fitted.history_["loss"]) == 2
    if n_known > 1:
        alone = CNNClassifier(**TINY).fit(X[known], Y[known, 2].astype(int))
        assert_same_weights(fitted.estimators_[2], alone)


def test_too_few_images_for_validation_are_still_refused(parts):
    X, Y = parts
    with pytest.raises(ValueError, match="validation_fraction"), pytest.warns(UserWarning, match="No image .* has 2"):
        ovr("independent", early_stopping=True).fit(X[:6], np.nan_to_num(Y[:6]))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("settings", [{}, {"class_weight": "balanced", "loss__alpha": "balanced"}], ids=["plain", "b"])
def test_a_batch_that_tells_nothing_of_a_task_leaves_it_alone(parts, strategy, settings):
    X, Y = parts
    Y = np.nan_to_num(Y)
    nothing = np.where([False, False, True], np.nan, Y)
    # Plain gradient descent: momentum would move a head without a gradient.
    fitted = ovr(strategy, {"sampler": RandomOverSampler(random_state=0)}, optimizer="sgd", **settings)
    fitted.partial_fit(X[:120], Y[:120])
    before = [[a.copy() for a in estimator.network_.state] for estimator in fitted.estimators_]
    fitted.partial_fit(X[120:], nothing[120:])
    after = [estimator.network_.state for estimator in fitted.estimators_]
    for a, b in zip(before[2][-2:], after[2][-2:], strict=True):
        np.testing.assert_array_equal(a, b)
    for k in (0, 1):
        assert np.abs(before[k][-2] - after[k][-2]).max() > 0
    assert np.isfinite(fitted.history_["loss"]).all()
    assert len(fitted.history_["loss"]) == 2
    state = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="No label of 0, 1, 2 is known"):
        fitted.partial_fit(X, np.full(Y.shape, np.nan))
    np.testing.assert_array_equal(fitted.predict_proba(X), state)


def test_the_first_batch_may_tell_nothing_of_a_head(parts):
    X, Y = parts
    Y = np.nan_to_num(Y)
    nothing = np.where([False, False, True], np.nan, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        fitted = ovr().partial_fit(X, nothing)
    assert np.isfinite(fitted.predict_proba(X)).all()
    assert np.isfinite(fitted.partial_fit(X, Y).predict_proba(X)).all()
    with pytest.raises(ValueError, match=r"No label of 2 is known, and the first call .*every column"):
        ovr("independent").partial_fit(X, nothing)


@pytest.mark.parametrize(
    "threshold",
    [f1_score, "f1", "balanced_accuracy", {"precision": 0.6}, {"recall": 0.9}],
    ids=["callable", "f1", "balanced_accuracy", "precision", "recall"],
)
@pytest.mark.parametrize("calibration", [None, "sigmoid", "isotonic"])
def test_images_without_weight_do_not_count_in_tuning(threshold, calibration):
    rng = np.random.default_rng(0)
    weight = np.where(rng.random(120) < 0.4, 0.0, rng.random(120))
    truth = rng.integers(0, 2, (120, 2)).astype("int8")
    scores = truth + rng.normal(size=(120, 2))
    found = []
    for other in (False, True):
        changed = (weight == 0)[:, None] & other
        images = LabelledImages(np.zeros((120, 1)), np.where(changed, 1 - truth, truth), np.arange(2), weight)
        tuning = cross_fitting(threshold_rules(threshold, images), calibration, KFold(3), images)
        object.__setattr__(tuning, "_scores", lambda *_, c=changed: np.where(c, rng.normal(size=(120, 2)), scores))
        found.append(tuning.fit(None, images, None))
    np.testing.assert_array_equal(found[0].thresholds, found[1].thresholds)
    assert found[0].promises == found[1].promises
