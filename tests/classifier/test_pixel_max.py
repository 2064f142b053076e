"""Images of more than 8 bits: the value of white is told by `pixel_max`, and never guessed."""

import pickle
import warnings

import keras
import numpy as np
import pytest
from lazy_sources import Rows
from sklearn.base import clone
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr._shared.lazy_arrays import LazyArray
from sk_cifar_ovr.exceptions import PixelScaleError, PixelScaleWarning

FAST = {"model__filters": (4, 4, 4), "epochs": 2, "batch_size": 40, "recipe": None, "precision": "float64"}
CLOSE = {"rtol": 1e-5, "atol": 1e-7}


def small(**settings):
    return CNNClassifier(**{**FAST, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def images(digits):
    X, y = digits
    return X[:120], y[:120] % 3


@pytest.fixture(scope="module")
def fitted(images):
    """The same images with 8 and with 16 bits."""
    X, y = images
    return small().fit(X, y), small(pixel_max=65535).fit(X.astype("uint16") * 257, y)


def test_sixteen_bit_images_train_as_eight_bit_ones(images, fitted):
    X, _ = images
    eight, sixteen = fitted
    assert sixteen.pixel_scale_ == pytest.approx(1 / 257)
    np.testing.assert_allclose(sixteen.predict_proba(X.astype("uint16") * 257), eight.predict_proba(X), **CLOSE)


def test_the_keras_model_takes_scaled_pixels(images, fitted):
    X16 = images[0][:20].astype("uint16") * 257
    outputs = keras.ops.convert_to_numpy(fitted[1].model_(X16 * fitted[1].pixel_scale_))
    np.testing.assert_allclose(outputs, fitted[1].predict_proba(X16), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_one_vs_rest_is_told_by_its_estimator(images, strategy):
    X, y = images
    eight = OneVsRestCNNClassifier(small(), strategy=strategy).fit(X, y)
    ovr = OneVsRestCNNClassifier(small(pixel_max=65535), strategy=strategy)
    X16 = X.astype("uint16") * 257
    with pytest.raises(PixelScaleError, match="pixel_max=65535"):
        eight.predict_ovr(X16)
    with pytest.raises(PixelScaleError, match="pixel_max=65535"):
        clone(eight).fit(X16, y)
    ovr.partial_fit(X16, y, classes=[0, 1, 2])
    ovr.fit(X16, y)
    np.testing.assert_allclose(ovr.predict_proba(X16), eight.predict_proba(X), **CLOSE)
    assert ovr.score(X16, y) == eight.score(X, y)


@pytest.mark.parametrize(
    ("factor", "dtype", "message"),
    [
        (257, "uint16", "up to 65535.*pixel_max=65535"),
        (16, "int32", "up to 4080.*pixel_max=4095 if they have 12 bits, pixel_max=65535 if 16"),
        (10**6, "int64", "up to 255000000.*pixel_max=268435455"),
    ],
)
@pytest.mark.parametrize("model", ["cifar_cnn", dense])
def test_integers_above_255_are_refused(images, factor, dtype, message, model):
    X, y = images
    clf = CNNClassifier(model=model, epochs=1, batch_size=40, recipe=None)
    with pytest.raises(PixelScaleError, match=message):
        clf.fit(X.astype(dtype) * factor, y)
    assert not hasattr(clf, "n_features_in_")


def test_integers_above_the_white_that_was_told_are_refused(images):
    X, y = images
    with pytest.raises(PixelScaleError, match="up to 65535, and white is 4095"):
        small(pixel_max=4095).fit(X.astype("uint16") * 257, y)
    with pytest.raises(ValueError, match="pixel_max"):
        small(pixel_max=0).fit(X, y)


def test_prediction_on_another_scale(images, fitted):
    X, _ = images
    eight, sixteen = fitted
    with pytest.raises(PixelScaleError, match="up to 65535, and white is 255"):
        eight.predict(X.astype("uint16") * 257)
    with pytest.warns(PixelScaleWarning, match="uint8 values up to 255, and this CNNClassifier takes .* 0 to 65535"):
        sixteen.predict(X)
    with pytest.warns(PixelScaleWarning, match="uint16 values up to 255"):
        sixteen.predict(X.astype("uint16"))
    with pytest.warns(PixelScaleWarning, match="floats from 0 to 1, and this CNNClassifier takes .* 0 to 65535"):
        sixteen.predict(X / 255)
    with pytest.warns(PixelScaleWarning, match="values up to 65535, and white is 255"):
        eight.predict(X * 257.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelScaleWarning)
        sixteen.predict(X.astype("float64") * 257)
        sixteen.predict(np.zeros_like(X, "uint16"))


def test_a_network_of_ones_own_refuses_the_other_scale_too(images):
    X, y = images
    clf = CNNClassifier(model=dense, epochs=1, batch_size=40, recipe=None).fit(X, y)
    with pytest.raises(PixelScaleError, match="65535"):
        clf.predict(X.astype("uint16") * 257)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelScaleWarning)
        clone(clf).fit(X * 257.0, y).predict(X * 257.0)


def test_flat_rows_of_a_network_of_ones_own_stay_as_they_are(images):
    X, y = images
    rows = X.reshape(len(X), -1).astype("uint16") * 257
    clf = CNNClassifier(model=dense, epochs=1, batch_size=40, recipe=None).fit(rows, y)
    assert clf.pixel_scale_ == 1
    assert clf.predict(rows).shape == y.shape
    assert clf.set_params(pixel_max=65535).fit(rows, y).pixel_scale_ == pytest.approx(1 / 257)


def test_floats_are_told_without_a_warning(images):
    X, y = images
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelScaleWarning)
        unit = small(pixel_max=1).fit(X / 255, y)
        # A dark image, not one from 0 to 1.
        assert small(pixel_max=255).fit(X / 255, y).pixel_scale_ == 1
    assert unit.pixel_scale_ == 255
    with pytest.warns(PixelScaleWarning, match="up to 65535, and white is 255.*pixel_max"):
        small().fit(X * 257.0, y)


@pytest.mark.parametrize(
    "change",
    [lambda X: X / 255 * 1.0000001, lambda X: X / 250 - 0.01, lambda X: (X / 255).astype("float32") * 1.2],
    ids=["rounding", "interpolation", "as far as goes"],
)
@pytest.mark.parametrize("model", ["cifar_cnn", dense])
def test_floats_slightly_outside_0_to_1_are_taken_so(images, change, model):
    X, y = change(images[0]), images[1]
    clf = CNNClassifier(model=model, epochs=1, batch_size=40, recipe=None)
    with pytest.warns(PixelScaleWarning, match="which were taken as pixels scaled to 0-1") as caught:
        clf.fit(X, y)
    assert len(caught) == 1
    assert clf.pixel_scale_ == 255
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelScaleWarning)
        clf.predict(X)
    with pytest.warns(PixelScaleWarning, match="values up to 2.5, and this CNNClassifier takes pixels from 0 to 1"):
        clf.predict(np.full_like(X, 2.5))
    eight = small().fit(*images)
    with pytest.warns(PixelScaleWarning, match="floats from 0 to 1, and this CNNClassifier takes pixels from 0 to 255"):
        eight.predict(X)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float32"])
