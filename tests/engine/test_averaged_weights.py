"""Moving averages of the weights (`optimizer__use_ema`)."""

import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier
from sk_cifar_ovr._shared.variables import to_numpy

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


@pytest.mark.parametrize("rate", [0.02, keras.optimizers.schedules.ExponentialDecay(0.02, 100, 0.9)])
def test_batch_statistics_are_those_of_averaged_weights(digits, rate):
    X, y = digits
    clf = CNNClassifier(
        model__filters=(4, 4, 8),
        epochs=30,
        batch_size=len(X),
        precision="float32",
        optimizer__use_ema=True,
        optimizer__ema_momentum=0.95,
        optimizer__learning_rate=rate,
        random_state=0,
    ).fit(X, y)
    model = clf.model_
    norm = model.get_layer("norm1")
    seen = keras.Model(model.inputs[0], norm.input)(X.astype("float32"))
    mean = to_numpy(seen).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(to_numpy(norm.moving_mean.value), mean, rtol=0.02, atol=1e-3)


def test_averaging_and_early_stopping_exclude_each_other(digits):
    X, y = digits
    with pytest.raises(ValueError, match="choose one"):
        CNNClassifier(model=dense, early_stopping=True, optimizer__use_ema=True).fit(X, y)


def test_a_short_training_averages_its_last_steps(digits):
    """The default momentum depends on the number of steps: 0.999 would still hold the first weights."""
    X, y = digits
    # Pixels of 0 to 255 saturate the tanh of this network.
    X = X / 127.5 - 1
    settings = {**FAST, "epochs": 40, "schedule": "one_cycle", "optimizer": "adamw", "optimizer__learning_rate": 3e-3}
    plain = CNNClassifier(**settings).fit(X, y).score(X, y)
    averaged = CNNClassifier(**settings, optimizer__use_ema=True).fit(X, y).score(X, y)
    slow = CNNClassifier(**settings, optimizer__use_ema=True, optimizer__ema_momentum=0.999).fit(X, y).score(X, y)
    assert averaged > plain - 0.05
    # A momentum given by the user is used as it is.
    assert slow < plain - 0.2
