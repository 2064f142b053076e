"""Networks of `keras.applications` as builders: pixels, weights, what is frozen, and the bad input they refuse."""

import hashlib
import pickle
import random
import shutil
import threading
from pathlib import Path
from urllib.error import HTTPError, URLError

import h5py
import keras
import numpy as np
import pytest
from conftest import initial_model
from sk_cifar_ovr.backbones import keras_application, mobilenet
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr._shared.files import keras_home
from sk_cifar_ovr.engine.compiled._pool import borrow
from sk_cifar_ovr.exceptions import ChecksumError, ColorWarning, ImageShapeError, NetworkError, WeightsError
from sk_cifar_ovr.networks import _pretrained_weights as _pretrained
from sk_cifar_ovr.networks._backbone_layers import ExpectedPixels, _leaves
from sk_cifar_ovr.networks._keras_applications import _is_preprocessing, make_application

pytestmark = pytest.mark.filterwarnings("ignore::sk_cifar_ovr.exceptions.ColorWarning")

# With their top of 1,000 classes, as Keras publishes them.
PUBLISHED = {
    "resnet50": 25_636_712,
    "mobilenet": 4_253_864,
    "mobilenet_v2": 3_538_984,
    "densenet121": 8_062_504,
    "efficientnet_b0": 5_330_571,
    "efficientnet_v2_b0": 7_200_312,
    "convnext_tiny": 28_589_128,
}
SMALL = {"model": "mobilenet", "model__options": {"alpha": 0.25}, "batch_size": 32, "random_state": 0}
META = {"image_shape_": (32, 32, 3), "n_classes_": 2}


@pytest.fixture(autouse=True)
def untraced():
    """Steps run one by one: tracing hundreds of layers takes far longer than a few steps of them."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def rgb():
    """24 random images of two classes, one twice as frequent, that differ in brightness."""
    rng = np.random.default_rng(0)
    y = (np.arange(24) % 3 == 0).astype(int)
    return (rng.integers(0, 128, (24, 32, 32, 3)) + 100 * y[:, None, None, None]).astype("uint8"), y


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A file of weights of a small MobileNet."""
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    keras.utils.set_random_seed(1)
    make_application("MobileNet", (32, 32), {"alpha": 0.25}).save_weights(path)
    return path


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def leaves(model):
    """Weights of each layer of the backbone that has some, in order."""
    return [[np.array(w) for w in layer.get_weights()] for layer in _leaves(model.get_layer("backbone").network)]


