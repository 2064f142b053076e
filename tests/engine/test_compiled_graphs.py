"""Fits of the same graph share one compiled network; graphs are told apart by all that builds them."""

import pickle
import sys
import threading
from dataclasses import replace

import cloudpickle
import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier
from sk_cifar_ovr.engine.compiled import trace_count
from sk_cifar_ovr.engine.compiled._pool import _idle, clear_programs

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


def weights(estimator):
    return estimator.network_.state


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


@pytest.fixture
def empty_pool():
    clear_programs()
    yield
    clear_programs()


def test_fits_of_one_graph_are_traced_once(digits, empty_pool):
    X, y = digits
    before = trace_count()
    for seed, gamma, rate, epochs in [(0, 2.0, 1e-3, 1), (1, 0.0, 1e-2, 2), (2, 5.0, 1e-4, 1)]:
        CNNClassifier(
            model=dense,
            epochs=epochs,
            random_state=seed,
            loss="focal",
            loss__gamma=gamma,
            loss__alpha="balanced",
            class_weight="balanced",
            optimizer__learning_rate=rate,
        ).fit(X, y)
    CNNClassifier(model=dense, loss="crossentropy", epochs=1).fit(X[:200], y[:200])
    assert trace_count() - before == 1
    CNNClassifier(model=dense, model__units=8, epochs=1).fit(X, y)
    assert trace_count() - before == 2


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own warning")
def test_tensorflow_does_not_warn_of_many_networks(digits, empty_pool, caplog):
    import tensorflow as tf

    X, y = digits
    tf.get_logger().addHandler(caplog.handler)
    for units in range(2, 8):
        CNNClassifier(dense, model__units=units, epochs=1).fit(X[:50], y[:50]).predict(X[:50])
    tf.get_logger().removeHandler(caplog.handler)
    assert "retracing" not in caplog.text


def test_a_reused_graph_keeps_nothing_of_the_previous_fit(digits, empty_pool):
    X, y = digits
    alone = CNNClassifier(**FAST, loss="focal", loss__gamma=1.0).fit(X, y)
    CNNClassifier(model=dense, epochs=1, optimizer__learning_rate=1.0, random_state=5).fit(X, y)
    again = CNNClassifier(**FAST, loss="focal", loss__gamma=1.0).fit(X, y)
    assert same(alone, again)
    clear_programs()
    assert same(alone, CNNClassifier(**FAST, loss="focal", loss__gamma=1.0).fit(X, y))


def test_the_pool_of_networks_is_bounded_and_cleared(digits, empty_pool):
    X, y = digits
    for units in range(2, 14):
        CNNClassifier(model=dense, model__units=units, epochs=1).fit(X[:64], y[:64])
    assert sum(map(len, _idle.values())) <= 8
    clear_programs()
    assert not _idle


def test_threads_do_not_share_a_network(digits, empty_pool):
    X, y = digits
    alone = {seed: CNNClassifier(**{**FAST, "random_state": seed}).fit(X, y) for seed in range(4)}
    found = {}

    def work(seed):
        found[seed] = CNNClassifier(**{**FAST, "random_state": seed}).fit(X, y)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(alone[seed], found[seed]) for seed in range(4))


def test_specs_differ_by_what_changes_the_graph(digits):
    X, y = digits
    spec = CNNClassifier(**FAST).fit(X, y).network_.spec
    assert spec.pool_key() == replace(spec).pool_key()
    assert spec.pool_key() != replace(spec, n_heads=3).pool_key()
    assert spec.pool_key() != replace(spec, precision="float64").pool_key()


class Named(keras.losses.Loss):
    """A loss with a fixed name and without `get_config`."""

    def __init__(self, power):
        super().__init__(name="named")
        self.power = power

    def call(self, y, y_pred):
        return self.power * keras.ops.sum(keras.ops.square(y - y_pred), axis=-1)


class Unnamed(Named):
    def __init__(self, power=1.0):
        keras.losses.Loss.__init__(self)
        self.power = power


def test_a_loss_without_a_config_is_not_mistaken_for_another(digits, empty_pool):
    X, y = digits
    first, second = (CNNClassifier(**FAST, loss=Named(power)).fit(X, y).history_["loss"][0] for power in (1.0, 100.0))
    assert second > 10 * first


def test_a_loss_class_is_traced_once(digits, empty_pool):
    X, y = digits
    before = trace_count()
    for _ in range(3):
        CNNClassifier(**FAST, loss=Unnamed).fit(X, y)
    assert trace_count() - before == 1


class Builder:
    def __init__(self, units=16):
        self.units = units
        self.itself = self

    def __call__(self, meta):
        return dense(meta, units=self.units)

    def build(self, meta):
        return self(meta)


@pytest.mark.parametrize("builder", [Builder(), Builder().build])
def test_any_callable_builds(digits, builder):
    X, y = digits
    assert same(CNNClassifier(**{**FAST, "model": builder}).fit(X, y), CNNClassifier(**FAST).fit(X, y))


def test_a_fit_with_a_function_of_a_script_can_be_pickled(digits, monkeypatch):
    X, y = digits

    def builder(meta):
        return dense(meta)

    clf = CNNClassifier(**{**FAST, "model": builder}).fit(X, y)
    again = cloudpickle.loads(cloudpickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert again.network_.spec.pool_key() == clf.network_.spec.pool_key()
    # pickle finds a function of a script by its name.
    monkeypatch.setattr(sys.modules["__main__"], "script_builder", builder, raising=False)
    builder.__module__, builder.__qualname__ = "__main__", "script_builder"
    clf = CNNClassifier(**{**FAST, "model": builder}).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), clf.predict_proba(X))