def test_black_and_white_images(images, dtype):
    X, y = (images[0] > 99).astype(dtype), images[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelScaleWarning)
        clf = small(pixel_max=1).fit(X, y)
        clf.predict(X)
    reference = small().fit((images[0] > 99).astype("uint8") * 255, y)
    np.testing.assert_allclose(clf.predict_proba(X), reference.predict_proba(X.astype("uint8") * 255), **CLOSE)
    if dtype != "float32":
        values = "true and false" if dtype == "bool" else "values up to 1"
        with pytest.warns(PixelScaleWarning, match=f"{values}, but pixels are expected from 0 to 255.*pixel_max=1\\."):
            small().fit(X, y)


def test_pixels_that_cannot_reach_white(images):
    X, y = images
    with pytest.warns(PixelScaleWarning, match="uint8 values, but pixels are expected from 0 to 65535.*pixel_max=255"):
        small(pixel_max=65535).fit(X, y)
    with pytest.raises(PixelScaleError, match="up to 255, and white is 1. Fit with the value of white: pixel_max=255"):
        small(pixel_max=1).fit(X, y)
    with pytest.warns(PixelScaleWarning, match="up to 2, but pixels are expected from 0 to 255.*pixel_max=2"):
        small().fit(X / 255 * 2.0, y)


def test_a_fit_that_continues_keeps_white(images):
    X, y = images
    X16 = X.astype("uint16") * 257
    clf = small(pixel_max=65535, warm_start=True).fit(X16, y)
    with pytest.warns(PixelScaleWarning, match="uint8 values"):
        clf.partial_fit(X, y)
    with pytest.raises(ValueError, match="pixel_max=4095, and in the last fit white was 65535"):
        clf.set_params(pixel_max=4095).fit(X16 // 17, y)
    assert clf.set_params(pixel_max=None).fit(X16, y).pixel_scale_ == pytest.approx(1 / 257)


def test_saved_and_pickled_estimators_know_white(images, fitted, tmp_path):
    X16, sixteen = images[0].astype("uint16") * 257, fitted[1]
    save(sixteen, tmp_path / "sixteen.skovr")
    for copy in (load(tmp_path / "sixteen.skovr"), pickle.loads(pickle.dumps(sixteen))):
        assert copy.pixel_max == 65535
        np.testing.assert_allclose(copy.predict_proba(X16), sixteen.predict_proba(X16), rtol=1e-6)


def test_features_of_sixteen_bit_images(images, fitted):
    X, y = images
    eight, sixteen = (CNNFeatures(small(pixel_max=white), layer=None) for white in (None, 65535))
    X16 = X.astype("uint16") * 257
    np.testing.assert_allclose(sixteen.fit(X16, y).transform(X16), eight.fit(X, y).transform(X), **CLOSE)
    with pytest.raises(PixelScaleError, match="65535"):
        eight.transform(X16)


def test_images_that_are_read_on_demand(images, fitted):
    X, y = images
    X16 = X.astype("uint16") * 257
    dark_first = np.concatenate([np.zeros_like(X16[:30]), X16])
    labels = np.concatenate([y[:30], y])
    source = Rows(dark_first)
    # Only the last images are bright, so all are looked at.
    with pytest.raises(PixelScaleError, match="up to 65535"):
        small().fit(LazyArray(source), labels)
    lazy = small(pixel_max=65535).fit(LazyArray(Rows(X16)), y)
    np.testing.assert_allclose(lazy.predict_proba(LazyArray(Rows(X16))), fitted[1].predict_proba(X16), rtol=1e-5)
