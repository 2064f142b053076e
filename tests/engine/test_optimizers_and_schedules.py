"""Optimizers, their learning rate schedules and loss scale."""

import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


def weights(estimator):
    return estimator.network_.state


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_schedules_end_at_zero_and_peak_at_the_rate(schedule):
    from sk_cifar_ovr.engine._learning_rate_schedules import SCHEDULES

    course = SCHEDULES[schedule](np.linspace(0, 1, 1001))
    assert course.max() == pytest.approx(1, abs=0.02)
    assert course[-1] == pytest.approx(0, abs=1e-9)
    assert course[0] < 0.2


def test_two_schedules_are_refused(digits):
    X, y = digits
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, 100, 0.9)
    with pytest.raises(ValueError, match="schedule='one_cycle'"):
        CNNClassifier(**FAST, schedule="one_cycle", optimizer__learning_rate=rate).fit(X, y)
    # A recipe leaves its own schedule out.
    CNNClassifier(**FAST, recipe="strong", optimizer=keras.optimizers.SGD(rate)).fit(X, y)


def test_the_given_optimizer_is_copied(digits):
    X, y = digits
    optimizer = keras.optimizers.Adam(0.01)
    clf = CNNClassifier(model=dense, epochs=1, optimizer=optimizer, random_state=0).fit(X, y)
    assert not optimizer.built
    assert same(clf, CNNClassifier(model=dense, epochs=1, optimizer__learning_rate=0.01, random_state=0).fit(X, y))


def test_loss_scale_moves_no_step(digits):
    X, y = digits
    settings = {**FAST, "optimizer": "sgd", "optimizer__learning_rate": 0.1}
    plain = CNNClassifier(**settings).fit(X, y)
    scaled = CNNClassifier(**settings, optimizer__loss_scale_factor=1024.0).fit(X, y)
    for a, b in zip(weights(plain), weights(scaled), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_loss_scale_optimizers_are_refused(digits):
    X, y = digits
    scaling = keras.optimizers.LossScaleOptimizer
    for optimizer in (scaling, scaling(keras.optimizers.SGD(0.1))):
        with pytest.raises(ValueError, match="LossScaleOptimizer"):
            CNNClassifier(**FAST, optimizer=optimizer).fit(X, y)
