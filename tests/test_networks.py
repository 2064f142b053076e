import csv
from pathlib import Path

import keras
import numpy as np
import pytest

from sk_cifar_ovr.exceptions import ImageShapeError
from sk_cifar_ovr.networks import cifar_cnn, square_image_shape

LAYERS = Path(__file__).parents[2] / "shared" / "reference" / "cifar_cnn_layers.csv"

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
    """What the reference table lists: the layers but for input and pixel scaling."""
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
    inside = keras.Model(model.inputs, model.get_layer("enlarge").output)(images)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(inside), np.ones((1, 32, 32, 1)), rtol=1e-6)


def test_takes_larger_images_as_they_are():
    model = cifar_cnn({"image_shape_": (48, 40, 3), "n_classes_": 2})
    assert "enlarge" not in [layer.name for layer in model.layers]
    assert model.output_shape == (None, 2)


def test_reads_flat_rows_as_square_images():
    assert cifar_cnn({"image_shape_": (3072,), "n_classes_": 2}).get_layer("image").output.shape[1:] == (32, 32, 3)
    assert square_image_shape(64) == (8, 8, 1)
    with pytest.raises(ImageShapeError, match="image_shape"):
        square_image_shape(10)