def assert_close(found, expected):
    """Equal but for rounding, on the scale of the values themselves: random weights give small features."""
    expected = numpy(expected)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(numpy(found), expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def same(some, others):
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_backbone_trains_what_is_not_frozen_and_nothing_else(rgb, name):
    """First its head alone, then its last three layers that have weights; also counts its parameters."""
    X, y = rgb
    clf = CNNClassifier(
        name, model__trainable="last_3", head_epochs=1, epochs=1, batch_size=12, random_state=0, precision="float32"
    ).fit(X, y)
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    with borrow(clf._network.spec) as network:
        backbone = network.model.get_layer("backbone")
        features = int(backbone.output.shape[1])
        # Of EfficientNet's preprocessing, Keras counts mean, variance and a count as parameters.
        preprocessing = 7 if name == "efficientnet_b0" else 0
        top, head = 1000 * (features + 1), 2 * (features + 1)
        assert network.model.count_params() == PUBLISHED[name] - preprocessing - top + head
        network.set_state(network.initial_state(seed))
        before = leaves(network.model)
        network.set_state(clf._network.state)
        after = leaves(network.model)
    unchanged = [same(*pair) for pair in zip(before, after, strict=True)]
    assert unchanged == [True] * (len(before) - 3) + [False] * 3


@pytest.mark.parametrize("trainable", [False, True])
def test_a_backbone_is_frozen_to_the_bit_or_trained_as_a_whole(rgb, trainable):
    X, y = rgb
    clf = CNNClassifier(**SMALL, epochs=2, model__trainable=trainable).fit(X, y)
    old, new = leaves(initial_model(clf)), leaves(clf.model_)
    assert [same(*pair) for pair in zip(old, new, strict=True)] == [not trainable] * len(old)
    assert not same(initial_model(clf).layers[-1].get_weights(), clf.model_.layers[-1].get_weights())


def test_a_frozen_backbone_stays_frozen_where_images_go_through_it_every_epoch(rgb):
    """Whose batch normalisation would else learn new statistics."""
    X, y = rgb
    clf = CNNClassifier(**SMALL, epochs=2, augment="flip_shift").fit(X, y)
    assert len(clf.model_.trainable_variables) == 2
    assert all(same(*pair) for pair in zip(leaves(initial_model(clf)), leaves(clf.model_), strict=True))


def test_pixels_are_those_of_the_preprocessing_that_keras_publishes(rgb):
    X = rgb[0][:2].astype("float32")
    modules = {
        "ResNet50": "resnet",
        "VGG16": "vgg16",
        "MobileNet": "mobilenet",
        "MobileNetV2": "mobilenet_v2",
        "ResNet50V2": "resnet_v2",
        "Xception": "xception",
        "DenseNet121": "densenet",
    }
    for name, module in modules.items():
        expected = getattr(keras.applications, module).preprocess_input(X.copy())
        np.testing.assert_allclose(numpy(ExpectedPixels(name)(X)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["EfficientNetV2B0", "ConvNeXtTiny", "MobileNetV3Small"])
def test_pixels_are_those_of_the_preprocessing_inside_keras_networks(rgb, name):
    X = rgb[0][:2].astype("float32")
    application = make_application(name, (32, 32))
    first = next(layer for layer in application.layers if not _is_preprocessing(layer))
    expected = keras.Model(application.inputs[0], first.input)(X)
    np.testing.assert_allclose(numpy(ExpectedPixels(name)(X)), numpy(expected), rtol=1e-4, atol=1e-4)


def test_grey_images_become_three_channels_and_that_is_said(digits):
    X, y = digits
    extractor = CNNFeatures(CNNClassifier(**SMALL, epochs=1, precision="float32"))
    with pytest.warns(ColorWarning, match="grey"):
        grey = extractor.fit_transform(X[:32], y[:32])
    assert_close(grey, extractor.fit_transform(np.repeat(X[:32], 3, axis=-1), y[:32]))


def test_flat_rows_of_grey_images_are_said_to_be_grey(digits):
    X, y = digits
    with pytest.warns(ColorWarning, match="grey"):
        CNNClassifier(**SMALL, epochs=1).fit(X[:32].reshape(32, -1), y[:32])


def test_numbers_and_flags_of_numpy_are_taken(rgb):
    clf = CNNClassifier(**SMALL, epochs=1, model__image_size=np.int64(40), model__trainable=np.False_).fit(*rgb)
    assert clf.model_.get_layer("backbone").input.shape == (None, 40, 40, 3)


def test_images_are_resized_inside(rgb):
    X, y = rgb
    clf = CNNClassifier(**SMALL, epochs=1, model__image_size=(40, 48)).fit(X, y)
    assert clf.model_.input_shape == (None, 32, 32, 3)
    assert clf.model_.get_layer("backbone").input.shape == (None, 40, 48, 3)
    assert "resize" not in [layer.name for layer in mobilenet(META).layers]


# -- weights ------------------------------------------------------------------------------------------------------


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
    _pretrained._read.cache_clear()
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
        model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
        model.save_weights(path)
    return path


@pytest.mark.parametrize(
    "kind", ["truncated", "empty", "wider", "other network", "part of it", "more than it", "not finite"]
)
def test_a_file_that_does_not_fit_is_refused_and_nothing_is_lost(rgb, small_file, tmp_path, kind):
    clf = CNNClassifier(**SMALL, epochs=1, model__weights=small_file).fit(*rgb)
    answers, network = clf.predict_proba(rgb[0]), clf._network
    with pytest.raises(WeightsError, match=f"{kind}.*(MobileNet|NaN)"):
        clf.set_params(model__weights=damaged(kind, small_file, tmp_path)).fit(*rgb)
    assert clf._network is network
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
    assert random._network.spec.cache_key() == loaded._network.spec.cache_key()
    again = CNNClassifier(**SMALL, epochs=1).fit(*rgb)
    assert same(random._network.state, again._network.state)
    assert not same(random._network.state, loaded._network.state)


def no_answer(request, timeout):
    assert request.full_url == "https://storage.googleapis.com/"
    assert timeout <= 5
    raise URLError("no network")


def test_published_weights_out_of_reach_are_an_error_at_once(rgb, tmp_path, monkeypatch):
    monkeypatch.setattr(_pretrained, "urlopen", no_answer)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    clf = CNNClassifier("densenet121", model__weights="imagenet", epochs=1)
    monkeypatch.setattr("sk_cifar_ovr.classifier._fitting.borrow", no_building)
    with pytest.raises(WeightsError, match=r"densenet121_weights.*weights='PATH'"):
        clf.fit(*rgb)
    with pytest.raises(WeightsError, match="Keras checks"):
        clf.set_params(model__weights_sha256="0" * 64).fit(*rgb)


def test_a_name_that_is_looked_up_for_long_is_no_answer(monkeypatch):
    looked_up = threading.Event()

    def slow(request, timeout):
        looked_up.wait(5)
        raise URLError("no such host")

    monkeypatch.setattr(_pretrained, "urlopen", slow)
    monkeypatch.setattr(_pretrained, "PATIENCE", 0.01)
    assert not _pretrained._host_answers()
    looked_up.set()


def test_any_answer_of_the_host_will_do(monkeypatch):
    def refused(request, timeout):
        raise HTTPError(request.full_url, 400, "Bad Request", None, None)

    monkeypatch.setattr(_pretrained, "urlopen", refused)
    assert _pretrained._host_answers()


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
    monkeypatch.setattr(_pretrained, "urlopen", no_answer)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / file.replace("no", "")).touch()
    (tmp_path / "models" / "resnet101v2_weights_tf_dim_ordering_tf_kernels_notop.h5").touch()
    with pytest.raises(WeightsError):
        _pretrained.Pretrained(application, "imagenet").check()
    (tmp_path / "models" / file).touch()
    _pretrained.Pretrained(application, "imagenet").check()


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
    monkeypatch.setattr(_pretrained, "_is_kept", lambda *_: True)
    clf = CNNClassifier(**SMALL, epochs=1, model__weights="imagenet", precision="float32")
    expected = application(rgb[0].astype("float32") / 127.5 - 1)
    assert_close(CNNFeatures(clf).fit_transform(*rgb), expected)
    clf.fit(*rgb)
    assert asked == ["mobilenet_2_5_224_tf_no_top.h5"]


def no_building(*_):
    raise AssertionError("a network is built before it is known that there are no weights for it")


# -- elsewhere in the package --------------------------------------------------------------------------------------


def test_one_vs_rest_shares_a_backbone_and_is_saved_without_its_file(digits, small_file, tmp_path):
    X, y = np.repeat(digits[0][:60], 3, axis=-1), digits[1][:60]
    source = tmp_path / "moved.weights.h5"
    shutil.copy(small_file, source)
    ovr = OneVsRestCNNClassifier(CNNClassifier(**SMALL, epochs=2, model__weights=source)).fit(X, y)
    backbones = [leaves(estimator.model_) for estimator in (ovr.estimators_[0], ovr.estimators_[9])]
    assert all(same(*pair) for pair in zip(*backbones, strict=True))
    save(ovr, tmp_path / "ovr.skovr")
    source.unlink()
    again = load(tmp_path / "ovr.skovr")
    assert np.array_equal(again.decision_function(X), ovr.decision_function(X))
    with pytest.raises(FileNotFoundError, match=r"moved\.weights\.h5"):
        again.fit(X, y)


def test_a_search_chooses_between_backbones(rgb):
    clf = CNNClassifier(epochs=1, batch_size=16, random_state=0)
    grid = [
        {"model": ["mobilenet"], "model__options": [{"alpha": 0.25}]},
        {"model": ["keras_application"], "model__name": ["MobileNetV2"], "model__options": [{"alpha": 0.35}]},
        {"model": ["cifar_cnn"]},
    ]
    search = GridSearchCV(clf, grid, cv=2, error_score="raise").fit(*rgb)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 3


def test_features_of_a_backbone_go_into_any_classifier(rgb, small_file):
    X, y = rgb
    clf = CNNClassifier(**SMALL, epochs=1, model__weights=small_file)
    pipe = make_pipeline(CNNFeatures(clf), StandardScaler(), LogisticRegression()).fit(X, y)
    assert pipe[0].transform(X).shape == (24, 256)
    assert pipe[0].layer_ == "backbone"
    assert pipe.score(X, y) > 0.9


def test_estimators_with_a_backbone_pickle(rgb):
    clf = CNNClassifier(**SMALL, epochs=1).fit(*rgb)
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(rgb[0]), clf.predict_proba(rgb[0]))


