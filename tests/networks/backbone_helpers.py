"""Images, a file of weights and comparisons for the tests of backbones."""

import keras
import numpy as np

from sk_cifar_ovr._shared.variables import read, to_numpy
from sk_cifar_ovr.networks._backbone_layers import _leaves
from sk_cifar_ovr.networks._keras_applications import make_application

SMALL = {"model": "mobilenet", "model__options": {"alpha": 0.25}, "batch_size": 32, "random_state": 0}
META = {"image_shape_": (32, 32, 3), "n_classes_": 2}


def run_eagerly():
    """Fixture: steps run one by one, because tracing hundreds of layers takes far longer than running a few steps."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def random_rgb():
    """24 random images of two classes, one twice as frequent, that differ in brightness."""
    rng = np.random.default_rng(0)
    y = (np.arange(24) % 3 == 0).astype(int)
    return (rng.integers(0, 128, (24, 32, 32, 3)) + 100 * y[:, None, None, None]).astype("uint8"), y


def small_weights(folder):
    """A file of weights of a small MobileNet."""
    path = folder / "mobilenet.weights.h5"
    keras.utils.set_random_seed(1)
    make_application("MobileNet", (32, 32), {"alpha": 0.25}).save_weights(path)
    return path


def numpy(tensor):
    return to_numpy(tensor)


def leaves(model):
    """Weights of each layer of the backbone that has some, in order."""
    return [read(layer.weights) for layer in _leaves(model.get_layer("backbone").network)]


def assert_close(found, expected):
    """Equal except for rounding, relative to the largest value: random weights give small features."""
    expected = numpy(expected)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(numpy(found), expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def same(some, others):
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))
