import csv
from pathlib import Path

import keras
import numpy as np
import pytest
from sk_cifar_ovr.whitening import Whitening

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr._shared.variables import to_numpy
from sk_cifar_ovr.exceptions import ImageShapeError
from sk_cifar_ovr.networks import cifar_cnn, small_resnet, whitened_cnn
from sk_cifar_ovr.networks._image_input import square_image_shape

LAYERS = Path(__file__).parents[3] / "shared" / "reference" / "cifar_cnn_layers.csv"

# (layer, output shape, parameters), as the reference report lists them.
TABLE = [
    ("Conv2D", (None, 30, 30, 32), 896),
    ("Conv2D", (None, 28, 28, 32), 9248),
    ("MaxPooling2D", (None, 14, 14, 32), 0),
    ("BatchNormalization", (None, 14, 14, 32), 128),
    ("Conv2D", (None, 12, 12, 64), 18496),
    ("Conv2D", (None, 10, 10, 64), 36928),
    ("MaxPooling2D", (None, 5, 5, 64), 0),
    ("BatchNormalization", (None, 5, 5, 64), 256),
    ("Conv2D", (None, 3, 3, 128), 73856),
    ("Conv2D", (None, 1, 1, 128), 147584),
    ("Flatten", (None, 128), 0),
    ("BatchNormalization", (None, 128), 512),
    ("Dense", (None, 2), 258),
]


def described(model):
    """Layers as in the reference table, which omits input and pixel scaling."""
    skipped = (keras.layers.InputLayer, keras.layers.Rescaling)
    kept = [layer for layer in model.layers if not isinstance(layer, skipped)]
    return [(type(layer).__name__, tuple(layer.output.shape), layer.count_params()) for layer in kept]


def test_is_the_reference_network_layer_by_layer():
    model = cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2})
    assert described(model) == TABLE
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    assert (model.count_params(), trainable, model.count_params() - trainable) == (288_162, 287_714, 448)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert {(c.kernel_size, c.padding, c.activation.__name__) for c in convolutions} == {((3, 3), "valid", "relu")}
    assert model.layers[-1].activation.__name__ == "softmax"


@pytest.mark.skipif(not LAYERS.exists(), reason="shared/reference/cifar_cnn_layers.csv is not here")
def test_table_is_the_reference_table():
    with LAYERS.open() as file:
        rows = [(r["type"], r["output_shape"], int(r["params"])) for r in csv.DictReader(file)]
    assert rows == [(kind, str(shape), params) for kind, shape, params in TABLE]


@pytest.mark.parametrize("n_classes", [2, 10])
def test_has_an_output_for_each_class(n_classes):
    model = cifar_cnn({"X_shape_": (None, 32, 32, 3), "n_classes_": n_classes})
    assert model.output_shape == (None, n_classes)


