"""What `fit` and `predict` check in images, sample weights and the model of a builder; test-time augmentation."""

import warnings

import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.exceptions import ImageShapeError, NetworkError, PixelScaleWarning

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


@pytest.mark.parametrize("wrap", [lambda clf: clf, OneVsRestCNNClassifier])
def test_pixels_on_another_scale_than_in_fit_warn(digits, wrap):
    X, y = digits
    builtin = CNNClassifier(model__filters=(4, 4, 4), epochs=1, random_state=0)
    of_bytes = wrap(builtin).fit(X, y)
    with pytest.warns(PixelScaleWarning, match="0 to 255.*bring X to that scale"):
        of_bytes.predict(X / 255)
    with pytest.warns(PixelScaleWarning, match="0 to 255.*bring X to that scale"):
        of_bytes.partial_fit(X / 255, y)
    with pytest.warns(PixelScaleWarning, match="taken as pixels"):
        of_floats = wrap(CNNClassifier(**FAST)).fit(X / 255, y)
    with pytest.warns(PixelScaleWarning, match="up to 255, and this .* takes pixels from 0 to 1:"):
        of_floats.predict(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelScaleWarning)
        of_bytes.predict(X.astype("float32"))
        of_bytes.predict(np.zeros_like(X, "float32"))
        of_floats.predict(X / 255)
        # A user's network may expect any scale.
        standardised = wrap(CNNClassifier(**FAST)).fit(X / 64 - 2.0, y)
        standardised.predict(np.full_like(X, 0.5, "float32"))


@pytest.mark.parametrize(
    ("change", "message"), [(lambda X: X > 99, "true and false"), (lambda X: X - 99.0, "negative")]
)
def test_negative_or_boolean_pixels_warn(digits, change, message):
    X, y = digits
    with pytest.warns(PixelScaleWarning, match=message):
        CNNClassifier(model__filters=(4, 4, 4), epochs=1).fit(change(X), y)


def wrong_output(meta):
    return keras.Sequential([keras.Input(meta["image_shape_"]), keras.layers.Flatten(), keras.layers.Dense(3)])


def no_model(meta):
    return "a network"


def unbounded(meta):
    return keras.Sequential(
        [
            keras.Input(meta["image_shape_"]),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="relu"),
        ]
    )


@pytest.mark.parametrize(
    ("builder", "message"), [(wrong_output, "n_classes_"), (no_model, "keras.Model"), (unbounded, "softmax")]
)
def test_a_wrong_builder_is_refused(digits, builder, message):
    X, y = digits
    with pytest.raises(NetworkError, match=message):
        CNNClassifier(model=builder, epochs=1).fit(X, y)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "head_epochs", "n_iter_no_change", "test_shift", "pixel_max"])
@pytest.mark.parametrize("value", [True, False])
def test_truth_values_are_no_numbers(digits, name, value):
    X, y = digits
    with pytest.raises(ValueError, match=f"'{name}' parameter of CNNClassifier must be .* Got {value} instead"):
        CNNClassifier(**{**FAST, name: value}).fit(X, y)


def test_sample_weights_that_are_all_zero_are_refused(digits):
    X, y = digits
    clf = CNNClassifier(**FAST, class_weight={0: 0, 1: 1})
    with pytest.raises(ValueError, match="have weight 0"):
        clf.fit(X, y == 3, sample_weight=(y != 3).astype(float))


def test_warm_start_needs_the_same_image_shape_and_network(digits):
    from sk_cifar_ovr.exceptions import ImageShapeError

    X, y = digits
    clf = CNNClassifier(model=dense, epochs=1, warm_start=True, random_state=0).fit(X, y)
    with pytest.raises(ImageShapeError, match=r"takes images of shape \(8, 8, 1\)"):
        clf.fit(X.reshape(-1, 4, 16, 1), y)
    with pytest.raises(ImageShapeError, match=r"takes images of shape \(8, 8, 1\)"):
        clf.predict(X[:2].reshape(-1, 4, 16, 1).tolist())
    assert clf.set_params(optimizer="sgd").fit(X, y).n_iter_ == 2
    with pytest.raises(ValueError, match="another one"):
        clf.set_params(model__units=4).fit(X, y)


def test_predictions_are_averaged_over_shifted_and_flipped_images(digits):
    X, y = digits
    clf = CNNClassifier(model=dense, epochs=2, random_state=0).fit(X, y)
    wide = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    expected = 0
    for view, share in ((X, 0.25), (wide[:, :-2, :-2], 0.125), (wide[:, 2:, 2:], 0.125)):
        expected = expected + share * (clf.predict_proba(view) + clf.predict_proba(view[:, :, ::-1]))
    both = CNNClassifier(model=dense, epochs=2, random_state=0, test_flip=True, test_shift=1).fit(X, y)
    np.testing.assert_allclose(both.predict_proba(X), expected, atol=1e-6)
    with pytest.raises(ImageShapeError, match="out of sight"):
        both.set_params(test_shift=8).fit(X, y)