def test_double_precision_is_double_throughout(rgb):
    clf = CNNClassifier(**SMALL, epochs=1, precision="float64").fit(*rgb)
    assert {w.dtype for w in clf.model_.get_layer("backbone").network.weights} == {"float64"}


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"model": "densnet121"}, ValueError, "did you mean 'densenet121'"),
        ({"model": "resnet101"}, ValueError, "model='keras_application'.*model__name"),
        ({"model": "keras_application"}, NetworkError, "model__name"),
        ({"model": "keras_application", "model__name": "Resnet_101"}, NetworkError, "did you mean 'ResNet101'"),
        ({"model": "mobilenet", "model__image_size": 31}, ImageShapeError, "32 pixels"),
        ({"model": "mobilenet", "model__image_size": (64, 16)}, ImageShapeError, "32 pixels"),
        ({"model": "keras_application", "model__name": "Xception", "model__image_size": 64}, ImageShapeError, "71"),
        ({"model": "mobilenet", "model__trainable": "last_none"}, NetworkError, "'last_20'"),
        ({"model": "mobilenet", "model__trainable": "last_0"}, NetworkError, "'last_20'"),
        ({"model": "mobilenet", "model__image_size": 64.0}, ImageShapeError, "give one number"),
        ({"model": "mobilenet", "model__options": {"alfa": 0.25}}, NetworkError, "alpha"),
        ({"model": "mobilenet", "model__options": 0.25}, NetworkError, "a dict"),
        ({"model": "mobilenet", "model__weight": None}, TypeError, "did you mean 'weights'"),
        ({"model": "mobilenet", "model__weights": 5}, TypeError, "of type int"),
        ({"model": "mobilenet", "model__weights": "nowhere.h5"}, FileNotFoundError, "nowhere.h5"),
        ({"model": "mobilenet", "model__weights": __file__}, WeightsError, r"\.weights\.h5"),
    ],
)
def test_bad_input_is_refused_before_training(rgb, settings, error, message):
    with pytest.raises(error, match=message):
        CNNClassifier(**settings, epochs=1).fit(*rgb)


def test_images_of_two_channels_are_refused(rgb):
    with pytest.raises(ImageShapeError, match="these have 2"):
        CNNClassifier("mobilenet", epochs=1).fit(rgb[0][..., :2], rgb[1])
