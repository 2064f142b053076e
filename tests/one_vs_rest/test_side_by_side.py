"""Networks side by side: one program, the same weights as one network after another."""

import keras
import numpy as np
import pytest
from sklearn.base import clone
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.engine.compiled import side_by_side_pays, trace_count
from sk_cifar_ovr.engine.compiled._pool import clear_programs
from sk_cifar_ovr.networks import cifar_cnn
from sk_cifar_ovr.one_vs_rest import _joint_training


def convolutional(meta):
    """A tiny convolutional network."""
    pixels = x = keras.Input(meta["image_shape_"])
    x = keras.layers.Conv2D(3, 3, strides=2, activation="relu")(x)
    x = keras.layers.Flatten()(keras.layers.BatchNormalization()(x))
    return keras.Model(pixels, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))


SMALL = {"model": convolutional, "loss": "focal", "epochs": 2, "batch_size": 64, "recipe": None, "random_state": 0}


@pytest.fixture
def few(digits):
    """Images of three classes."""
    X, y = digits
    kept = y < 3
    return X[kept], y[kept]


@pytest.fixture
def forced(monkeypatch):
    """Decide for the engine whether networks go side by side."""

    def force(answer):
        monkeypatch.setattr(_joint_training, "side_by_side_pays", lambda *_: answer)

    return force


def fits(force, estimator, X, y, sample_weight=None):
    """The same fit one network after another and side by side."""
    fitted = []
    for answer in (False, True):
        force(answer)
        fitted.append(clone(estimator).fit(X, y, sample_weight))
    return fitted


def states(ovr):
    return [estimator.network_.state for estimator in ovr.estimators_]


def assert_equal(apart, together, tolerance=0.0):
    for one, other in zip(states(apart), states(together), strict=True):
        for a, b in zip(one, other, strict=True):
            # Statistics of batch normalisation may be in the thousands.
            np.testing.assert_allclose(a, b, rtol=tolerance / 10, atol=tolerance)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"augment": "flip_shift", "schedule": "one_cycle", "optimizer__use_ema": True},
        {"loss": "crossentropy", "class_weight": "balanced", "optimizer": "adamw"},
        {"loss__alpha": "balanced", "optimizer": "sgd", "optimizer__learning_rate": 0.01},
    ],
    ids=["focal", "augmented", "weighted", "alpha"],
)
def test_same_weights_as_one_after_another(few, forced, settings):
    """Bit for bit on TensorFlow, whose kernels are the same; elsewhere within 1e-4 over ten steps."""
    X, y = few
    weights = np.linspace(0.5, 2, len(X))
    base = CNNClassifier(**{**SMALL, "precision": "float32", **settings})
    ovr = OneVsRestCNNClassifier(base, strategy="independent")
    apart, together = fits(forced, ovr, X, y, weights)
    assert_equal(apart, together, 0.0 if keras.backend.backend() == "tensorflow" else 1e-4)
    for one, other in zip(apart.estimators_, together.estimators_, strict=True):
        np.testing.assert_allclose(one.history_["loss"], other.history_["loss"], rtol=1e-5)
    np.testing.assert_allclose(apart.predict_proba(X), together.predict_proba(X), atol=1e-4)


def test_no_weight_is_shared(few, forced):
    X, y = few
    forced(True)
    ovr = OneVsRestCNNClassifier(CNNClassifier(**SMALL), strategy="independent").fit(X, y)
    first, second = states(ovr)[:2]
    kernels = [i for i, values in enumerate(first) if values.ndim > 1]
    assert all(not np.array_equal(first[i], second[i]) for i in kernels)
    assert not any(np.shares_memory(a, b) for a, b in zip(first, second, strict=True))
    assert ovr.joint_network_ is None


def test_one_program_for_all_networks(few, forced):
    X, y = few
    clear_programs()
    forced(True)
    before = trace_count()
    ovr = OneVsRestCNNClassifier(CNNClassifier(dense, epochs=1, random_state=0), strategy="independent")
    ovr.fit(X, y)
    ovr.set_params(estimator__loss="focal", estimator__loss__gamma=1.0, estimator__random_state=1).fit(X, y)
    assert trace_count() - before == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"random_state": None},
        {"random_state": np.random.RandomState(0)},
        {"early_stopping": True},
        {"validation_fraction": 0.2},
        {"callbacks": [keras.callbacks.Callback()]},
        {"warm_start": True},
        {"balanced_batches": True},
        {"optimizer__global_clipnorm": 1.0},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_belongs_to_one_network_keeps_them_apart(few, forced, monkeypatch, settings):
    X, y = few
    forced(True)
    monkeypatch.setattr(_joint_training, "_fit_together", lambda *_, **__: pytest.fail("went side by side"))
    base = CNNClassifier(dense, **{"epochs": 1, "random_state": 0, **settings})
    OneVsRestCNNClassifier(base, strategy="independent").fit(X, y)


def test_short_steps_go_side_by_side_where_there_are_many():
    short = dense({"image_shape_": (8, 8, 1), "n_classes_": 2})
    long = cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2})
    assert side_by_side_pays(short, 32, 1000, 10)
    assert not side_by_side_pays(short, 32, 10, 10)
    assert not side_by_side_pays(short, 32, 1000, 1000)
    assert not side_by_side_pays(long, 128, 1000, 10)


def test_the_rule_is_asked_by_fit(few, monkeypatch):
    X, y = few
    asked = []
    monkeypatch.setattr(_joint_training, "side_by_side_pays", lambda _, *sizes: asked.append(sizes) or False)
    base = CNNClassifier(dense, epochs=3, batch_size=50, random_state=0)
    OneVsRestCNNClassifier(base, strategy="independent").fit(X[:100], y[:100])
    assert asked == [(50, 6, 3)]
