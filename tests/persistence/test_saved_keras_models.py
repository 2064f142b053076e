"""Estimators on Keras models in one file, which needs neither the model's own file nor foreign code."""

import io
import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers
from keras_networks import outputs, plain, same_weights, weights_of
from sklearn.base import clone

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr.exceptions import SavedFileError

# Keras' own `save` and `deepcopy` read variables in a way that NumPy 2 deprecates, and warn of lambdas.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning"),
]

X = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), "uint8")
Y = np.arange(30) % 3
FEW = {"recipe": None, "epochs": 1, "batch_size": 10, "random_state": 0}


class Doubled(layers.Layer):
    def call(self, x):
        return 2 * x


def round_trip(estimator, path, **options):
    save(estimator, path)
    loaded = load(path, **options)
    np.testing.assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))
    return loaded


def test_a_model_as_parameter_comes_back_with_its_weights(tmp_path):
    model = plain()
    clf = CNNClassifier(model=model, model__pixels="0-255", **FEW).fit(X, Y)
    before = weights_of(model)
    model.set_weights([value * 0 for value in before])
    loaded = round_trip(clf, tmp_path / "a.skovr")
    assert same_weights(weights_of(loaded.model), weights_of(model))
    assert loaded.partial_fit(X, Y).n_iter_ == 2
    model.set_weights(before)
    again = round_trip(CNNClassifier.from_keras(model, classes=range(3), **FEW), tmp_path / "b.skovr")
    np.testing.assert_allclose(outputs(again.model, X), outputs(model, X), atol=1e-6)
    assert clone(again).fit(X, Y).predict(X).shape == (30,)


def test_a_saved_estimator_does_not_need_the_models_file(tmp_path):
    path = tmp_path / "model.keras"
    plain().save(path)
    for estimator in (
        CNNClassifier.from_keras(path, classes=["b", "c", "a"]),
        CNNClassifier(model=str(path), **FEW).fit(X, Y),
        OneVsRestCNNClassifier(CNNClassifier(model=path, **FEW)).fit(X, Y),
    ):
        save(estimator, tmp_path / "a.skovr")
        path.rename(tmp_path / "away.keras")
        loaded = load(tmp_path / "a.skovr")
        np.testing.assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))
        (tmp_path / "away.keras").rename(path)


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_one_vs_rest_stores_equal_arrays_once(tmp_path, strategy):
    ovr = OneVsRestCNNClassifier(CNNClassifier(model=plain(), **FEW), strategy=strategy).fit(X, Y)
    loaded = round_trip(ovr, tmp_path / "a.skovr")
    assert same_weights(weights_of(loaded.estimator.model), weights_of(ovr.estimator.model))
    with zipfile.ZipFile(tmp_path / "a.skovr") as archive:
        contents = [archive.read(name) for name in archive.namelist() if name.startswith("arrays/")]
    assert len(contents) == len(set(contents))


def test_one_vs_rest_from_sigmoids(tmp_path):
    round_trip(OneVsRestCNNClassifier.from_keras(plain(4, "sigmoid"), classes=list("dbca")), tmp_path / "a.skovr")


def test_normalization_keeps_its_statistics(tmp_path):
    layer = layers.Normalization()
    layer.adapt(X.astype("float32"))
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(layer(inputs))))
    clf = CNNClassifier.from_keras(model, classes=range(3))
    np.testing.assert_allclose(round_trip(clf, tmp_path / "a.skovr").predict_proba(X), outputs(model, X), atol=1e-5)


def with_layer(layer):
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(layers.Rescaling(1 / 255)(layer(inputs)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def test_code_is_not_saved(tmp_path):
    clf = CNNClassifier.from_keras(with_layer(layers.Lambda(lambda x: x)), classes=range(3))
    with pytest.raises(TypeError, match="Lambda"):
        save(clf, tmp_path / "a.skovr")
    assert not (tmp_path / "a.skovr").exists()


def test_layers_of_the_users_have_to_be_trusted(tmp_path):
    clf = CNNClassifier.from_keras(with_layer(Doubled()), classes=range(3), pixels="0-255")
    save(clf, tmp_path / "a.skovr")
    name = f"{Doubled.__module__}:Doubled"
    with pytest.raises(SavedFileError, match="Doubled"):
        load(tmp_path / "a.skovr")
    np.testing.assert_array_equal(load(tmp_path / "a.skovr", trusted=[name]).predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["config"]["layers"][1].update(class_name="Lambda"),
        lambda config: config["config"]["layers"][1].update(module="os", class_name="system"),
        lambda config: config.update(compile_config={"optimizer": "adam"}),
    ],
    ids=["lambda", "import", "compilation"],
)
def test_changed_files_run_no_code(tmp_path, change):
    save(CNNClassifier.from_keras(plain(), classes=range(3)), tmp_path / "a.skovr")

    def changed(name, data):
        if name.endswith(".npy"):
            start = data.find(b'{"config"')
            if start >= 0:
                structure = json.loads(data[start:])
                config = json.loads(structure["config"])
                change(config)
                text = np.frombuffer(json.dumps({**structure, "config": json.dumps(config)}).encode(), np.uint8)
                buffer = io.BytesIO()
                np.save(buffer, text)
                return buffer.getvalue()
        return data

    with zipfile.ZipFile(tmp_path / "a.skovr") as old, zipfile.ZipFile(tmp_path / "b.skovr", "w") as new:
        for name in old.namelist():
            new.writestr(name, changed(name, old.read(name)))
    with pytest.raises(SavedFileError):
        load(tmp_path / "b.skovr").predict_proba(X)
