"""Thresholds that promise a precision or a recall in cross-fitting."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.model_selection import KFold
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.exceptions import ThresholdPromiseWarning
from sk_cifar_ovr.metrics import positive_probabilities
from sk_cifar_ovr.one_vs_rest._promises import Promise

LEARNING = {
    "model": dense,
    "loss": "focal",
    "epochs": 8,
    "batch_size": 64,
    "optimizer__learning_rate": 0.01,
    "recipe": None,
    "random_state": 0,
}


def ovr(threshold, **more):
    return OneVsRestCNNClassifier(CNNClassifier(**LEARNING), threshold=threshold, cv=KFold(3), **more)


@pytest.fixture(scope="module")
def parts(digits):
    X, y = digits
    # Pixels of 0 to 255 saturate the tanh of the networks.
    return X / 127.5 - 1, np.array(["cat", "dog", "owl"])[y % 3]


@pytest.fixture(scope="module")
def out_of_fold(parts):
    """Probabilities of networks that never saw the images."""
    X, y = parts
    scores = np.empty((len(y), 3))
    for train, test in KFold(3).split(X):
        scores[test] = (
            OneVsRestCNNClassifier(CNNClassifier(**LEARNING)).fit(X[train], y[train]).decision_function(X[test])
        )
    return 1 / (1 + np.exp(-scores))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("promised", [0.3, 0.6, 0.8, 1.0])
def test_no_other_threshold_is_better(seed, weighted, promised):
    """All thresholds are tried: rounded scores hold ties."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(80) < 0.4).astype(int)
    scores = np.round(np.clip(0.3 * truth + 0.7 * rng.random(80), 0, 1), 1)
    weight = rng.random(80) if weighted else None
    every = np.unique(scores)
    precision = np.array([precision_score(truth, scores >= t, sample_weight=weight) for t in every])
    recall = np.array([recall_score(truth, scores >= t, sample_weight=weight) for t in every])

    threshold = Promise("recall", promised).tuned(truth, scores, [], weight)
    best = every[recall >= promised - 1e-12].max()
    np.testing.assert_array_equal(scores >= threshold, scores >= best)

    promise = Promise("precision", promised)
    threshold = promise.tuned(truth, scores, [], weight)
    kept = every[precision >= promised - 1e-12]
    best = kept.min() if len(kept) else every[precision == precision.max()].min()
    np.testing.assert_array_equal(scores >= threshold, scores >= best)
    reached = promise.reached(truth, scores, threshold, weight)
    assert reached == pytest.approx(precision_score(truth, scores >= threshold, sample_weight=weight))
    assert promise.record("cat", reached)["kept"] == bool(len(kept))


@pytest.mark.parametrize("metric", ["precision", "recall"])
def test_the_promise_is_kept_out_of_fold(parts, out_of_fold, metric):
    X, y = parts
    fitted = ovr({metric: 0.75}).fit(X, y)
    assert [p["class"] for p in fitted.promises_] == ["cat", "dog", "owl"]
    score = {"precision": precision_score, "recall": recall_score}[metric]
    for k, promise in enumerate(fitted.promises_):
        truth, threshold = y == promise["class"], fitted.thresholds_[k]
        assert promise["promised"] == 0.75
        assert promise["metric"] == metric
        assert promise["kept"] is True
        assert promise["reached"] == pytest.approx(score(truth, out_of_fold[:, k] >= threshold), abs=0.02)
        assert 0.75 <= promise["reached"] < 0.85


def test_a_higher_precision_costs_recall(parts):
    X, y = parts
    low, high = (ovr({"precision": p}).fit(X, y) for p in (0.5, 0.8))
    assert (low.thresholds_ < high.thresholds_).all()
    assert low.predict_ovr(X).sum() > high.predict_ovr(X).sum()


def test_on_calibrated_probabilities(parts):
    X, y = parts
    raw, both = ovr({"recall": 0.8}).fit(X, y), ovr({"recall": 0.8}, calibration="sigmoid").fit(X, y)
    assert [p["reached"] for p in raw.promises_] == pytest.approx([p["reached"] for p in both.promises_])
    assert np.abs(raw.thresholds_ - both.thresholds_).max() > 0.01
    np.testing.assert_array_equal(raw.predict_ovr(X), both.predict_ovr(X))


def test_mixtures_by_class(parts):
    X, y = parts

    def own(truth, predicted):
        return f1_score(truth, predicted)

    mixed = ovr({"cat": {"precision": 0.7}, "owl": own}).fit(X, y)
    named = ovr({"cat": {"precision": 0.7}, "dog": 0.3, "owl": "f1"}).fit(X, y)
    assert [p["class"] for p in mixed.promises_] == ["cat"]
    assert mixed.thresholds_[1] == 0.5
    assert named.thresholds_[1] == 0.3
    assert named.thresholds_[0] == mixed.thresholds_[0] == ovr({"precision": 0.7}).fit(X, y).thresholds_[0]
    assert named.thresholds_[2] == ovr("f1").fit(X, y).thresholds_[2]
    assert ovr({"dog": 0.3}).fit(X, y).promises_ is None


