"""`fit(..., groups=...)`: validation images and those trained on share no group."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from small_networks import dense

from sk_cifar_ovr import CNNClassifier
from sk_cifar_ovr.exceptions import RareClassWarning

TINY = {"model": dense, "recipe": None, "epochs": 2, "batch_size": 64, "random_state": 0}


@pytest.fixture
def splits(monkeypatch):
    """Indices of the images trained on and held out, of each training."""
    from sk_cifar_ovr.engine._training_loop import _TrainingLoop

    seen = []
    real = _TrainingLoop.__init__

    def spy(self, network, job, *rest):
        seen.append((job.data.train, job.data.validation))
        real(self, network, job, *rest)

    monkeypatch.setattr(_TrainingLoop, "__init__", spy)
    return seen


@pytest.fixture(scope="module")
def bursts():
    """A group of 1 to 12 images for each of 360 images."""
    return np.repeat(np.arange(60), np.arange(60) % 12 + 1)[:360].astype(str)


@pytest.mark.parametrize("settings", [{"validation_fraction": 0.2}, {"early_stopping": True}], ids=str)
def test_groups_are_held_out_whole(digits, bursts, splits, settings):
    X, y = digits
    CNNClassifier(**TINY, **settings).fit(X, y, groups=bursts)
    ((train, validation),) = splits
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(360))
    assert not set(bursts[train]) & set(bursts[validation])
    share = settings.get("validation_fraction", 0.1)
    assert abs(len(validation) / 360 - share) < 0.03
    assert len(set(y[validation])) >= 8


def test_labels_of_groups_do_not_matter_and_groups_do(digits, bursts):
    import pandas as pd

    X, y = digits
    clf = CNNClassifier(**TINY, validation_fraction=0.3)
    losses = [
        clf.fit(X, y, groups=groups).history_["val_loss"]
        for groups in (bursts, list(bursts), pd.Series(bursts, index=np.arange(360)[::-1]), [(g,) for g in bursts])
    ]
    assert losses[0] == losses[1] == losses[2] == losses[3]
    assert clf.fit(X, y).history_["val_loss"] != losses[0]
    plain = CNNClassifier(**TINY)
    assert plain.fit(X, y, groups=bursts).history_ == plain.fit(X, y).history_


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g[:-1], "groups holds 359 labels, expected one an image: 360"),
        (lambda g: np.where(g == "3", np.nan, 1.0), "missing values, the first for image"),
        (lambda g: g[:, None], "expected one label an image"),
        (lambda g: "burst", "must hold one label an image"),
    ],
)
def test_wrong_groups_are_refused_before_training(digits, bursts, splits, change, message):
    X, y = digits
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**TINY).fit(X, y, groups=change(bursts))
    assert not splits


def test_weights_stay_the_third_argument(digits, bursts, splits):
    X, y = digits
    weight = np.ones(360)
    weight[:30] = 0
    CNNClassifier(**TINY, validation_fraction=0.3).fit(X, y, weight, groups=bursts)
    ((train, validation),) = splits
    assert not set(bursts[train]) & set(bursts[validation])
    assert min(train.min(), validation.min()) == 30
    with pytest.raises(TypeError, match="positional"):
        CNNClassifier(**TINY).fit(X, y, weight, bursts)


def test_a_class_in_one_group_is_trained_on_and_named(digits, bursts, splits):
    X, y = digits
    y = np.where(bursts == "11", "burst", np.where(y < 5, "low", "high"))
    with pytest.warns(RareClassWarning, match="No image was held out for validation of 'burst'.* more groups with it"):
        CNNClassifier(**TINY, early_stopping=True).fit(X, y, groups=bursts)
    assert set(np.flatnonzero(y == "burst")) <= set(splits[0][0])


def test_large_groups_change_the_share_with_a_warning(digits):
    X, y = digits
    clf = CNNClassifier(**TINY, validation_fraction=0.1)
    with pytest.warns(UserWarning, match="40% of the images are held out for validation instead of 10%"):
        clf.fit(X[:100], y[:100] % 2, groups=np.repeat([0, 1], [60, 40]))
    with pytest.raises(ValueError, match="validation_fraction=0.1. groups holds one group only"):
        clf.fit(X, y, groups=np.zeros(360))
    with pytest.raises(ValueError, match="Every group holds all images of some label"):
        clf.fit(X, y, groups=y)


def test_metadata_routing(digits, bursts, splits):
    X, y = digits
    with sklearn.config_context(enable_metadata_routing=True):
        clf = CNNClassifier(**TINY, early_stopping=True).set_fit_request(groups=True)
        cross_validate(clf, X, y, cv=GroupKFold(3), params={"groups": bursts}, error_score="raise")
        pipeline = make_pipeline(FunctionTransformer(), clf)
        search = GridSearchCV(pipeline, {"cnnclassifier__epochs": [1]}, cv=GroupKFold(2), error_score="raise")
        search.fit(X, y, groups=bursts)
    assert len(splits) == 3 + 2 + 1
    for (outer, _), (train, validation) in zip(GroupKFold(3).split(X, y, bursts), splits, strict=False):
        assert len(validation)
        assert not set(bursts[outer][train]) & set(bursts[outer][validation])
    train, validation = splits[-1]
    assert not set(bursts[train]) & set(bursts[validation])


@pytest.mark.parametrize("settings", [{"validation_fraction": 0.1}, {"early_stopping": True}], ids=str)
@pytest.mark.parametrize("balanced", [False, True])
def test_five_images_of_a_rare_class(digits, splits, settings, balanced):
    """They are in both parts, or a warning names the class."""
    X, y = digits
    y = np.where(np.arange(360) < 5, "dodo", np.array(["cat", "dog"])[y % 2])
    clf = CNNClassifier(**TINY, **settings, balanced_batches=balanced)
    for seed in range(4):
        splits.clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf.set_params(random_state=seed).fit(X, y)
        ((train, validation),) = splits
        assert "dodo" in y[train]
        named = any("validation of 'dodo'" in str(w.message) for w in caught if w.category is RareClassWarning)
        assert named == ("dodo" not in y[validation])
    with pytest.warns(RareClassWarning, match="validation of 'emu'"):
        clf.fit(X, np.where(np.arange(360) == 7, "emu", y))
