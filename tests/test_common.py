"""scikit-learn's own checks, all of them, on all estimators that classify."""

import pytest
from conftest import dense
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier


def classifier(**settings):
    """A tiny network on flat rows; float64 and one batch, as the checks compare weights at 1e-7."""
    return CNNClassifier(
        model=dense,
        loss="crossentropy",
        optimizer__learning_rate=0.05,
        epochs=30,
        batch_size=1000,
        precision="float64",
        random_state=0,
        **settings,
    )


@pytest.mark.filterwarnings("ignore::sk_cifar_ovr.exceptions.PixelScaleWarning")
@parametrize_with_checks(
    [
        classifier(),
        OneVsRestCNNClassifier(classifier(), strategy="joint"),
        OneVsRestCNNClassifier(classifier(), strategy="independent"),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
