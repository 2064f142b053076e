"""`partial_fit` and `warm_start` as scikit-learn means them, on one network and on K problems."""

import pickle

import keras
import numpy as np
import pytest
from joblib import parallel_config
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, save

TINY = {"model": dense, "model__units": 8, "batch_size": 64, "random_state": 0}
# One batch, so that the order of the rows does not matter, in double precision.
EXACT = {**TINY, "batch_size": 1000, "precision": "float64"}
STRATEGIES = ["joint", "independent"]


def states(estimator):
    parts = getattr(estimator, "estimators_", [estimator])
    return [array for part in parts for array in part.network_.state]


def assert_same(first, second, tolerance=0.0):
    for a, b in zip(states(first), states(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def make(kind, **settings):
    base = CNNClassifier(**settings)
    return base if kind == "one" else OneVsRestCNNClassifier(base, strategy=kind)


@pytest.fixture(scope="module")
def three(digits):
    """Digits 0, 1 and 2."""
    X, y = digits
    return X[y < 3], y[y < 3]


@pytest.mark.parametrize("kind", ["one", *STRATEGIES])
def test_three_calls_are_three_epochs(three, kind):
    X, y = three
    parts = make(kind, **EXACT)
    for _ in range(3):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    whole = make(kind, **EXACT, epochs=3).fit(X, y)
    assert_same(parts, whole, 1e-9)
    assert parts.history_["loss"] == pytest.approx(whole.history_["loss"])
    np.testing.assert_array_equal(parts.predict(X), whole.predict(X))


@pytest.mark.parametrize("kind", ["one", *STRATEGIES])
def test_warm_start_adds_epochs(three, kind):
    """Adam's moments are kept: without them the second fit takes other steps."""
    X, y = three
    parts = make(kind, **EXACT, epochs=2, warm_start=True).fit(X, y)
    prefix = "" if kind == "one" else "estimator__"
    parts.set_params(**{f"{prefix}epochs": 3}).fit(X, y)
    assert_same(parts, make(kind, **EXACT, epochs=5).fit(X, y), 1e-9)
    assert len(parts.history_["loss"]) == 5
    again = make(kind, **EXACT, epochs=2).fit(X, y)
    assert len(again.fit(X, y).history_["loss"]) == 2


@pytest.mark.parametrize("kind", ["one", *STRATEGIES])
def test_parameters_of_the_moment_count(three, kind):
    """With a learning rate of nothing the second fit changes nothing."""
    X, y = three
    fitted = make(kind, **TINY, epochs=1, warm_start=True).fit(X, y)
    before = [array.copy() for array in states(fitted)]
    prefix = "" if kind == "one" else "estimator__"
    fitted.set_params(**{f"{prefix}optimizer__learning_rate": 0.0}).fit(X, y)
    for a, b in zip(before, states(fitted), strict=True):
        np.testing.assert_array_equal(a, b)


def test_independent_problems_go_on_as_each_alone(three):
    X, y = three
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent")
    alone = [CNNClassifier(**TINY) for _ in range(3)]
    weight = np.linspace(0.5, 2, len(X))
    for part in (slice(0, 40), slice(40, None)):
        ovr.partial_fit(X[part], y[part], classes=[0, 1, 2], sample_weight=weight[part])
        for k, classifier in enumerate(alone):
            classifier.partial_fit(X[part], (y[part] == k).astype(int), [0, 1], sample_weight=weight[part])
    for k, classifier in enumerate(alone):
        assert_same(ovr.estimators_[k], classifier)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_class_may_come_later(three, strategy):
    X, y = three
    # Pixels of 0 to 255 saturate the tanh of this network.
    X = X / 127.5 - 1
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY, optimizer__learning_rate=0.01), strategy=strategy)
    ovr.partial_fit(X[y != 2], y[y != 2], classes=[2, 1, 0])
    assert ovr.classes_.tolist() == [0, 1, 2]
    before = ovr.decision_function(X)[y == 2, 2].mean()
    for _ in range(10):
        ovr.partial_fit(X, y)
    assert ovr.decision_function(X)[y == 2, 2].mean() > before + 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_classes_are_one_problem(three, strategy):
    X, y = three
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy)
    ovr.partial_fit(X, y == 1, classes=[False, True]).partial_fit(X, y == 1)
    one = CNNClassifier(**TINY).partial_fit(X, y == 1, [False, True]).partial_fit(X, y == 1)
    assert_same(ovr.estimators_[0], one)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_goes_on_after_pickling_and_after_loading(three, strategy, tmp_path):
    """A pickle keeps the optimizer; a saved file keeps the weights, and its optimizer starts anew."""
    X, y = three
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy).partial_fit(X, y, classes=[0, 1, 2])
    save(ovr, tmp_path / "model")
    copy, loaded = pickle.loads(pickle.dumps(ovr)), load(tmp_path / "model", trusted=[f"{dense.__module__}:dense"])
    assert_same(copy.partial_fit(X, y), ovr.partial_fit(X, y))
    assert_same(loaded.partial_fit(X, y), ovr, tolerance=0.1)
    assert len(loaded.history_["loss"]) == 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_jobs_go_on_alike(three, strategy):
    X, y = three
    with parallel_config(backend="threading"):
        one, two = (
            OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy, n_jobs=n_jobs)
            .partial_fit(X, y, classes=[0, 1, 2])
            .partial_fit(X, y)
            for n_jobs in (None, 2)
        )
    assert_same(one, two)


