import warnings

import numpy as np
import pytest
from sklearn.metrics import f1_score, hamming_loss, precision_score, recall_score, zero_one_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.losses import sparse_categorical_focal_loss
from sk_cifar_ovr.one_vs_rest._thresholds import averaged_threshold, checked_metric, fixed_thresholds, tuned_threshold

SMALL = {
    "model__filters": (4, 4, 8),
    "loss": "focal",
    "epochs": 2,
    "batch_size": 64,
    "recipe": None,
    "random_state": 0,
    "precision": "float32",
}
TINY = {"model": dense, "loss": "focal", "epochs": 3, "batch_size": 64, "recipe": None, "random_state": 0}


def states(estimators):
    return [estimator.network_.state for estimator in estimators]


def assert_equal_states(first, second):
    for one, other in zip(states(first), states(second), strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_independent_equals_scikit_learns_one_vs_rest(digits):
    X, y = digits
    ours = OneVsRestCNNClassifier(CNNClassifier(**SMALL), strategy="independent").fit(X, y)
    theirs = OneVsRestClassifier(CNNClassifier(**SMALL)).fit(X, y)
    assert_equal_states(ours.estimators_, theirs.estimators_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


def test_processes_change_nothing(digits):
    X, y = digits
    one = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent").fit(X, y % 3)
    two = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent", n_jobs=2).fit(X, y % 3)
    assert_equal_states(one.estimators_, two.estimators_)


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_learns_the_digits(digits, strategy):
    X, y = digits
    # Pixels of 0 to 255 saturate the tanh of this network.
    X = X / 127.5 - 1
    base = CNNClassifier(**{**TINY, "epochs": 15, "batch_size": 32}, optimizer__learning_rate=0.01)
    ovr = OneVsRestCNNClassifier(base, strategy=strategy).fit(X[:280], y[:280])
    # 0.91 and more with ten seeds.
    assert ovr.score(X[280:], y[280:]) > 0.8
    assert f1_score(y[280:] == 0, ovr.predict_ovr(X[280:])[:, 0]) > 0.8


@pytest.mark.parametrize("strategy", ["joint", "independent"])
@pytest.mark.parametrize("loss", ["focal", "crossentropy", "weighted", "one-hot"])
def test_any_loss_of_one_strategy_is_one_of_the_other(digits, strategy, loss):
    import keras

    X, y = digits
    settings = {
        "focal": {"loss": "focal", "loss__gamma": 1.0, "loss__alpha": "balanced"},
        "crossentropy": {"loss": "crossentropy"},
        "weighted": {"loss": "crossentropy", "class_weight": "balanced"},
        "one-hot": {"loss": keras.losses.CategoricalFocalCrossentropy()},
    }[loss]
    ovr = OneVsRestCNNClassifier(CNNClassifier(**{**TINY, **settings}), strategy=strategy).fit(X, y)
    assert np.isfinite(ovr.history_["loss"]).all()
    assert ovr.predict_proba(X).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("strategy", ["joint", "independent"])
@pytest.mark.parametrize(
    ("settings", "alpha", "weights"),
    [
        ({"loss__alpha": "balanced"}, "balanced", None),
        ({"class_weight": "balanced"}, None, "balanced"),
        ({"class_weight": {0: 1, 1: 5}}, None, {0: 1, 1: 5}),
    ],
    ids=["alpha", "balanced", "dict"],
)
def test_balanced_alpha_and_weights_mean_the_same_in_both_strategies(digits, strategy, settings, alpha, weights):
    """The loss of networks that stand still is the mean of what each of them answers, weighted alone."""
    X, y = digits
    still = {**TINY, "epochs": 1, "optimizer__learning_rate": 0.0, "precision": "float64", **settings}
    ovr = OneVsRestCNNClassifier(CNNClassifier(**still), strategy=strategy).fit(X, y)
    expected = []
    for label, estimator in zip(ovr.classes_, ovr.estimators_, strict=True):
        positive = (y == label).astype(int)
        balanced = compute_class_weight("balanced", classes=np.array([0, 1]), y=positive)
        values = sparse_categorical_focal_loss(
            positive, estimator.predict_proba(X), alpha=np.ones(2) if alpha is None else balanced, gamma=2.0
        )
        expected.append(np.average(np.asarray(values), weights=compute_sample_weight(weights, positive)))
    assert ovr.history_["loss"][0] == pytest.approx(np.mean(expected), rel=1e-6)


def test_class_weight_by_label_reaches_its_problem(digits):
    X, y = digits
    for strategy in ("joint", "independent"):
        plain = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy).fit(X, y)
        heavy = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy, class_weight={3: 50.0}).fit(X, y)
        gain = heavy._outputs(X)[..., 1].mean(axis=0) - plain._outputs(X)[..., 1].mean(axis=0)
        assert gain.argmax() == 3
    with pytest.raises(ValueError, match="no task has"):
        OneVsRestCNNClassifier(CNNClassifier(**TINY), class_weight={"cat": 2}).fit(X, y)


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_two_classes_make_one_problem(digits, strategy):
    X, y = digits
    names = np.where(y == 3, "three", "other")
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy).fit(X, names)
    plain = CNNClassifier(**TINY).fit(X, (names == "three").astype(int))
    assert len(ovr.estimators_) == 1
    assert_equal_states(ovr.estimators_, [plain])
    assert ovr.decision_function(X).shape == (len(X),)
    assert ovr.predict_ovr(X).shape == (len(X), 2)
    np.testing.assert_array_equal(ovr.predict_proba(X), plain.predict_proba(X))
    assert set(ovr.predict(X)) <= {"three", "other"}