def test_separate_networks_of_untuned_classes_are_not_trained_in_folds(parts, monkeypatch):
    from sk_cifar_ovr.engine._training_loop import _TrainingLoop

    X, y = parts
    sizes = []
    real = _TrainingLoop.__init__

    def spy(self, network, job, *rest):
        sizes.append(len(job.data.train))
        real(self, network, job, *rest)

    monkeypatch.setattr(_TrainingLoop, "__init__", spy)
    fitted = ovr({"dog": {"recall": 0.9}}, strategy="independent").set_params(estimator__epochs=1).fit(X, y)
    assert sizes == [240, 240, 240, 360, 360, 360]
    assert fitted.thresholds_[[0, 2]].tolist() == [0.5, 0.5]


def test_a_promise_that_cannot_be_kept_is_warned_of_by_name(digits):
    X, y = digits
    # Nothing tells these images apart.
    X, y = np.zeros_like(X), y % 2
    with pytest.warns(ThresholdPromiseWarning, match=r"1 \(precision 0.99 promised, 0\.\d+ reached\)") as caught:
        fitted = ovr({"precision": 0.99}).set_params(estimator__epochs=1).fit(X, y)
    assert len([w for w in caught if w.category is ThresholdPromiseWarning]) == 1
    (promise,) = fitted.promises_
    assert promise["kept"] is False
    assert 0 < promise["reached"] < 0.99


def test_class_labels_win_over_names_of_metrics(parts):
    X, y = parts
    y = np.where(y == "cat", "precision", "other")
    fitted = ovr({"precision": 0.9}).fit(X, y)
    assert fitted.thresholds_.tolist() == [0.9]
    assert fitted.promises_ is None
    assert ovr({"precision": {"recall": 0.9}}).fit(X, y).promises_[0]["class"] == "precision"


def test_two_classes_promise_for_the_second(parts):
    X, y = parts
    fitted = ovr({"recall": 0.9}).fit(X, y == "cat")
    assert [p["class"] for p in fitted.promises_] == [True]
    assert recall_score(y == "cat", fitted.predict_ovr(X)[:, 1]) > 0.8


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ({"precision": 1.1}, "above 0 and up to 1"),
        ({"precision": 0}, "above 0 and up to 1"),
        ({"recall": "high"}, "above 0 and up to 1"),
        ({"precision": True}, "above 0 and up to 1"),
        ({"precision": 0.9, "recall": 0.9}, "must hold one of"),
        ({"cat": {"f1": 0.9}}, "must hold one of"),
        ({"cat": {}}, "must hold one of"),
        ({"precision": 0.9, "dog": 0.5}, r"no task has: \['precision'\]"),
        ({"cat": "f2"}, "available by name"),
        ({"cat": [0.1, 0.2]}, "threshold"),
    ],
)
def test_what_is_no_promise_is_refused_before_training(parts, monkeypatch, threshold, message):
    from sk_cifar_ovr.one_vs_rest._task_settings import TaskSettings

    monkeypatch.setattr(TaskSettings, "fit", None)
    with pytest.raises(ValueError, match=message):
        ovr(threshold).fit(*parts)


def test_fits_that_continue_cannot_promise(parts):
    X, y = parts
    with pytest.raises(ValueError, match="one fit of everything"):
        ovr({"cat": {"precision": 0.9}}).partial_fit(X, y, classes=np.unique(y))


def saturated(meta):
    """Log-odds in the hundreds, which float32 probabilities of 1 do not tell apart."""
    import keras

    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Dense(meta["n_classes_"])(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Softmax()(keras.layers.Rescaling(0.1)(x)))


def test_thresholds_near_1_are_compared_in_log_odds(digits):
    X, y = digits
    Y = np.stack([y % 2 == 0, y >= 5, y % 3 == 0], axis=1).astype(int)
    fitted = OneVsRestCNNClassifier(CNNClassifier(saturated, epochs=1, random_state=0)).fit(X, Y)
    scores = fitted.decision_function(X).astype(float)
    assert ((scores > 17) & (scores < 23)).any()
    for threshold in (0.5, 1 - 1e-10, 1e-10):
        fitted.thresholds_ = np.full(3, threshold)
        expected = scores >= np.log(threshold) - np.log1p(-threshold)
        np.testing.assert_array_equal(fitted.predict_ovr(X), expected)
        np.testing.assert_array_equal(fitted.predict(X), expected)
        np.testing.assert_array_equal(positive_probabilities(fitted, X) >= threshold, expected)


def test_a_misspelt_promise_is_explained(parts):
    X, y = parts
    with pytest.raises(ValueError, match=r"\['precison'\].* has the key 'precision' or 'recall'"):
        ovr({"precison": 0.9}).fit(X, y)
