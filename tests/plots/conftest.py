"""Small data for pictures, and the comparison with the pictures in `baseline`.

`SK_CIFAR_OVR_NEW_BASELINES=1 pytest tests/plots` overwrites the baselines. Look at each before committing it.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.legend import Legend
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

BASELINES = Path(__file__).parent / "baseline"


@pytest.fixture(autouse=True)
def _default_style():
    with plt.style.context("default"):
        yield
    plt.close("all")


class OvR(OneVsRestClassifier):
    """scikit-learn's one-vs-rest with this package's `predict_ovr` and `thresholds_`."""

    thresholds_ = np.linspace(0.3, 0.7, 10)
    history_ = ({"loss": [2.0, 1.0]},) * 10

    def predict_ovr(self, X):
        return self.decision_function(X) >= np.log(self.thresholds_ / (1 - self.thresholds_))


@pytest.fixture(scope="package")
def digits():
    """A fitted one-vs-rest classifier, and test samples with their labels."""
    X, y = load_digits(return_X_y=True)
    X = X + np.random.default_rng(0).normal(scale=6, size=X.shape)
    return OvR(LogisticRegression(C=1e-3)).fit(X[:600], y[:600]), X[600:1200], y[600:1200]


@pytest.fixture(scope="package")
def synthetic():
    """Labels of three classes, and a probability, point and image for each."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 30, 10])
    probabilities = np.clip(0.5 * rng.uniform(size=(100, 3)) + 0.4 * np.eye(3)[y], 0, 1)
    points = rng.normal(size=(100, 2)) + 4 * np.array([[0, 0], [1, 0], [0, 1]])[y]
    ramp = np.linspace(0, 255, 64).astype(np.uint8).reshape(8, 8)
    images = np.stack([np.rot90(ramp, k)[..., None] for k in y])
    return y, probabilities, points, images


@pytest.fixture
def history():
    return {"loss": [0.9, 0.5, 0.4], "val_loss": [1.0, 0.7, 0.65], "accuracy": [0.5, 0.7, 0.8]}


@pytest.fixture
def assert_like_baseline(tmp_path):
    """A function that draws on new axes and compares the figure, without its text, with a baseline."""

    def compare(draw, n_panels, name):
        figure, axes = plt.subplots(1, n_panels, figsize=(2 * n_panels, 2), squeeze=False)
        draw(ax=axes)
        # Font renderers differ between machines; the other tests check the text.
        for text in [*figure.findobj(Text), *figure.findobj(Legend)]:
            text.set_visible(False)
        expected = BASELINES / f"{name}.png"
        drawn = tmp_path / f"{name}.png"
        figure.savefig(drawn, dpi=60)
        if os.environ.get("SK_CIFAR_OVR_NEW_BASELINES"):
            drawn.replace(expected)
        else:
            assert compare_images(str(expected), str(drawn), tol=2) is None

    return compare
