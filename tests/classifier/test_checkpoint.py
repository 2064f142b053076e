"""Fits that were killed go on where they were, and end as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.engine.checkpoints import Checkpoints
from sk_cifar_ovr.engine.checkpoints import _checkpoints as module
from sk_cifar_ovr.exceptions import CheckpointError, CheckpointWarning

SETTINGS = {"model": dense, "recipe": None, "batch_size": 32, "random_state": 0}


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    """A checkpoint after each epoch, however short, in a process that has begun no training."""
    monkeypatch.setattr(module, "SHARE", 0)
    monkeypatch.setattr(module, "_begun", set())


@pytest.fixture
def kill_after(monkeypatch):
    """A function that lets the process end, as if by Ctrl-C, after so many checkpoints."""
    write = Checkpoints.write

    def set_limit(n):
        left = [n]

        def counted(self, snapshot):
            write(self, snapshot)
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

        monkeypatch.setattr(Checkpoints, "write", counted)

    yield set_limit
    monkeypatch.setattr(Checkpoints, "write", write)


def states(estimator):
    return [value for each in getattr(estimator, "estimators_", [estimator]) for value in each.network_.state]


def assert_same(one, other):
    assert all(np.array_equal(a, b) for a, b in zip(states(one), states(other), strict=True))
    assert one.history_ == other.history_


def one_network(**params):
    return CNNClassifier(**{**SETTINGS, "epochs": 4, **params})


MAKERS = {
    "plain": lambda **p: one_network(**p),
    "dropout and augmentation": lambda **p: one_network(model="cifar_cnn", recipe="long", **p),
    "early stopping": lambda **p: one_network(**{"early_stopping": True, "n_iter_no_change": 2, "epochs": 6, **p}),
    "balanced batches": lambda **p: one_network(balanced_batches=True, **p),
    "head first": lambda **p: one_network(head_epochs=2, **p),
    "momentum": lambda **p: one_network(optimizer="sgd", optimizer__momentum=0.9, schedule="cosine", **p),
    "joint": lambda **p: OneVsRestCNNClassifier(one_network(**p)),
    "independent": lambda **p: OneVsRestCNNClassifier(
        one_network(early_stopping=True, **{"epochs": 2, **p}), strategy="independent"
    ),
    "side by side": lambda **p: OneVsRestCNNClassifier(one_network(**p), strategy="independent"),
    "thresholds": lambda **p: OneVsRestCNNClassifier(one_network(**p), threshold="f1", cv=2),
}


@pytest.mark.parametrize("n_epochs", [1, 3])
@pytest.mark.parametrize("kind", MAKERS)
def test_a_resumed_fit_ends_with_the_weights_of_an_unbroken_one(kind, n_epochs, digits, tmp_path, kill_after):
    make, (X, y) = MAKERS[kind], (digits[0][:160], digits[1][:160])
    unbroken = make().fit(X, y)
    kill_after(n_epochs)
    with pytest.raises(KeyboardInterrupt):
        make(checkpoint=tmp_path).fit(X, y)
    kill_after(0)
    assert_same(make(checkpoint=tmp_path).fit(X, y), unbroken)


def test_only_the_epochs_that_are_left_are_trained(digits, tmp_path, kill_after):
    from keras.callbacks import LambdaCallback

    X, y = digits
    trained = []
    callback = LambdaCallback(on_epoch_end=lambda epoch, logs: trained.append(epoch))
    clf = one_network(epochs=5, checkpoint=tmp_path, callbacks=[callback])
    kill_after(3)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    kill_after(0)
    clf.fit(X, y)
    assert trained == [0, 1, 2, 3, 4]
    assert clf.n_iter_ == 5
    clf.fit(X, y)
    assert len(trained) == 5


def test_an_early_stop_is_not_trained_on(digits, tmp_path, kill_after):
    X, y = digits
    settings = {"early_stopping": True, "n_iter_no_change": 1, "epochs": 50, "optimizer__learning_rate": 0.3}
    n = one_network(**settings).fit(X, y).n_iter_
    assert n < 50
    trained = len(one_network(**settings).fit(X, y).history_["loss"])
    kill_after(trained)
    with pytest.raises(KeyboardInterrupt):
        one_network(checkpoint=tmp_path, **settings).fit(X, y)
    kill_after(0)
    assert len(one_network(checkpoint=tmp_path, **settings).fit(X, y).history_["loss"]) == trained


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 9}, "epochs"),
        ({"batch_size": 16}, "batch_size"),
        ({"random_state": 1}, "random_state"),
        ({"model__units": 8}, "model"),
        ({"optimizer__learning_rate": 0.01}, "optimizer"),
        ({"loss": "focal"}, "loss"),
        ({"schedule": "cosine"}, "schedule"),
        ({"augment": "flip_shift"}, "augment"),
        ({"class_weight": "balanced"}, "class_weight"),
        ({"batch_statistics": "moving"}, "batch_statistics"),
        ({"validation_fraction": 0.2}, "images to train on, images held out for validation"),
    ],
)
def test_other_settings_are_refused_by_name(change, named, digits, tmp_path, kill_after, monkeypatch):
    X, y = digits
    kill_after(1)
    with pytest.raises(KeyboardInterrupt):
        one_network(checkpoint=tmp_path).fit(X, y)
    # As in another process.
    monkeypatch.setattr(module, "_begun", set())
    with pytest.raises(CheckpointError, match=rf"other data or settings \({named}\)"):
        one_network(**{"checkpoint": tmp_path, **change}).fit(X, y)


@pytest.mark.parametrize("what", ["images", "labels", "sample_weight"])
def test_other_data_are_refused_by_name(what, digits, tmp_path, kill_after, monkeypatch):
    X, y = digits
    data = {"images": X, "labels": y, "sample_weight": np.ones(len(X))}
    kill_after(1)
    with pytest.raises(KeyboardInterrupt):
        one_network(checkpoint=tmp_path).fit(*data.values())
    monkeypatch.setattr(module, "_begun", set())
    changed = data[what].copy()
    # Pixels stay between 0 and 255, labels among the ten digits, weights positive.
    changed[5] = changed[5] * 0 + 1 if what != "labels" else (changed[5] + 1) % 10
    if what == "sample_weight":
        changed[5] = 2
    with pytest.raises(CheckpointError, match=rf"\({what}"):
        one_network(checkpoint=tmp_path).fit(*{**data, what: changed}.values())


def a_model(seed):
    import keras

    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential(layers)
    model.set_weights([np.random.default_rng(seed).normal(size=weight.shape) for weight in model.get_weights()])
    return model


def test_a_keras_model_with_other_weights_is_another_training(digits, tmp_path):
    X, y = digits
    settings = {"model__pixels": "0-255", "epochs": 1}
    one_network(model=a_model(1), checkpoint=tmp_path, **settings).fit(X, y)
    kept = one_network(model=a_model(2), checkpoint=tmp_path, **settings).fit(X, y)
    assert_same(kept, one_network(model=a_model(2), **settings).fit(X, y))


# Keras' scheduler reads the learning rate in a way that NumPy 2 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_callbacks_with_other_functions_are_another_training(digits, tmp_path):
    from keras.callbacks import LearningRateScheduler

    X, y = digits

    def fit(rate, folder):
        callback = LearningRateScheduler(lambda epoch, learning_rate: rate)
        return one_network(epochs=2, callbacks=[callback], checkpoint=folder).fit(X, y)

    fit(0.001, tmp_path)
    assert_same(fit(0.05, tmp_path), fit(0.05, None))


def test_losses_with_other_attributes_are_another_training(digits, tmp_path):
    import keras

    X, y = digits

    class Scaled(keras.losses.Loss):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def call(self, y_true, y_pred):
            return self.factor * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    def fit(factor, folder):
        return one_network(loss=Scaled(factor), optimizer="sgd", epochs=1, checkpoint=folder).fit(X, y)

    fit(1.0, tmp_path)
    assert_same(fit(0.01, tmp_path), fit(0.01, None))


def test_a_search_with_other_candidates_is_whole(digits, tmp_path, kill_after, monkeypatch):
    X, y = digits

    def search(rates, **params):
        grid = {"optimizer__learning_rate": rates}
        return GridSearchCV(one_network(epochs=2, **params), grid, cv=2, error_score="raise")

    kill_after(1)
    with pytest.raises(KeyboardInterrupt):
        search([0.001, 0.01], checkpoint=tmp_path).fit(X, y)
    kill_after(0)
    # As in another process.
    monkeypatch.setattr(module, "_begun", set())
    with pytest.warns(CheckpointWarning, match=r"optimizer\).*starts anew"):
        found = search([0.05, 0.001, 0.01], checkpoint=tmp_path).fit(X, y)
    unbroken = search([0.05, 0.001, 0.01]).fit(X, y)
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], unbroken.cv_results_["mean_test_score"])


def test_without_random_state_the_folder_keeps_a_seed(digits, tmp_path, kill_after):
    X, y = digits
    clf = one_network(random_state=None, checkpoint=tmp_path)
    kill_after(2)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    kill_after(0)
    clf.fit(X, y)
    again = one_network(random_state=None, checkpoint=tmp_path).fit(X, y)
    assert_same(clf, again)
    other = one_network(random_state=None, checkpoint=tmp_path / "other").fit(X, y)
    assert any(not np.array_equal(a, b) for a, b in zip(states(clf), states(other), strict=True))


def test_a_search_keeps_its_finished_candidates(digits, tmp_path, kill_after):
    X, y = digits
    grid = {"model__units": [4, 8], "epochs": [1, 2]}

    def search(**params):
        return GridSearchCV(one_network(**params), grid, cv=2)

    unbroken = search().fit(X, y)
    kill_after(7)
    with pytest.raises(KeyboardInterrupt):
        search(checkpoint=tmp_path).fit(X, y)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.checkpoint")}
    kill_after(0)
    resumed = search(checkpoint=tmp_path).fit(X, y)
    np.testing.assert_array_equal(resumed.cv_results_["mean_test_score"], unbroken.cv_results_["mean_test_score"])
    assert_same(resumed.best_estimator_, unbroken.best_estimator_)
    # The first candidates were not trained again.
    assert sum(path.stat().st_mtime_ns == kept.get(path.name) for path in tmp_path.glob("*.checkpoint")) == 3


def test_workers_of_a_search_share_a_folder(digits, tmp_path):
    X, y = digits
    grid = {"model__units": [4, 8]}
    unbroken = GridSearchCV(one_network(epochs=1), grid, cv=2).fit(X, y)
    shared = GridSearchCV(one_network(epochs=1, checkpoint=tmp_path), grid, cv=2, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(shared.cv_results_["mean_test_score"], unbroken.cv_results_["mean_test_score"])
    assert len(list(tmp_path.glob("*.checkpoint"))) == 5


def test_partial_fit_writes_no_checkpoints(digits, tmp_path):
    X, y = digits
    one_network(checkpoint=tmp_path).partial_fit(X, y, classes=np.arange(10))
    assert not list(tmp_path.iterdir())


def test_warm_start_goes_on_from_a_checkpoint_of_the_second_fit(digits, tmp_path, kill_after):
    X, y = digits
    unbroken = one_network(warm_start=True).fit(X, y).fit(X, y)
    first = one_network(warm_start=True, checkpoint=tmp_path).fit(X, y)
    kill_after(2)
    with pytest.raises(KeyboardInterrupt):
        first.fit(X, y)
    kill_after(0)
    assert first.n_iter_ == 4
    assert_same(first.fit(X, y), unbroken)


def test_a_full_disk_does_not_break_the_fit(digits, tmp_path, monkeypatch):
    X, y = digits

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_checkpoint", full)
    with pytest.warns(CheckpointWarning, match="No space left") as caught:
        clf = one_network(checkpoint=tmp_path).fit(X, y)
    assert len(caught) == 1
    assert_same(clf, one_network().fit(X, y))


def test_a_training_that_becomes_infinite_is_not_kept(digits, tmp_path):
    X, y = digits
    clf = one_network(model="cifar_cnn", checkpoint=tmp_path, optimizer="sgd", optimizer__learning_rate=1e38)
    with pytest.raises(ArithmeticError, match="became"):
        clf.fit(X, y)
    assert not list(tmp_path.glob("*.checkpoint"))


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_training(digits, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="checkpoint=.*file.* is no folder that can be written to"):
        one_network(checkpoint=tmp_path / "file").fit(*digits)


def test_images_that_are_read_on_demand_are_known_by_some_of_them(digits, tmp_path, kill_after, monkeypatch):
    from sk_cifar_ovr.datasets import LazyArray

    X, y = digits
    kill_after(1)
    with pytest.raises(KeyboardInterrupt):
        one_network(checkpoint=tmp_path).fit(LazyArray(X), y)
    kill_after(0)
    assert_same(one_network(checkpoint=tmp_path).fit(LazyArray(X), y), one_network().fit(LazyArray(X), y))


FIT = """
import sys
import numpy as np
from sk_cifar_ovr import CNNClassifier, load_digit_images
from sk_cifar_ovr.engine.checkpoints import _checkpoints
_checkpoints.SHARE = 0
digits = load_digit_images()
clf = CNNClassifier(recipe=None, epochs=12, batch_size=32, random_state=0, checkpoint=sys.argv[1] or None)
clf.fit(digits.images[:300], digits.target[:300])
np.savez(sys.argv[2], *clf.network_.state)
"""


def test_a_process_that_is_killed_goes_on(tmp_path):
    def run(folder, name):
        return subprocess.Popen([sys.executable, "-c", FIT, str(folder), str(tmp_path / name)])

    process = run(tmp_path / "kept", "resumed.npz")
    deadline = time.monotonic() + 120
    while (
        len(list((tmp_path / "kept").glob("*.checkpoint"))) < 2
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "resumed.npz").exists()
    assert run(tmp_path / "kept", "resumed.npz").wait() == 0 == run("", "unbroken.npz").wait()
    with np.load(tmp_path / "resumed.npz") as resumed, np.load(tmp_path / "unbroken.npz") as unbroken:
        assert all(np.array_equal(resumed[name], unbroken[name]) for name in unbroken)
