"""Keras models that exist already: copied, read from files, with any head."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers
from keras_networks import outputs, plain, same_weights, weights_of

from sk_cifar_ovr.exceptions import ImageShapeError, NetworkError, PixelScaleWarning, SavedFileError
from sk_cifar_ovr.networks import copies_of, copy_of, find_builder, output_kind, takes_raw_pixels, with_probabilities

# Keras' own `save` and `deepcopy` read variables in a way that NumPy 2 deprecates, and warn of lambdas.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning"),
]

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), "uint8")


def built(model, n_classes=3, shape=SHAPE, **options):
    return find_builder(model)({"image_shape_": shape, "n_classes_": n_classes}, **options)


@keras.saving.register_keras_serializable(package="keras_models_tests")
class Doubled(layers.Layer):
    def call(self, x):
        return 2 * x


class Subclassed(keras.Model):
    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units, self.flat = units, layers.Flatten()
        self.dense = layers.Dense(units, activation="softmax")

    def call(self, x):
        return self.dense(self.flat(x / 255))

    def get_config(self):
        return {"units": self.units}


class Forgetful(Subclassed):
    def get_config(self):
        return {}


def functional(first, *, shape=SHAPE, dtype=None):
    """A model whose first layer is given."""
    inputs = keras.Input(shape, dtype=dtype)
    x = layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(first(inputs)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def adapted():
    layer = layers.Normalization()
    layer.adapt(IMAGES.astype("float32"))
    return layer


def test_a_network_is_a_copy_of_the_model():
    model = plain()
    before = weights_of(model)
    network = built(model)
    np.testing.assert_allclose(outputs(network, IMAGES), outputs(model, IMAGES), atol=1e-6)
    network.set_weights([value + 1 for value in network.get_weights()])
    assert same_weights(weights_of(model), before)
    assert [layer.name for layer in network.layers][-2:] == ["hidden", "last"]
    assert not {id(layer) for layer in network.layers} & {id(layer) for layer in model.layers}


def test_new_weights_are_drawn():
    model = plain()
    drawn = built(model, weights=None)
    assert not same_weights(weights_of(drawn)[:1], weights_of(model)[:1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: functional(adapted()),
        lambda: functional(Doubled()),
        lambda: functional(layers.Lambda(lambda x: x / 255)),
        lambda: functional(lambda x: x / 255.0 - 0.5),
        lambda: functional(layers.Resizing(6, 6)),
        lambda: functional(lambda x: layers.Add()([layers.Conv2D(1, 1)(x), x])),
        lambda: functional(keras.Sequential([layers.Rescaling(1 / 255), layers.Conv2D(3, 3)])),
    ],
    ids=["normalization", "registered", "lambda", "arithmetic", "resizing", "residual", "nested"],
)
@pytest.mark.filterwarnings("ignore::sk_cifar_ovr.exceptions.PixelScaleWarning")
def test_models_of_many_kinds_are_copied(make):
    model = make()
    np.testing.assert_allclose(outputs(built(model), IMAGES), outputs(model, IMAGES), atol=1e-5)


def test_a_subclassed_model_is_copied_from_its_config():
    model = Subclassed()
    outputs(model, IMAGES)
    np.testing.assert_allclose(outputs(built(model, pixels="0-255"), IMAGES), outputs(model, IMAGES), atol=1e-6)
    other = Forgetful(units=4)
    outputs(other, IMAGES)
    with pytest.raises(NetworkError, match="other variables"):
        built(other, 4)


@pytest.mark.filterwarnings("ignore::sk_cifar_ovr.exceptions.PixelScaleWarning")
def test_models_that_cannot_be_copied_say_why():
    with pytest.raises(NetworkError, match="keras.Input"):
        built(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(NetworkError, match="call it once"):
        built(Subclassed())
    inputs = [keras.Input(SHAPE), keras.Input(SHAPE)]
    two = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Add()(inputs))))
    with pytest.raises(NetworkError, match="2 inputs"):
        built(two)


def test_frozen_layers_stay_frozen():
    model = plain()
    model.get_layer("conv").trainable = False
    copy = copy_of(model)
    assert [v.shape for v in copy.trainable_variables] == [v.shape for v in model.trainable_variables]
    assert not copy.get_layer("conv").trainable
    model.trainable = False
    assert not copy_of(model).trainable_variables


def test_a_copy_does_not_follow_the_model():
    model = plain()
    copies = copies_of(model)
    before = outputs(model, IMAGES)
    model.set_weights([value * 0 for value in model.get_weights()])
    model.get_layer("conv").trainable = False
    assert len(copies().trainable_variables) > len(model.trainable_variables)
    np.testing.assert_allclose(outputs(copies(), IMAGES), before, atol=1e-6)


# Shapes of images


def test_images_of_any_size_and_images_without_channels():
    inputs = keras.Input((None, None, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(layers.Rescaling(1 / 255)(inputs)))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    assert built(model, shape=(9, 7, 3)).input_shape == (None, 9, 7, 3)
    flat = keras.Sequential(
        [keras.Input((8, 8)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    np.testing.assert_allclose(outputs(built(flat), IMAGES), outputs(flat, IMAGES[..., 0]), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "advice"),
    [((64,), "image_shape"), ((9, 9, 1), "that size")],
)
def test_other_images_are_refused(shape, advice):
    with pytest.raises(ImageShapeError, match=advice):
        built(plain(), shape=shape)
    with pytest.raises(ImageShapeError, match="repeat"):
        built(plain(shape=(8, 8, 3)))


# Pixels


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [("0-255", lambda x: x), ("0-1", lambda x: x / 255), ("-1-1", lambda x: x / 127.5 - 1)],
)
def test_pixels_are_converted_to_what_the_model_takes(pixels, expected):
    model = plain(rescale=False)
    network = built(model, pixels=pixels)
    np.testing.assert_allclose(outputs(network, IMAGES), outputs(model, expected(IMAGES.astype("float32"))), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "pixels"), [("resnet50", "ResNet50"), ("densenet", "DenseNet121"), ("mobilenet_v2", "MobileNetV2")]
)
def test_pixels_as_an_application_expects_them(name, pixels):
    module = getattr(keras.applications, name)
    model = functional(layers.Identity(), shape=(8, 8, 3))
    rgb = np.repeat(IMAGES, 3, axis=-1)
    network = built(
        model, shape=(8, 8, 3), pixels={"resnet50": "ResNet50", "densenet": "DenseNet121"}.get(name, "MobileNetV2")
    )
    expected = outputs(model, module.preprocess_input(rgb.astype("float32")))
    np.testing.assert_allclose(outputs(network, rgb), expected, atol=1e-4)


def behind_augmentation(layer):
    """A block of augmentation as Keras' guides write it, and the layer behind it."""
    return lambda x: layer(keras.Sequential([layers.RandomFlip(), keras.Sequential([layers.RandomRotation(0.1)])])(x))