def test_string_labels_and_a_class_missing_from_a_fold(digits):
    X, y = digits
    rare = np.where(np.arange(len(y)) < 2, "rare", np.where(y < 5, "low", "high"))
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = cross_val_predict(ovr, X, rare, cv=3)
    assert set(answers) <= {"rare", "low", "high"}


def test_thresholds_are_used(digits):
    X, y = digits
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold=np.linspace(0, 1, 10)).fit(X, y)
    assert ovr.predict_ovr(X)[:, 0].all()
    assert not ovr.predict_ovr(X)[:, 9].any()
    np.testing.assert_array_equal(ovr.predict(X), OneVsRestCNNClassifier(CNNClassifier(**TINY)).fit(X, y).predict(X))


@pytest.mark.parametrize("threshold", ["f1", "balanced_accuracy", lambda t, p: f1_score(t, p, zero_division=0)])
def test_tuned_thresholds_are_found_out_of_fold(digits, threshold):
    X, y = digits
    labels = y % 3
    tuned = OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold=threshold, cv=3).fit(X, labels)
    plain = OneVsRestCNNClassifier(CNNClassifier(**TINY)).fit(X, labels)
    assert_equal_states(tuned.estimators_, plain.estimators_)
    scores = cross_val_predict(plain, X, labels, cv=3, method="decision_function")
    positive = 1 / (1 + np.exp(-scores))
    rest = [train for train, _ in StratifiedKFold(3).split(X, labels)]
    for k in range(3):
        truth = (labels == k).astype(int)
        found = [tuned_threshold(truth[rows], positive[rows, k], threshold) for rows in rest]
        expected = 1 / (1 + np.exp(-np.mean([np.log(t / (1 - t)) for t in found])))
        assert tuned.thresholds_[k] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_without_tuning_one_training_takes_all_rows(digits, monkeypatch, strategy):
    from sk_cifar_ovr.engine._training_loop import _TrainingLoop

    X, y = digits
    trained_on = []
    real = _TrainingLoop.__init__

    def spy(self, network, job, *rest):
        trained_on.append(job.data.train)
        real(self, network, job, *rest)

    monkeypatch.setattr(_TrainingLoop, "__init__", spy)
    for threshold, n_trainings in ((None, 1), (0.3, 1), ([0.2, 0.4, 0.6], 1), ("f1", 4)):
        trained_on.clear()
        base = CNNClassifier(**{**TINY, "epochs": 1})
        ovr = OneVsRestCNNClassifier(base, strategy=strategy, threshold=threshold, cv=3).fit(X, y % 3)
        assert len(trained_on) == n_trainings * (1 if strategy == "joint" else 3)
        np.testing.assert_array_equal(np.sort(trained_on[-1]), np.arange(len(X)))
        if threshold != "f1":
            np.testing.assert_array_equal(ovr.thresholds_, np.broadcast_to(0.5 if threshold is None else threshold, 3))


