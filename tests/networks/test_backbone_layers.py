"""Layers of the backbone builders: preprocessing as Keras publishes it, and dtypes."""

import keras
import numpy as np
import pytest
from backbone_helpers import SMALL, numpy, random_rgb, run_eagerly

from sk_cifar_ovr import CNNClassifier
from sk_cifar_ovr.networks._backbone_layers import ExpectedPixels
from sk_cifar_ovr.networks._keras_applications import _is_preprocessing, make_application

untraced = pytest.fixture(autouse=True)(run_eagerly)


@pytest.fixture(scope="module")
def rgb():
    return random_rgb()


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


def test_double_precision_is_double_throughout(rgb):
    clf = CNNClassifier(**SMALL, epochs=1, precision="float64").fit(*rgb)
    assert {w.dtype for w in clf.model_.get_layer("backbone").network.weights} == {"float64"}