def preprocessed(name):
    def first(x):
        return getattr(keras.applications, name).preprocess_input(x)

    return functional(first, shape=(8, 8, 3))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: functional(layers.Rescaling(1 / 127.5, -1)), True),
        (lambda: functional(layers.Rescaling(2.0, -1)), False),
        (lambda: functional(adapted()), True),
        (lambda: functional(layers.Resizing(6, 6)), False),
        (lambda: functional(lambda x: layers.Rescaling(1 / 255)(layers.Resizing(6, 6)(x))), True),
        (lambda: functional(keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)])), True),
        (lambda: functional(behind_augmentation(layers.Rescaling(1 / 255))), True),
        (lambda: functional(behind_augmentation(keras.Sequential([layers.Rescaling(1 / 255), layers.ReLU()]))), True),
        (lambda: functional(behind_augmentation(layers.Identity())), False),
        (lambda: functional(lambda x: layers.Rescaling(1 / 255)(keras.Sequential([layers.Conv2D(1, 1)])(x))), False),
        (lambda: preprocessed("resnet50"), True),
        (lambda: preprocessed("densenet"), True),
        (lambda: preprocessed("mobilenet_v2"), True),
        (lambda: functional(lambda x: x - 0.5), False),
        (lambda: functional(layers.BatchNormalization()), False),
        (lambda: plain(), True),
        (lambda: plain(rescale=False), False),
        (lambda: keras.applications.MobileNetV3Small(input_shape=(32, 32, 3), weights=None), True),
        (lambda: keras.applications.EfficientNetB0(input_shape=(32, 32, 3), weights=None), True),
    ],
)
def test_pixels_are_found_in_the_first_layers(make, told):
    assert takes_raw_pixels(copy_of(make())) is told


