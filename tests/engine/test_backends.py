"""The same code on the other backends: each runs these tests in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr._shared.variables import read, to_numpy
from sk_cifar_ovr.engine.compiled import trace_count

HERE = Path(__file__)
OTHERS = [name for name in ("jax", "torch", "tensorflow") if name != keras.backend.backend()]
SMALL = {"model__filters": (4, 4, 8), "epochs": 2, "batch_size": 64, "recipe": None, "random_state": 0}


@pytest.mark.parametrize("backend", OTHERS)
def test_other_backend(backend):
    if os.environ.get("SK_CIFAR_OVR_INNER"):
        pytest.skip("this is the inner run")
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "SK_CIFAR_OVR_INNER": "1"}
    others = ["test_losses", "test_augment", "engine/test_batch_statistics", "one_vs_rest/test_side_by_side"]
    if backend != "jax":
        # It takes minutes on JAX: run it there with KERAS_BACKEND=jax.
        others.append("networks/test_model_agrees")
    tests = [str(HERE), *(str(HERE.parents[1] / f"{name}.py") for name in others)]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=HERE.parents[2])
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


def test_seeded_fits_are_equal(digits):
    X, y = digits
    first, second = (CNNClassifier(**{**SMALL, "recipe": "long"}, augment__cutout=8).fit(X, y) for _ in range(2))
    for a, b in zip(first.network_.state, second.network_.state, strict=True):
        np.testing.assert_array_equal(a, b)
    other = CNNClassifier(**{**SMALL, "random_state": 1}).fit(X, y)
    assert not np.array_equal(first.network_.state[0], other.network_.state[0])


def test_networks_that_adapt_to_images(digits):
    X, y = digits
    settings = {name: value for name, value in SMALL.items() if name != "model__filters"}
    clf = CNNClassifier("whitened_cnn", **settings, model__widths=(4, 4, 4))
    first, second = clf.fit(X, y).predict_proba(X), CNNClassifier(**clf.get_params()).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, second)
    kernel = to_numpy(clf.model_.get_layer("whiten").kernel)
    assert not np.allclose(kernel, np.eye(4).reshape(kernel.shape) / 64)


@pytest.mark.parametrize("n_rows", [20, 360])
def test_features_may_be_written_to(digits, n_rows):
    X, y = digits
    features = CNNFeatures(CNNClassifier(**SMALL)).fit(X, y).transform(X[:n_rows])
    features -= features.mean(axis=0)
    assert np.abs(features.mean(axis=0)).max() < 1e-4


def test_learning_rate_and_loss_values_apply(digits):
    """They are arguments of the compiled program, not constants in it."""
    X, y = digits
    before = trace_count()
    still = CNNClassifier(**SMALL, optimizer__learning_rate=0.0).fit(X, y)
    start = still.network_.state[0]
    moving = CNNClassifier(**SMALL, optimizer__learning_rate=0.01).fit(X, y)
    assert not np.array_equal(moving.network_.state[0], start)
    losses = [
        CNNClassifier(**SMALL, loss="focal", loss__gamma=gamma).fit(X, y).history_["loss"][0] for gamma in (0.0, 3.0)
    ]
    assert losses[0] > 1.1 * losses[1]
    if keras.backend.backend() != "torch":
        assert trace_count() - before <= 1


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_one_vs_rest(digits, strategy, tmp_path):
    X, y = digits
    ovr = OneVsRestCNNClassifier(CNNClassifier(**SMALL), strategy=strategy).fit(X, y % 3)
    alone = np.stack([e.predict_proba(X)[:, 1] for e in ovr.estimators_], axis=1)
    np.testing.assert_allclose(ovr._outputs(X)[..., 1], alone, atol=1e-5)
    save(ovr, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict_ovr(X), ovr.predict_ovr(X))


def test_features(digits):
    X, y = digits
    clf = CNNClassifier(**SMALL, precision="float32").fit(X, y)
    rows = CNNFeatures(FrozenEstimator(clf)).fit_transform(X)
    kernel, bias = read(clf.model_.get_layer("softmax").weights)
    powers = np.exp(rows @ kernel + bias)
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), clf.predict_proba(X), atol=1e-5)


def test_early_stopping_and_partial_fit(digits):
    X, y = digits
    clf = CNNClassifier(**{**SMALL, "epochs": 4}, early_stopping=True, n_iter_no_change=1).fit(X, y)
    assert len(clf.history_["val_loss"]) == clf.n_iter_
    clf = CNNClassifier(**SMALL)
    for _ in range(3):
        clf.partial_fit(X, y, classes=np.unique(y))
    assert clf.n_iter_ == 3
    assert clf.history_["loss"][2] < clf.history_["loss"][0]


def test_ema_ends_in_the_average(digits):
    X, y = digits
    plain = CNNClassifier(**SMALL).fit(X, y)
    averaged = CNNClassifier(**SMALL, optimizer__use_ema=True, optimizer__ema_momentum=0.9).fit(X, y)
    assert plain.history_["loss"] == pytest.approx(averaged.history_["loss"], rel=1e-4)
    assert not np.allclose(plain.network_.state[0], averaged.network_.state[0], atol=1e-7)


def test_one_row_and_many_agree(digits):
    X, y = digits
    clf = CNNClassifier(**SMALL, precision="float32").fit(X, y)
    whole = clf.predict_proba(X[:9])
    assert clf.predict_proba(X[:1]).shape == (1, 10)
    np.testing.assert_allclose(np.concatenate([clf.predict_proba(X[i : i + 1]) for i in range(9)]), whole, atol=1e-5)


TWO_DEVICES = """
import keras, numpy as np
from sk_cifar_ovr import CNNClassifier, load_digit_images
digits = load_digit_images()
X, y = digits.images[:192], digits.target[:192]
settings = dict(model__filters=(4, 4, 8), epochs=2, batch_size=64, random_state=0, precision="float32")
one = CNNClassifier(**settings).fit(X, y)
keras.distribution.set_distribution(keras.distribution.DataParallel())
two = CNNClassifier(**settings).fit(X, y)
assert len(keras.distribution.list_devices()) == 2
for a, b in zip(one.network_.state, two.network_.state, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)
print("the same on two devices")
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_two_devices_train_the_same_network():
    if os.environ.get("SK_CIFAR_OVR_INNER"):
        pytest.skip("this is the inner run")
    flags = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES], env={**os.environ, **flags}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "the same on two devices", done.stderr[-3000:]
