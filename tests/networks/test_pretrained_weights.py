"""Weights of backbones: from files, as published, and the files that are refused."""

import hashlib
import random
import shutil
import threading
from pathlib import Path
from urllib.error import HTTPError, URLError

import h5py
import keras
import numpy as np
import pytest
from backbone_helpers import META, SMALL, assert_close, leaves, random_rgb, run_eagerly, same, small_weights
from sk_cifar_ovr.backbones import keras_application
from small_networks import KERAS_SAVES

from sk_cifar_ovr import CNNClassifier, CNNFeatures
from sk_cifar_ovr._shared.files import keras_home
from sk_cifar_ovr._shared.variables import read
from sk_cifar_ovr.exceptions import ChecksumError, WeightsError
from sk_cifar_ovr.networks import _pretrained_weights
from sk_cifar_ovr.networks._keras_applications import make_application

# Keras writes the files that are read here.
pytestmark = pytest.mark.filterwarnings(KERAS_SAVES)

untraced = pytest.fixture(autouse=True)(run_eagerly)


@pytest.fixture(scope="module")
def rgb():
    return random_rgb()


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    return small_weights(tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", ".keras"])
def test_weights_of_a_file_give_what_keras_own_network_gives(rgb, tmp_path, suffix):
    keras.utils.set_random_seed(1)
    application = make_application("MobileNet", (32, 32), {"alpha": 0.25})
    path = tmp_path / f"backbone{suffix}"
    application.save_weights(path) if suffix == ".weights.h5" else application.save(path)
    expected = application(rgb[0].astype("float32") / 127.5 - 1)
    clf = CNNClassifier(**SMALL, epochs=1, precision="float32", model__weights=path)
    features = CNNFeatures(clf).fit_transform(*rgb)
    assert_close(features, expected)
    alone = keras_application(META, name="MobileNet", options={"alpha": 0.25}, weights=path)
    inside = keras.Model(alone.inputs[0], alone.get_layer("backbone").output)(rgb[0].astype("float32"))
    assert_close(inside, expected)


def test_efficientnet_has_the_preprocessing_of_its_published_weights(rgb, tmp_path):
    """Keras' own network has mean and variance in its file, and with ``weights="imagenet"`` one more scaling."""
    keras.utils.set_random_seed(1)
    application = make_application("EfficientNetB0", (32, 32))
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalization = next(each for each in application.layers if isinstance(each, keras.layers.Normalization))
    normalization.set_weights([mean, deviation**2, np.array(0)])
    normalization.finalize_state()
    application.save_weights(tmp_path / "efficientnet.weights.h5")
    X = rgb[0][:4].astype("float32")
    model = keras_application(META, name="EfficientNetB0", weights=tmp_path / "efficientnet.weights.h5")
    inside = keras.Model(model.inputs[0], model.get_layer("backbone").output)(X)
    assert_close(inside, application(X))


def test_a_backbone_trained_here_is_saved_and_loaded_without_its_preprocessing(tmp_path):
    model = keras_application(META, name="EfficientNetB0")
    model.get_layer("backbone").network.save_weights(tmp_path / "own.weights.h5")
    again = keras_application(META, name="EfficientNetB0", weights=tmp_path / "own.weights.h5")
    assert all(same(*pair) for pair in zip(leaves(model), leaves(again), strict=True))


def test_reading_a_file_leaves_the_callers_generator_alone(rgb, small_file):
    _pretrained_weights._read.cache_clear()
    before = random.getstate()
    CNNClassifier(**SMALL, epochs=1, model__weights=small_file).fit(*rgb)
    assert random.getstate() == before


def damaged(kind, whole, folder):
    """A file of weights that must not be loaded."""
    path = folder / f"{kind}.weights.h5"
    if kind == "truncated":
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "wider":
        make_application("MobileNet", (32, 32), {"alpha": 0.5}).save_weights(path)
    elif kind == "other network":
        make_application("MobileNetV2", (32, 32), {"alpha": 0.35}).save_weights(path)
    elif kind == "part of it":
        model = make_application("MobileNet", (32, 32), {"alpha": 0.25})
        keras.Model(model.inputs[0], model.layers[20].output).save_weights(path)
    elif kind == "more than it":
        model = make_application("MobileNet", (32, 32), {"alpha": 0.25})
        keras.Model(model.inputs[0], keras.layers.Dense(3)(model.outputs[0])).save_weights(path)
    elif kind == "not finite":
        model = make_application("MobileNet", (32, 32), {"alpha": 0.25})
        model.set_weights([np.full_like(w, np.nan) for w in read(model.weights)])
        model.save_weights(path)
    return path


@pytest.mark.parametrize(
    "kind", ["truncated", "empty", "wider", "other network", "part of it", "more than it", "not finite"]
)
def test_a_file_that_does_not_fit_is_refused_and_nothing_is_lost(rgb, small_file, tmp_path, kind):
    clf = CNNClassifier(**SMALL, epochs=1, model__weights=small_file).fit(*rgb)
    answers, network = clf.predict_proba(rgb[0]), clf.network_
    with pytest.raises(WeightsError, match=f"{kind}.*(MobileNet|NaN)"):
        clf.set_params(model__weights=damaged(kind, small_file, tmp_path)).fit(*rgb)
    assert clf.network_ is network
    assert np.array_equal(clf.predict_proba(rgb[0]), answers)


def test_a_file_is_held_against_its_checksum(rgb, small_file, tmp_path):
    good = hashlib.sha256(small_file.read_bytes()).hexdigest()
    clf = CNNClassifier(**SMALL, epochs=1, model__weights=small_file, model__weights_sha256=good).fit(*rgb)
    tampered = tmp_path / "tampered.weights.h5"
    shutil.copy(small_file, tampered)
    with h5py.File(tampered, "r+") as file:
        file["layers/conv2d/vars/0"][0, 0, 0, 0] += 1
    clf.set_params(model__weights=tampered)
    with pytest.raises(ChecksumError, match="SHA-256"):
        clf.fit(*rgb)
    clf.set_params(model__weights_sha256=None).fit(*rgb)


def test_weights_decide_about_values_and_not_about_the_graph(rgb, small_file):
    random = CNNClassifier(**SMALL, epochs=1).fit(*rgb)
    loaded = CNNClassifier(**SMALL, epochs=1, model__weights=small_file).fit(*rgb)
    assert random.network_.spec.pool_key() == loaded.network_.spec.pool_key()
    again = CNNClassifier(**SMALL, epochs=1).fit(*rgb)
    assert same(random.network_.state, again.network_.state)
    assert not same(random.network_.state, loaded.network_.state)


def no_answer(request, timeout):
    assert request.full_url == "https://storage.googleapis.com/"
    assert timeout <= 5
    raise URLError("no network")


def no_building(*_):
    raise AssertionError("a network is built before it is known that there are no weights for it")


def test_published_weights_out_of_reach_are_an_error_at_once(rgb, tmp_path, monkeypatch):
    monkeypatch.setattr(_pretrained_weights, "urlopen", no_answer)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    clf = CNNClassifier("densenet121", model__weights="imagenet", epochs=1)
    monkeypatch.setattr("sk_cifar_ovr.engine._phases.borrow", no_building)
    with pytest.raises(WeightsError, match=r"densenet121_weights.*weights='PATH'"):
        clf.fit(*rgb)
    with pytest.raises(WeightsError, match="Keras checks"):
        clf.set_params(model__weights_sha256="0" * 64).fit(*rgb)


def test_a_name_that_is_looked_up_for_long_is_no_answer(monkeypatch):
    looked_up = threading.Event()

    def slow(request, timeout):
        looked_up.wait(5)
        raise URLError("no such host")

    monkeypatch.setattr(_pretrained_weights, "urlopen", slow)
    monkeypatch.setattr(_pretrained_weights, "TIMEOUT_SECONDS", 0.01)
    assert not _pretrained_weights._host_answers()
    looked_up.set()


def test_any_answer_of_the_host_will_do(monkeypatch):
    def refused(request, timeout):
        raise HTTPError(request.full_url, 400, "Bad Request", None, None)

    monkeypatch.setattr(_pretrained_weights, "urlopen", refused)
    assert _pretrained_weights._host_answers()


@pytest.mark.parametrize(
    ("application", "file"),
    [
        ("DenseNet121", "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("MobileNet", "mobilenet_2_5_224_tf_no_top.h5"),
        ("EfficientNetV2B0", "efficientnetv2-b0_notop.h5"),
        ("ResNet101", "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_a_copy_that_keras_keeps_needs_no_internet(tmp_path, monkeypatch, application, file):
    monkeypatch.setattr(_pretrained_weights, "urlopen", no_answer)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / file.replace("no", "")).touch()
    (tmp_path / "models" / "resnet101v2_weights_tf_dim_ordering_tf_kernels_notop.h5").touch()
    with pytest.raises(WeightsError):
        _pretrained_weights.Pretrained(application, "imagenet").check()
    (tmp_path / "models" / file).touch()
    _pretrained_weights.Pretrained(application, "imagenet").check()


def test_keras_home_is_where_keras_itself_looks(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr("os.access", lambda *_: True)
    assert keras_home() == Path.home() / ".keras"
    monkeypatch.setattr("os.access", lambda *_: False)
    assert keras_home() == Path("/tmp/.keras")
    monkeypatch.setenv("KERAS_HOME", "~/own")
    assert keras_home() == Path.home() / "own"


def test_published_weights_are_those_of_kerass_file(rgb, tmp_path, monkeypatch):
    """Of the kind that Keras publishes, and read once for all fits."""
    keras.utils.set_random_seed(1)
    application = make_application("MobileNet", (32, 32), {"alpha": 0.25})
    application.save(tmp_path / "mobilenet_2_5_224_tf_no_top.h5")
    asked = []

    def get_file(name, *_, **__):
        asked.append(name)
        return str(tmp_path / name)

    monkeypatch.setattr(keras.src.applications.mobilenet.file_utils, "get_file", get_file)
    monkeypatch.setattr(_pretrained_weights, "_is_cached", lambda *_: True)
    clf = CNNClassifier(**SMALL, epochs=1, model__weights="imagenet", precision="float32")
    expected = application(rgb[0].astype("float32") / 127.5 - 1)
    assert_close(CNNFeatures(clf).fit_transform(*rgb), expected)
    clf.fit(*rgb)
    assert asked == ["mobilenet_2_5_224_tf_no_top.h5"]