def test_pixels_that_nothing_tells_are_warned_of():
    with pytest.warns(PixelScaleWarning, match="model__pixels"):
        built(plain(rescale=False))
    with pytest.raises(NetworkError, match="'0-1'"):
        built(plain(rescale=False), pixels="0-2")


# Heads


def test_kinds_of_outputs():
    inputs = keras.Input((4,))
    dense = layers.Dense(3)
    kinds = {
        "softmax": [layers.Dense(3, activation="softmax"), layers.Softmax(), keras.ops.softmax],
        "sigmoid": [layers.Dense(3, activation="sigmoid"), layers.Activation("sigmoid"), keras.ops.sigmoid],
        "logits": [layers.Dense(3), layers.Activation("linear"), layers.Reshape((3,))],
        None: [layers.Activation("relu"), layers.LayerNormalization()],
    }
    for kind, ends in kinds.items():
        for end in ends:
            assert output_kind(keras.Model(inputs, end(dense(inputs)))) == kind


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_output_becomes_two_columns(activation):
    model = plain(1, activation)
    positive = outputs(model, IMAGES)[:, 0]
    positive = positive if activation else 1 / (1 + np.exp(-positive))
    np.testing.assert_allclose(outputs(built(model, 2), IMAGES), np.stack([1 - positive, positive], 1), atol=1e-6)
    swapped = built(model, 2, columns=(1, 0))
    np.testing.assert_allclose(outputs(swapped, IMAGES), np.stack([positive, 1 - positive], 1), atol=1e-6)


def test_logits_get_a_softmax():
    model = plain(3, None)
    expected = outputs(keras.Model(model.inputs[0], layers.Softmax()(model.outputs[0])), IMAGES)
    network = built(model)
    np.testing.assert_allclose(outputs(network, IMAGES), expected, atol=1e-6)
    assert with_probabilities(network, 3) is network


def test_columns_are_put_in_the_order_of_the_classes():
    model = plain()
    network = built(model, columns=(2, 0, 1))
    np.testing.assert_allclose(outputs(network, IMAGES), outputs(model, IMAGES)[:, [2, 0, 1]], atol=1e-6)
    with pytest.raises(NetworkError, match="once"):
        built(model, columns=(0, 0, 1))


def test_one_output_of_an_unknown_kind_is_refused():
    with pytest.raises(NetworkError, match="do not tell whether it is a probability or a logit: end it in a sigmoid"):
        built(plain(1, "relu"), 2)


def channels_first():
    flat = layers.Flatten()(layers.Conv2D(2, 3, data_format="channels_first")(inputs := keras.Input((3, 8, 8))))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(flat))


def test_channels_first_are_refused_with_the_way_to_turn_them():
    model = channels_first()
    with pytest.raises(NetworkError, match=r"channels first .* keras.Input\(\(8, 8, 3\)\).*Permute\(\(3, 1, 2\)"):
        built(model, shape=(8, 8, 3))
    inputs = keras.Input((8, 8, 3))
    turned = keras.Model(inputs, model(layers.Permute((3, 1, 2))(inputs)))
    assert built(turned, shape=(8, 8, 3), pixels="0-255").output_shape == (None, 3)
    # Low images in colour look alike, but nothing in their model has channels first.
    assert copy_of(plain(shape=(3, 8, 8))).input_shape == (None, 3, 8, 8)


@pytest.mark.parametrize("pixels", ["0-255", "0-1"])
def test_a_model_that_is_one_layer_gets_no_new_head(pixels):
    subclassed = Subclassed()
    outputs(subclassed, IMAGES)
    nested = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255), plain()])
    for model in (subclassed, nested):
        with pytest.raises(NetworkError, match="is a model, .* pass a functional or Sequential model of single layers"):
            built(model, head="new", pixels=pixels)


