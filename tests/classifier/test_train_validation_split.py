"""`validation_fraction` and `early_stopping`."""

import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.exceptions import RareClassWarning

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


def weights(estimator):
    return estimator.network_.state


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def test_early_stopping_keeps_the_best_epoch(digits):
    X, y = digits
    clf = CNNClassifier(
        model=dense, epochs=40, early_stopping=True, n_iter_no_change=3, optimizer__learning_rate=0.05, random_state=0
    ).fit(X, y.astype(str))
    validation = clf.history_["val_loss"]
    assert len(validation) == clf.n_iter_ < 40
    assert int(np.argmin(validation)) == clf.n_iter_ - 1 - 3
    shorter = CNNClassifier(
        model=dense, epochs=clf.n_iter_ - 3, validation_fraction=0.1, optimizer__learning_rate=0.05, random_state=0
    ).fit(X, y.astype(str))
    assert same(clf, shorter)


def test_validation_fraction_is_stratified(digits):
    X, y = digits
    clf = CNNClassifier(model=dense, epochs=1, validation_fraction=0.5, random_state=0)
    assert set(clf.fit(X, y).history_) == {"loss", "val_loss"}
    # The only image of a class is trained on.
    with pytest.warns(RareClassWarning, match="No image was held out for validation of 1"):
        clf.fit(X[:20], np.arange(20) // 19)
    assert set(clf.history_) == {"loss", "val_loss"}


def test_a_split_with_too_few_samples_is_refused(digits):
    X, y = digits
    weight = np.zeros(60)
    weight[0] = 1
    with pytest.raises(ValueError, match="validation"):
        CNNClassifier(model=dense, epochs=1, validation_fraction=0.5, random_state=0).fit(X[:60], y[:60] % 2, weight)
    with pytest.raises(ValueError, match="validation_fraction"):
        CNNClassifier(model=dense, epochs=1, early_stopping=True).fit(X[:40], y[:40])


def test_joint_validation_loss_is_the_mean_over_classes(digits):
    """A class with heavy samples counts no more than the rest."""
    X, y = digits
    base = CNNClassifier(**FAST, optimizer__learning_rate=0.0, validation_fraction=0.3, precision="float64")
    losses = [
        OneVsRestCNNClassifier(base, class_weight=weight).fit(X, y % 3).history_["val_loss"][0]
        for weight in (None, {0: {0: 50.0, 1: 50.0}})
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)


def test_validation_samples_without_weight_are_refused(digits):
    X, y = digits
    rare = np.zeros(100, int)
    rare[:5] = 1
    with pytest.raises(ValueError, match="held out"):
        CNNClassifier(**FAST, class_weight={0: 0.0, 1: 1.0}, validation_fraction=0.05).fit(X[:100], rare)


@pytest.mark.parametrize(
    ("settings", "rows", "message"),
    [
        ({"early_stopping": True}, 60, "early_stopping if none is given. Of 60 images that leaves 6 to hold out"),
        ({"validation_fraction": 0.1}, 60, "=0.1. Of 60 .* each of 10 classes needs one there: set .*=0.17 or more"),
        ({"validation_fraction": 0.99}, 60, "leaves 0 to train on.*set validation_fraction=0.83 or less"),
        ({"early_stopping": True}, 5, "Every class has one image only"),
    ],
)
def test_too_few_images_to_hold_out_say_what_to_do(digits, settings, rows, message):
    X, _ = digits
    with pytest.raises(ValueError, match=message) as refused:
        CNNClassifier(**FAST, **settings).fit(X[:rows], np.arange(rows) % 10)
    assert "early_stopping=False, validation_fraction=None" in str(refused.value)


def test_the_share_that_is_told_works(digits):
    X, _ = digits
    y = np.arange(60) % 10
    for fraction in (0.17, 0.83):
        clf = CNNClassifier(**FAST, validation_fraction=fraction).fit(X[:60], y)
        assert "val_loss" in clf.history_