def test_tuned_thresholds_find_more_of_what_was_held_out(digits):
    """Mean F1 of short trainings with a focal loss, whose probabilities rarely reach 0.5."""
    X, y = digits
    X = X / 127.5 - 1
    gains = []
    for seed in range(3):
        test = np.random.default_rng(seed).permutation(len(X)) < 120
        base = CNNClassifier(**{**TINY, "epochs": 8, "batch_size": 128, "random_state": seed})
        tuned = OneVsRestCNNClassifier(base, threshold="f1", cv=2).fit(X[~test], y[~test])
        truth = y[test][:, None] == tuned.classes_
        at_half = tuned.set_params(threshold=None)._outputs(X[test])[..., 1] >= 0.5
        scores = [f1_score(truth, a, average="macro", zero_division=0) for a in (tuned.predict_ovr(X[test]), at_half)]
        gains.append(scores[0] - scores[1])
    # 0.14 to 0.23 with ten seeds.
    assert np.mean(gains) > 0.05


def test_the_tuned_threshold_is_the_best_one():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    scores = np.clip(truth * 0.3 + rng.random(200) * 0.6, 0, 1)
    best = max(f1_score(truth, scores >= t) for t in scores)
    assert f1_score(truth, scores >= tuned_threshold(truth, scores, "f1")) == pytest.approx(best)


def test_averaging_thresholds_makes_them_steadier():
    """Over many samples of one source, whose best threshold is 0.5."""
    pooled, averaged = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores = rng.random(200)
        truth = (rng.random(200) < scores).astype(int)
        folds = list(StratifiedKFold(5).split(scores, truth))
        pooled.append(tuned_threshold(truth, scores, "balanced_accuracy"))
        averaged.append(averaged_threshold(truth, scores, "balanced_accuracy", folds))
    assert np.mean(np.square(np.array(averaged) - 0.5)) < 0.9 * np.mean(np.square(np.array(pooled) - 0.5))


def test_thresholds_by_label(digits):
    X, y = digits
    labels = np.array(["a", "b", "c"])[y % 3]
    fitted = OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold={"c": 0.2, "a": 0.9}).fit(X, labels)
    assert fitted.thresholds_.tolist() == [0.9, 0.5, 0.2]
    with pytest.raises(ValueError, match=r"no task has: \['d'\]"):
        OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold={"d": 0.2}).fit(X, labels)


@pytest.mark.parametrize("threshold", [zero_one_loss, hamming_loss])
def test_a_loss_is_no_threshold_metric(digits, threshold):
    X, y = digits
    with pytest.raises(ValueError, match="more is better"):
        OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold=threshold, cv=2).fit(X, y % 3)


def test_a_metric_may_be_undefined_where_all_is_wrong(digits):
    X, y = digits

    def harmonic(truth, answers):
        found = [float(score(truth, answers, zero_division=0)) for score in (precision_score, recall_score)]
        return 2 * found[0] * found[1] / sum(found)

    assert checked_metric(harmonic, (y == 1).astype(int)) is harmonic


def test_class_weights_of_the_estimator_speak_of_its_problems(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"labels \[8\].*OneVsRestCNNClassifier itself"):
        OneVsRestCNNClassifier(CNNClassifier(**TINY, class_weight={0: 1.0, 1: 9.0, 8: 5.0})).fit(X, y)


@pytest.mark.parametrize("threshold", [[0.5, 0.5], ["f1"] * 10, -0.1, 1.5, "f2", True])
def test_refuses_thresholds_that_are_none(digits, threshold):
    X, y = digits
    with pytest.raises(ValueError, match="threshold"):
        OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold=threshold).fit(X, y)
    with pytest.raises(ValueError, match="threshold"):
        fixed_thresholds([0.1, 0.2], 3)


def test_sample_weight_moves_both_strategies_alike(digits):
    X, y = digits
    weight = np.where(y == 1, 30.0, 1.0)
    weight.setflags(write=False)
    for strategy in ("joint", "independent"):
        plain = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy).fit(X, y)
        heavy = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy).fit(X, y, sample_weight=weight)
        gain = heavy._outputs(X)[..., 1].mean(axis=0) - plain._outputs(X)[..., 1].mean(axis=0)
        assert gain.argmax() == 1
    assert set(np.unique(weight)) == {1.0, 30.0}


