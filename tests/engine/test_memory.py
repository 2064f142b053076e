"""Memory: fits do not pile up, and a batch that does not fit is halved."""

import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, CNNFeatures, clear_programs
from sk_cifar_ovr.engine.compiled import _backends
from sk_cifar_ovr.exceptions import BatchSizeWarning

BACKEND = keras.backend.backend()
FAST = {"model": dense, "epochs": 1, "batch_size": 64, "random_state": 0, "recipe": None}


def out_of_memory():
    """The error of this backend."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    if BACKEND == "jax":
        import jax

        return jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes.")
    import torch

    return torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture
def memory_for(monkeypatch):
    """Let the backend predict a number of images at once, and raise an error for more."""
    steps = {"tensorflow": _backends.TensorFlowSteps, "jax": _backends.JaxSteps, "torch": _backends.TorchSteps}[BACKEND]
    predict = steps._predict
    sizes = []

    def limit(n_images, error):
        def limited(self, x, scale):
            sizes.append(len(x))
            if len(x) > n_images:
                raise error
            return predict(self, x, scale)

        monkeypatch.setattr(steps, "_predict", limited)
        return sizes

    clear_programs()
    yield limit
    # Its programs remember the size.
    clear_programs()


@pytest.mark.parametrize("error", [MemoryError("no memory"), out_of_memory()], ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved(digits, memory_for, error):
    X, y = digits
    clf = CNNClassifier(**FAST).fit(X, y)
    expected = clf.predict_proba(X)
    clear_programs()
    sizes = memory_for(100, error)
    with pytest.warns(BatchSizeWarning, match="memory|Memory") as caught:
        found = clf.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert [str(each.message).split(" images")[0].split()[-1] for each in caught] == ["360", "180"]
    # One image is predicted when the network is compiled.
    assert sizes[-4:] == [90, 90, 90, 90]
    with warnings.catch_warnings():
        # The next call begins with the size that fits.
        warnings.simplefilter("error")
        clf.predict_proba(X)
    assert sizes[-4:] == [90, 90, 90, 90]


@pytest.mark.filterwarnings("ignore::sk_cifar_ovr.exceptions.BatchSizeWarning")
def test_one_image_that_does_not_fit_is_an_error(digits, memory_for):
    X, y = digits
    clf = CNNClassifier(**FAST).fit(X, y)
    memory_for(0, out_of_memory())
    with pytest.raises(MemoryError, match=r"a single image of shape \(8, 8, 1\): use smaller images"):
        clf.predict(X)
    clear_programs()


def test_features_are_halved_as_well(digits, memory_for):
    X, y = digits
    features = CNNFeatures(CNNClassifier(**FAST)).fit(X, y)
    expected = features.transform(X)
    clear_programs()
    memory_for(100, out_of_memory())
    with pytest.warns(BatchSizeWarning):
        np.testing.assert_allclose(features.transform(X), expected, atol=1e-6)


def test_other_errors_are_raised_as_they_are(digits, memory_for):
    X, y = digits
    clf = CNNClassifier(**FAST).fit(X, y)
    memory_for(100, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        clf.predict(X)


def graphs():
    """Graphs of functions that are alive."""
    gc.collect()
    return sum(type(each).__name__ == "FuncGraph" for each in gc.get_objects())


@pytest.mark.skipif(BACKEND != "tensorflow", reason="graphs are TensorFlow's")
def test_cleared_programs_leave_no_graph(digits):
    X, y = digits
    clear_programs()
    before = graphs()
    for units in (3, 4, 5):
        CNNClassifier(**FAST, model__units=units).fit(X[:64], y[:64]).predict(X[:8])
    assert graphs() > before
    clear_programs()
    assert graphs() <= before


GROWTH = """
import gc
import psutil
from small_networks import dense
from sk_cifar_ovr import CNNClassifier, load_digit_images

digits = load_digit_images()
X, y = digits.images[:128], digits.target[:128]

def memory():
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20

def fit(n):
    for seed in range(n):
        CNNClassifier(dense, recipe=None, epochs=2, batch_size=32, random_state=seed).fit(X, y).predict(X)

fit(5)
before = memory()
fit(20)
print(memory() - before)
"""


def test_fits_of_one_graph_do_not_grow():
    """At most 1 MB each, in a process of their own: memory of other tests would count as well."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", GROWTH], env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout.split()[-1]) < 20