def test_scales_pixels_and_small_images_inside():
    model = cifar_cnn({"image_shape_": (8, 8, 1), "n_classes_": 2})
    assert model.input_shape == (None, 8, 8, 1)
    scaling = [layer for layer in model.layers if layer.name in ("rescale", "enlarge")]
    assert len(scaling) == 2
    assert all(layer.count_params() == 0 for layer in scaling)
    images = np.full((1, 8, 8, 1), 255, dtype="uint8")
    inside = keras.Model(model.inputs[0], model.get_layer("enlarge").output)(images)
    np.testing.assert_allclose(to_numpy(inside), np.ones((1, 32, 32, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "inside", "pooling"),
    [
        ((8, 8, 1), (32, 32), "Flatten"),
        ((32, 32, 3), (32, 32), "Flatten"),
        ((35, 33, 3), (35, 33), "Flatten"),
        ((48, 40, 3), (48, 40), "GlobalAveragePooling2D"),
        ((8, 64, 3), (32, 64), "GlobalAveragePooling2D"),
        ((95, 200, 3), (95, 200), "GlobalAveragePooling2D"),
        ((96, 97, 3), (48, 48), "GlobalAveragePooling2D"),
        ((224, 224, 3), (56, 56), "GlobalAveragePooling2D"),
        ((1080, 1920, 3), (49, 87), "GlobalAveragePooling2D"),
    ],
    ids=str,
)
def test_custom_cnn_has_128_features_whatever_the_image_size(shape, inside, pooling):
    model = cifar_cnn({"image_shape_": shape, "n_classes_": 2})
    assert model.get_layer("conv1a").input.shape[1:3] == inside
    assert type(model.get_layer("flatten")).__name__ == pooling
    assert model.get_layer("features").output.shape == (None, 128)
    assert model.count_params() == 288_162 - (3 - shape[-1]) * 9 * 32


def test_large_images_are_averaged_over_squares():
    model = cifar_cnn({"image_shape_": (97, 96, 3), "n_classes_": 2})
    image = np.random.default_rng(0).integers(0, 256, (1, 97, 96, 3))
    inside = keras.Model(model.inputs[0], model.get_layer("reduce").output)(image.astype("float32"))
    expected = image[:, :96].reshape(1, 48, 2, 48, 2, 3).mean(axis=(2, 4)) / 255
    np.testing.assert_allclose(to_numpy(inside), expected, rtol=1e-5)


@pytest.mark.parametrize("builder", [small_resnet, whitened_cnn])
def test_other_networks_have_as_many_features_for_large_images(builder):
    small, large = (builder({"image_shape_": (side, side, 3), "n_classes_": 2}) for side in (32, 160))
    assert large.count_params() == small.count_params()


def test_reads_flat_rows_as_square_images():
    assert cifar_cnn({"image_shape_": (3072,), "n_classes_": 2}).get_layer("image").output.shape[1:] == (32, 32, 3)
    assert square_image_shape(64) == (8, 8, 1)
    with pytest.raises(ImageShapeError, match="image_shape"):
        square_image_shape(10)


META = {"image_shape_": (32, 32, 3), "n_classes_": 2}


@pytest.mark.parametrize(("builder", "parameters"), [(small_resnet, 295_466), (whitened_cnn, 1_971_745)])
def test_stronger_networks_keep_to_their_size(builder, parameters):
    assert builder(META).count_params() == parameters
    assert builder({**META, "n_classes_": 10}).output_shape == (None, 10)
    for shape in [(8, 8, 1), (48, 40, 3), (3072,)]:
        assert builder({**META, "image_shape_": shape}).output_shape == (None, 2)


@pytest.mark.parametrize(("name", "strategy"), [("small_resnet", "joint"), ("whitened_cnn", "independent")])
def test_stronger_networks_learn(digits, name, strategy):
    X, y = digits
    clf = CNNClassifier(name, model__widths=(4, 8, 8), epochs=3, batch_size=64, random_state=0)
    clf.set_params(optimizer__learning_rate=0.01, precision="float32", recipe=None)
    ovr = OneVsRestCNNClassifier(clf, strategy=strategy).fit(X, y % 3)
    assert ovr.history_["loss"][-1] < 0.95 * ovr.history_["loss"][0]
    alone = np.stack([each.predict_proba(X)[:, 1] for each in ovr.estimators_], axis=1)
    assert np.array_equal(ovr.predict_ovr(X), alone >= 0.5)


def test_whitened_patches_are_uncorrelated():
    images = np.random.default_rng(0).normal(size=(200, 9, 9, 3)).cumsum(axis=1).cumsum(axis=2) * 10 + 100
    layer = Whitening(2)
    before = to_numpy(layer(images.astype("float32")))
    np.testing.assert_allclose(before[..., 0], (images[:, :-1, :-1, 0] - 127.5) / 64, rtol=1e-4, atol=1e-4)
    layer.adapt_to_images(images)
    after = to_numpy(layer(images.astype("float32")))
    np.testing.assert_allclose(after[..., 12:], -after[..., :12], atol=1e-5)
    flat = after[..., :12].reshape(-1, 12)
    covariance = flat.T @ flat / len(flat)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=0.02)
    assert 0.9 < np.diag(covariance)[-1] <= 1.01
    assert [variable.name for variable in layer.trainable_variables] == ["bias"]


def test_whitening_has_more_digits_than_bfloat16():
    images = np.random.default_rng(0).integers(100, 104, (50, 8, 8, 3)).astype("float32")
    wide, narrow = Whitening(2), Whitening(2, dtype="mixed_bfloat16")
    for layer in (wide, narrow):
        layer.adapt_to_images(images)
    outputs = narrow(images)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    expected = to_numpy(wide(images))
    np.testing.assert_allclose(to_numpy(keras.ops.cast(outputs, "float32")), expected, atol=0.02)


def test_filters_come_from_the_training_images_alone(digits):
    """`fit` computes the filters from its images, and a warm start keeps them."""
    X, y = digits
    clf = CNNClassifier("whitened_cnn", model__widths=(4, 4, 4), epochs=1, batch_size=64, recipe=None, random_state=0)
    clf.set_params(precision="float32", warm_start=True)

    def kernel(fitted):
        return to_numpy(fitted.model_.get_layer("whiten").kernel)

    first = kernel(clf.fit(X, y))
    enlarged = keras.Model(clf.model_.inputs[0], clf.model_.get_layer("enlarge").output)(X.astype("float32"))
    alone = Whitening(2)
    alone.adapt_to_images(to_numpy(enlarged))
    ours, theirs = first.reshape(4, 4), to_numpy(alone.kernel).reshape(4, 4)
    # All 360 images were used, so only the signs of the eigenvectors may differ.
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-3)
    np.testing.assert_array_equal(kernel(clf.fit(X[:180], y[:180])), first)
    other = CNNClassifier(**clf.get_params()).fit(X[:90], y[:90])
    assert not np.allclose(np.abs(kernel(other)), np.abs(first), rtol=1e-4)


def test_a_saved_whitening_predicts_the_same_bits(digits, tmp_path):
    X, y = digits
    clf = CNNClassifier("whitened_cnn", model__widths=(4, 4, 4), epochs=1, batch_size=64, random_state=0).fit(X, y)
    save(clf, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(X), clf.predict_proba(X))