@pytest.mark.parametrize("kind", ["one", *STRATEGIES])
def test_what_partial_fit_refuses(three, kind):
    X, y = three
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        make(kind, **TINY).partial_fit(X, y)
    with pytest.raises(ValueError, match="early_stopping"):
        make(kind, **TINY, early_stopping=True).partial_fit(X, y, [0, 1, 2])
    fitted = make(kind, **TINY).partial_fit(X[y < 2], y[y < 2], [0, 1])
    with pytest.raises(ValueError, match="not the same as on the last call"):
        fitted.partial_fit(X, y, [0, 1, 2])
    with pytest.raises(ValueError, match="labels that are not among"):
        fitted.partial_fit(X, y)
    assert fitted.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("tuned", [{"threshold": "f1"}, {"calibration": "sigmoid"}])
def test_nothing_is_tuned_where_training_goes_on(three, tuned):
    X, y = three
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY, epochs=1, warm_start=True), cv=2, **tuned)
    with pytest.raises(ValueError, match="fixed threshold"):
        ovr.partial_fit(X, y, [0, 1, 2])
    ovr.fit(X, y)
    with pytest.raises(ValueError, match="warm_start=False"):
        ovr.fit(X, y)
    assert ovr.predict_ovr(X).shape == (len(X), 3)


def test_another_strategy_is_another_fit(three):
    X, y = three
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY)).partial_fit(X, y, [0, 1, 2])
    with pytest.raises(ValueError, match="strategy='independent' is not that of the last fit"):
        ovr.set_params(strategy="independent").partial_fit(X, y)


def test_averaged_weights_are_looked_at_and_not_trained_on(three):
    """The first loss of a call is that of the weights as they are, not of their average."""
    X, y = three
    settings = {"model": dense, "optimizer__use_ema": True, "optimizer__ema_momentum": 0.9, "precision": "float64"}
    settings |= {"batch_size": len(X), "random_state": 0}
    whole = CNNClassifier(**settings, epochs=4).fit(X, y)
    parts = CNNClassifier(**settings)
    for _ in range(4):
        parts.partial_fit(X, y, classes=np.unique(y))
    assert parts.history_["loss"] == pytest.approx(whole.history_["loss"], rel=1e-6)


def test_another_kind_of_optimizer_starts_anew(three):
    X, y = three
    settings = {"model": dense, "epochs": 2, "random_state": 0, "warm_start": True}
    clf = CNNClassifier(**settings, optimizer=keras.optimizers.SGD(0.01, momentum=0.9)).fit(X, y)
    clf.set_params(optimizer=keras.optimizers.Adagrad(0.01)).fit(X, y)
    assert clf.n_iter_ == 4


def test_histories_stay_aligned(three):
    X, y = three
    clf = CNNClassifier(model=dense, epochs=2, random_state=0, warm_start=True).fit(X, y)
    clf.set_params(validation_fraction=0.2).fit(X, y)
    clf.set_params(validation_fraction=None).fit(X, y)
    assert len(clf.history_["loss"]) == len(clf.history_["val_loss"]) == 6
    assert np.isfinite(clf.history_["val_loss"]).tolist() == [False, False, True, True, False, False]