def test_outputs_that_do_not_fit_are_refused():
    with pytest.raises(NetworkError, match="model__head='new'"):
        built(plain(), 4)
    with pytest.raises(NetworkError, match="OneVsRestCNNClassifier"):
        built(plain(3, "sigmoid"), 3)
    with pytest.raises(NetworkError, match="head='other'"):
        built(plain(), head="other")
    with pytest.raises(NetworkError, match="weights='imagenet'"):
        built(plain(), weights="imagenet")


def test_a_new_head_keeps_the_rest():
    model = plain()
    network = built(model, 5, head="new")
    assert network.output_shape == (None, 5)
    hidden = [keras.Model(each.inputs[0], each.get_layer("hidden").output) for each in (model, network)]
    np.testing.assert_allclose(outputs(hidden[1], IMAGES), outputs(hidden[0], IMAGES), atol=1e-6)
    # Before training all classes are equally probable, whatever the features are.
    np.testing.assert_allclose(outputs(network, IMAGES), 0.2, atol=1e-6)


# Files


def saved(model, path):
    model.save(path)
    return path


def test_a_file_gives_the_model(tmp_path):
    model = plain()
    path = saved(model, tmp_path / "model.keras")
    for given in (path, str(path)):
        np.testing.assert_allclose(outputs(built(given), IMAGES), outputs(model, IMAGES), atol=1e-6)


def test_files_with_code_are_refused(tmp_path):
    lambda_ = saved(functional(layers.Lambda(lambda x: x / 255, name="mine")), tmp_path / "lambda.keras")
    with pytest.raises(SavedFileError, match="'mine' .Lambda."):
        built(lambda_)
    registered = saved(functional(Doubled()), tmp_path / "registered.keras")
    with pytest.warns(PixelScaleWarning):
        built(registered)


def rewritten(path, target, change):
    """A copy of a model file with another configuration."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(data))) if name == "config.json" else data)
    return target


@pytest.mark.parametrize("kind", ["Lambda", "TFSMLayer", "Unknown"])
def test_classes_are_refused_by_name(tmp_path, kind):
    def change(config):
        config["config"]["layers"][1] |= {"class_name": kind, "module": "keras.layers" if kind != "Unknown" else "os"}
        return config

    path = rewritten(saved(plain(), tmp_path / "a.keras"), tmp_path / "b.keras", change)
    with pytest.raises(SavedFileError, match=kind):
        built(path)


def test_files_that_are_no_models_say_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        built(tmp_path / "none.keras")
    plain().save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(SavedFileError, match="weights only"):
        built(tmp_path / "a.weights.h5")
    (tmp_path / "old.h5").write_bytes(b"\x89HDF\r\n")
    with pytest.raises(SavedFileError, match="HDF5"):
        built(str(tmp_path / "old.h5"))
    (tmp_path / "text.keras").write_text("no archive")
    with pytest.raises(SavedFileError, match="whole"):
        built(tmp_path / "text.keras")
    whole = saved(plain(), tmp_path / "whole.keras")
    data = whole.read_bytes()
    (tmp_path / "half.keras").write_bytes(data[: len(data) // 2])
    with pytest.raises(SavedFileError, match="whole"):
        built(tmp_path / "half.keras")
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "bare.keras", "w") as new:
        for name in ("config.json", "metadata.json"):
            new.writestr(name, old.read(name))
    with pytest.raises(SavedFileError, match="could not be read"):
        built(tmp_path / "bare.keras")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SavedFileError, match="no .keras file"):
        built(tmp_path / "folder")


def test_a_model_inside_a_model_is_copied_without_its_compilation():
    inner = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255), layers.Flatten()])
    inner.compile("adam", lambda y, p: keras.ops.mean((y - p) ** 2, axis=-1))
    model = keras.Sequential([keras.Input(SHAPE), inner, layers.Dense(3, activation="softmax")])
    copies = copies_of(model)
    assert "compile_config" not in copies.config
    np.testing.assert_allclose(outputs(copies(), IMAGES), outputs(model, IMAGES), atol=1e-6)


@pytest.mark.parametrize("first", [layers.Rescaling(255.0), layers.Rescaling(1 / 16)])
def test_layers_for_other_pixels_are_not_taken_for_0_to_255(first):
    assert not takes_raw_pixels(functional(first))
