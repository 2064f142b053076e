"""The training loop: batches, callbacks, augmentation, random states."""

import random

import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier
from sk_cifar_ovr.engine.compiled._pool import clear_programs

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


def weights(estimator):
    return estimator.network_.state


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def test_global_random_states_stay(digits):
    X, y = digits
    python, numpy = random.getstate(), np.random.get_state()[1].copy()
    policy = keras.config.dtype_policy().name
    CNNClassifier(epochs=1, random_state=0, precision="float64", model=dense).fit(X[:64], y[:64])
    assert random.getstate() == python
    assert np.array_equal(np.random.get_state()[1], numpy)
    assert keras.config.dtype_policy().name == policy


def test_images_are_not_copied_whole(digits, monkeypatch):
    """Only batches reach the network, as uint8."""
    from sk_cifar_ovr.engine import _prediction as _prediction
    from sk_cifar_ovr.engine import _training_loop as _training

    X, y = digits
    seen = []
    real = _training.for_device

    def spy(x, dtype):
        seen.append((x.dtype, len(x)))
        return real(x, dtype)

    for module in (_training, _prediction):
        monkeypatch.setattr(module, "for_device", spy)
    CNNClassifier(**FAST).fit(X, y).predict(X)
    assert {dtype for dtype, _ in seen} == {np.dtype("uint8")}
    assert max(n for _, n in seen[:-1]) == 64


def test_a_batch_size_above_n_samples_is_one_batch(digits):
    X, y = digits
    clf = CNNClassifier(model=dense, batch_size=10_000, epochs=2, random_state=0).fit(X[:50], y[:50])
    assert len(clf.history_["loss"]) == 2


def test_every_sample_counts_once_an_epoch(digits):
    """The last batch is padded with samples of weight 0: the loss is the mean over all samples."""
    X, y = digits
    settings = {**FAST, "epochs": 1, "optimizer__learning_rate": 0.0, "precision": "float64"}
    losses = [
        CNNClassifier(**{**settings, "batch_size": size}).fit(X[:100], y[:100]).history_["loss"][0]
        for size in (7, 64, 100)
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-9)


def test_callbacks_are_called_and_may_stop(digits):
    X, y = digits
    seen = []

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, logs["loss"]))
            self.model.stop_training = epoch == 1

    clf = CNNClassifier(model=dense, epochs=5, callbacks=[Stop()], random_state=0).fit(X, y)
    assert [epoch for epoch, _ in seen] == [0, 1]
    assert clf.history_["loss"] == [loss for _, loss in seen]


def test_callbacks_get_epochs_and_steps_and_release_the_network(digits):
    X, y = digits
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append((self.params["epochs"], self.params["steps"], self.model is not None))

    look = Look()
    clf = CNNClassifier(**FAST, callbacks=[look]).fit(X, y)
    assert seen == [(2, 6, True)]
    # The network goes back to the pool, for the next fit.
    assert look.model is None
    assert clf.n_iter_ == 2


def test_callbacks_release_the_network_of_a_fit_that_fails(digits):
    X, y = digits

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    stop = Stop()
    with pytest.raises(KeyboardInterrupt):
        CNNClassifier(**FAST, callbacks=[stop]).fit(X, y)
    assert stop.model is None


@keras.saving.register_keras_serializable(package="tests")
class Brighter(keras.layers.Layer):
    """An augmentation with a weight and a random generator."""

    def __init__(self, **options):
        super().__init__(**options)
        self.generator = keras.random.SeedGenerator(0)
        self.strength = self.add_weight(shape=(), initializer="ones", trainable=False, name="strength")

    def call(self, images, training=False):
        noise = keras.random.uniform((1,), seed=self.generator)
        return images + 0.001 * self.strength * noise if training else images


def test_weights_of_an_augmentation_stay(digits):
    X, y = digits
    plain = CNNClassifier(**FAST).fit(X, y)
    brighter = CNNClassifier(**FAST, augment=Brighter()).fit(X, y)
    assert not same(plain, brighter)
    np.testing.assert_allclose(brighter.history_["loss"], plain.history_["loss"], rtol=1e-2)


def test_a_pipeline_of_layers_augments(digits):
    X, y = digits
    layers = [keras.layers.RandomTranslation(0.1, 0.1), keras.layers.RandomFlip("horizontal")]
    clf = CNNClassifier(**FAST, augment=keras.layers.Pipeline(layers)).fit(X, y)
    assert not same(clf, CNNClassifier(**FAST).fit(X, y))


def test_augmentation_leaves_the_global_generator(digits):
    X, y = digits
    clear_programs()
    before = random.getstate()
    CNNClassifier(**FAST, augment="flip_shift").fit(X, y)
    assert random.getstate() == before
