"""A training whose loss or weights overflow raises an error and changes no estimator."""

import keras
import numpy as np
import pytest

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.exceptions import NonFiniteLossError


def relu(meta):
    """A network whose activations have no upper bound."""
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))


def test_nan_loss_stops_with_a_typed_error(digits):
    X, y = digits
    exploding = {"optimizer": "sgd", "optimizer__learning_rate": 1e38}
    clf = CNNClassifier(model=relu, epochs=3, random_state=0, **exploding)
    with pytest.raises(NonFiniteLossError, match="learning_rate"):
        clf.fit(X.astype("float32"), y)
    assert not hasattr(clf, "classes_")
    with pytest.raises(Exception, match="not fitted"):
        clf.predict(X)


@pytest.mark.parametrize("rate", [1e20, 1e28, 1e36])
def test_weights_that_overflow_in_the_last_step_are_an_error(digits, rate):
    X, y = digits
    # One step: its loss is that of the first weights, and finite.
    clf = CNNClassifier(relu, epochs=1, batch_size=2000, random_state=0, optimizer="sgd", optimizer__learning_rate=rate)
    with pytest.raises(NonFiniteLossError, match="last step"):
        clf.fit(X, y)
    assert not hasattr(clf, "classes_")


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_nan_loss_leaves_one_vs_rest_unfitted(digits, strategy):
    X, y = digits
    exploding = {"optimizer": "sgd", "optimizer__learning_rate": 1e38, "random_state": 0}
    ovr = OneVsRestCNNClassifier(CNNClassifier(relu, epochs=3, **exploding), strategy=strategy)
    with pytest.raises(NonFiniteLossError):
        ovr.fit(X[:60], y[:60])
    assert not hasattr(ovr, "estimators_")
    assert not hasattr(ovr, "n_features_in_")


@pytest.mark.parametrize("wrap", [lambda clf: clf, OneVsRestCNNClassifier])
def test_a_fit_that_fails_keeps_the_last_one(digits, wrap):
    X, y = digits
    estimator = wrap(CNNClassifier(relu, epochs=1, random_state=0)).fit(X, y)
    before = estimator.predict_proba(X)
    inner = getattr(estimator, "estimator", estimator)
    inner.set_params(optimizer="sgd", optimizer__learning_rate=1e38, epochs=3)
    with pytest.raises(NonFiniteLossError):
        estimator.fit(X[:, :4, :4], y)
    np.testing.assert_array_equal(estimator.predict_proba(X), before)