@pytest.mark.parametrize("strategy", ["joint", "independent"])
@pytest.mark.parametrize("by_label", [True, False])
def test_weights_of_rows_and_of_classes_multiply(digits, strategy, by_label):
    """The loss of untrained networks, which are equal, as NumPy has it: a weighted mean in each problem."""
    X, y = digits
    y = y % 3
    weight = np.linspace(0.5, 2.0, len(y))
    kept = weight.copy()
    base = CNNClassifier(model=dense, loss="crossentropy", epochs=1, precision="float64", random_state=0)
    base.set_params(optimizer__learning_rate=0.0)
    if by_label:
        own = {0: 3.0, 1: "balanced", 2: {0: 2.0, 1: 0.5}}
        ovr = OneVsRestCNNClassifier(base, strategy=strategy, class_weight=own)
        balanced = [weight.sum() / (2 * weight[(y == 1) == side].sum()) for side in (False, True)]
        weights = [(1.0, 3.0), balanced, (2.0, 0.5)]
    else:
        ovr = OneVsRestCNNClassifier(base.set_params(class_weight={0: 1.0, 1: 4.0}), strategy=strategy)
        weights = [(1.0, 4.0)] * 3
    ovr.fit(X, y, sample_weight=weight)
    expected = []
    for k, (others, positive) in enumerate(weights):
        labels = (y == k).astype(int)
        losses = -np.log(ovr._outputs(X)[np.arange(len(y)), k, labels])
        expected.append(np.average(losses, weights=weight * np.where(labels, positive, others)))
    assert ovr.history_["loss"][0] == pytest.approx(np.mean(expected), rel=1e-9)
    np.testing.assert_array_equal(weight, kept)
    assert np.std(expected) > 1e-4


def test_one_class_is_refused(digits):
    X, _ = digits
    with pytest.raises(ValueError, match="class"):
        OneVsRestCNNClassifier(CNNClassifier(**TINY)).fit(X, np.zeros(len(X)))


def test_tuning_needs_every_row_tested_once(digits):
    from sklearn.model_selection import StratifiedShuffleSplit

    X, y = digits
    labels = y[:60] % 3
    folds = StratifiedShuffleSplit(5, test_size=0.2, random_state=0)
    with pytest.raises(ValueError, match="exactly once"):
        OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold="f1", cv=folds).fit(X[:60], labels)


@pytest.mark.parametrize("weights", [{0: -5.0}, {0: np.nan}, {0: 0, 1: 0, 2: 0}])
def test_class_weights_that_are_none_are_refused(digits, weights):
    X, y = digits
    with pytest.raises(ValueError, match="class_weight"):
        CNNClassifier(**TINY, class_weight=weights).fit(X, y % 3)


@pytest.mark.parametrize(
    ("metric", "error", "message"),
    [
        (lambda t, p: float("nan"), ValueError, "every prediction was right"),
        (lambda t, p: None, TypeError, "one number"),
        (lambda t, p: [1.0, 0.5], TypeError, "one number"),
    ],
    ids=["nan", "none", "list"],
)
def test_a_metric_that_gives_no_number_is_said_before_training(digits, monkeypatch, metric, error, message):
    from sk_cifar_ovr.one_vs_rest._task_settings import TaskSettings

    X, y = digits
    monkeypatch.setattr(TaskSettings, "fit", None)
    with pytest.raises(error, match=message):
        OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold=metric).fit(X, y)


def test_thresholds_where_a_metric_is_undefined_are_passed_over():
    """Precision without a yes is 0/0."""
    truth = np.array([0, 0, 1, 1, 1])
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5])

    def precise(y_true, y_pred):
        return np.nan if y_pred.sum() > 3 else y_true[y_pred == 1].mean() + y_pred.sum() / 100

    assert 0.2 <= tuned_threshold(truth, scores, precise) <= 0.3


def test_a_metric_undefined_everywhere_but_at_the_truth_says_so():
    truth, scores = np.array([0, 1, 0, 1]), np.array([0.9, 0.1, 0.8, 0.2])

    def only_perfect(y_true, y_pred):
        return 1.0 if (y_true == y_pred).all() else np.nan

    with pytest.raises(ValueError, match="undefined at every threshold"):
        tuned_threshold(truth, scores, only_perfect)


def test_a_callable_threshold_finds_few_positives():
    """Twenty of twenty thousand, all above the others."""
    truth = np.zeros(20_000, int)
    truth[:20] = 1
    scores = np.random.default_rng(0).uniform(0, 0.5, 20_000) + 0.5 * truth
    threshold = tuned_threshold(truth, scores, f1_score)
    assert f1_score(truth, scores >= threshold) == 1
    few = tuned_threshold(np.array([0, 1, 1, 0]), np.array([0.1, 0.2, 0.2, 0.9]), f1_score)
    assert few == pytest.approx(0.15)
