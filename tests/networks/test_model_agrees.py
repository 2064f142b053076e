"""The Keras model of a fitted classifier predicts what the classifier predicts, and predicting changes nothing."""

import itertools
import os

import keras
import numpy as np
import pytest
from backbone_helpers import numpy, run_eagerly
from small_networks import KERAS_SAVES

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr._shared.variables import read
from sk_cifar_ovr.networks import infer_by_default
from sk_cifar_ovr.networks._inference_mode import _trains_by_default

pytestmark = [
    pytest.mark.filterwarnings("ignore::sk_cifar_ovr.exceptions.ColorWarning"),
    # The models save, export and predict by Keras alone.
    pytest.mark.filterwarnings(KERAS_SAVES),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`:UserWarning"),
]

NETWORKS = {
    "cifar_cnn": {"model__filters": (4, 4, 4)},
    "small_resnet": {"model__widths": (4, 4, 4)},
    "whitened_cnn": {"model__widths": (4, 4, 4)},
}
SHAPES = [(8, 8), (20, 24, 3), (32, 32, 3)]
if os.environ.get("SK_CIFAR_OVR_INNER"):
    # The run on another backend inside the suite: the size with the fault is enough.
    SHAPES = SHAPES[:1]


def random_images(shape):
    """Images of two classes that differ in brightness."""
    y = np.arange(24) % 2
    noise = np.random.default_rng(0).integers(0, 128, (24, *shape))
    return (noise + 100 * y.reshape(-1, *[1] * len(shape))).astype("uint8"), y


def predictions(model, X, folder):
    """What a model predicts when it is called, by `predict`, and after export."""
    x = X.reshape(-1, *model.input_shape[1:]).astype("float32")
    yield numpy(model(x))
    yield model.predict(x, verbose=0)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        model.export(folder / "saved_model", verbose=False)
        loaded = tf.saved_model.load(folder / "saved_model")
        yield loaded.serve(x).numpy()


def assert_agrees(clf, X, folder):
    model, expected = clf.model_, clf.predict_proba(X)
    before = [np.array(numpy(variable)) for variable in model.variables]
    for found in predictions(model, X, folder):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(numpy(variable), value)


untraced = pytest.fixture(run_eagerly)


@pytest.mark.parametrize(("name", "shape"), [*itertools.product(NETWORKS, SHAPES), ("cifar_cnn", (99, 96, 3))], ids=str)
def test_builtin_network(name, shape, tmp_path):
    X, y = random_images(shape)
    clf = CNNClassifier(
        name, **NETWORKS[name], epochs=1, batch_size=12, recipe=None, precision="float32", random_state=0
    )
    assert_agrees(clf.fit(X, y), X, tmp_path)


@pytest.mark.skipif("SK_CIFAR_OVR_INNER" in os.environ, reason="slow on JAX: run it with KERAS_BACKEND=jax")
@pytest.mark.parametrize("settings", [{}, {"model__image_size": (40, 36)}], ids=str)
def test_backbone(settings, untraced, tmp_path):
    X, y = random_images((8, 8))
    clf = CNNClassifier("mobilenet", model__options={"alpha": 0.25}, **settings, epochs=1, precision="float32")
    assert_agrees(clf.fit(X, y), X, tmp_path)


def cropped(meta, *, nested=False):
    """A builder of the user's with layers that Keras runs in training mode by default."""
    front = [keras.layers.CenterCrop(6, 6), keras.layers.RandomFlip()]
    front = [keras.Sequential(front)] if nested else front
    return keras.Sequential(
        [
            keras.Input(meta["image_shape_"]),
            *front,
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


@pytest.mark.parametrize("settings", [{}, {"model__nested": True}, {"precision": "float64"}], ids=str)
def test_builder_of_the_user(settings, tmp_path):
    if settings.get("precision") == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float32 unless the process is set to float64")
    X, y = random_images((8, 8, 3))
    base = CNNClassifier(cropped, **settings, epochs=2, batch_size=12, random_state=0)
    assert_agrees(base.fit(X, y), X, tmp_path)
    for strategy in ("joint", "independent"):
        ovr = OneVsRestCNNClassifier(base, strategy=strategy).fit(X, np.arange(len(X)) % 3)
        assert_agrees(ovr.estimators_[1], X, tmp_path / strategy)


def normalised(x):
    x = keras.layers.Flatten()(keras.layers.BatchNormalization(name="norm")(x))
    return keras.layers.Dense(2, activation="softmax")(x)


class CropInside(keras.layers.Layer):
    """A layer of which nobody sees that it contains another."""

    def __init__(self, **options):
        super().__init__(**options)
        self.crop = keras.layers.CenterCrop(6, 6)

    def call(self, images):
        return self.crop(images)


LAYERS = {
    "resizing": lambda: keras.layers.Resizing(6, 6),
    "crop": lambda: keras.layers.CenterCrop(6, 6),
    "flip": lambda: keras.layers.RandomFlip(seed=0),
    "sequential": lambda: keras.Sequential([keras.layers.CenterCrop(6, 6), keras.layers.RandomRotation(0.2, seed=0)]),
    "pipeline": lambda: keras.layers.Pipeline([keras.layers.CenterCrop(6, 6)]),
    "inside": CropInside,
}


@pytest.fixture
def images():
    return random_images((8, 8, 3))[0].astype("float32")


@pytest.mark.parametrize("first", LAYERS)
def test_infers_by_default_and_trains_when_told(images, first):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, normalised(LAYERS[first]()(inputs)))
    start = read(model.weights)
    model(images)
    assert any((old != new).any() for old, new in zip(start, read(model.weights), strict=True))
    model.set_weights(start)

    infer_by_default(model)
    np.testing.assert_allclose(numpy(model(images)), numpy(model(images, training=False)), atol=1e-6)
    part = keras.Model(model.inputs[0], model.get_layer("norm").output)
    np.testing.assert_allclose(numpy(part(images)), numpy(part(images, training=False)), atol=1e-6)
    for old, new in zip(start, read(model.weights), strict=True):
        np.testing.assert_array_equal(old, new)

    model(images, training=True)
    assert any((old != new).any() for old, new in zip(start, read(model.weights), strict=True))


def test_saved_and_cloned_models_infer_by_default(images, tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, normalised(keras.layers.Resizing(6, 6)(inputs)))
    infer_by_default(model)
    expected = numpy(model(images))
    model.save(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(read(model.weights))
    for copy in (keras.models.load_model(tmp_path / "model.keras"), clone):
        np.testing.assert_allclose(numpy(copy(images)), expected, atol=1e-6)


def test_random_layers_still_act_in_training(images):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.RandomFlip(seed=0)(inputs))
    infer_by_default(model)
    np.testing.assert_array_equal(numpy(model(images)), images)
    assert not np.array_equal(numpy(model(images, training=True)), images)


def test_layers_that_train_by_default_are_those_of_keras():
    found = {
        name
        for name, kind in vars(keras.layers).items()
        if isinstance(kind, type) and issubclass(kind, keras.layers.Layer) and _trains_by_default(kind)
    }
    assert {"Resizing", "CenterCrop", "RandomFlip", "Pipeline", "RandAugment"} <= found
    assert not {"Dropout", "BatchNormalization", "Dense", "Rescaling"} & found
