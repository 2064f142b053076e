"""The last layer alone on stored features, then all that is trainable."""

import io
from contextlib import redirect_stderr

import keras
import numpy as np
import pytest
from sklearn.base import clone
from small_networks import initial_model

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr._shared import progress as progress_lines
from sk_cifar_ovr._shared.variables import read
from sk_cifar_ovr.engine import _feature_cache as store
from sk_cifar_ovr.engine.compiled._pool import clear_programs
from sk_cifar_ovr.exceptions import NetworkError, NonFiniteLossError


def trunk(meta, *, frozen=True, noise=0.0, add=None):
    """Flat rows through a hidden layer with batch normalisation, frozen or not, to a softmax."""
    layers = keras.layers
    pixels = keras.Input(meta["image_shape_"])
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Flatten()(x)
    hidden = layers.Dense(12, activation="tanh", trainable=not frozen, name="hidden")(x)
    x = layers.BatchNormalization(trainable=not frozen, momentum=0.5, name="norm")(hidden)
    if noise:
        x = layers.Dropout(noise, trainable=not frozen)(x)
    if add is not None:
        x = layers.Add()([x, {"hidden": hidden, "norm": x}[add]])
    return keras.Model(pixels, layers.Dense(meta["n_classes_"], activation="softmax", name="softmax")(x))


FAST = {
    "model": trunk,
    "epochs": 3,
    "batch_size": 64,
    "recipe": None,
    "random_state": 0,
    "optimizer__learning_rate": 1e-2,
}


def values(clf, layer):
    return read(clf.model_.get_layer(layer).weights)


def initial(clf, layer):
    return read(initial_model(clf).get_layer(layer).weights)


@pytest.fixture
def passes(monkeypatch):
    """Rows that went through a trunk to be stored, pass by pass."""
    counted = []
    original = store.map_batches

    def counting(function, X, *rest):
        counted.append(len(X))
        return original(function, X, *rest)

    monkeypatch.setattr(store, "map_batches", counting)
    return counted


def test_a_frozen_trunk_runs_once_and_the_head_learns_as_if_it_ran_every_epoch(digits, passes):
    X, y = digits
    stored = CNNClassifier(**FAST).fit(X, y)
    assert passes == [len(X)]
    # A layer that changes nothing still counts as augmentation, so that images go through the trunk every epoch.
    every = CNNClassifier(**FAST, augment=keras.layers.Identity()).fit(X, y)
    assert passes == [len(X)]
    np.testing.assert_allclose(stored.history_["loss"], every.history_["loss"], rtol=1e-4)
    np.testing.assert_allclose(stored.predict_proba(X), every.predict_proba(X), atol=1e-4)
    for layer in ("hidden", "norm"):
        assert all(map(np.array_equal, values(stored, layer), initial(stored, layer)))
    assert not np.array_equal(values(stored, "softmax")[0], initial(stored, "softmax")[0])


def test_a_trunk_that_changes_in_training_is_not_stored(digits, passes):
    X, y = digits
    CNNClassifier(**FAST, model__frozen=False).fit(X, y)
    CNNClassifier(**FAST, model__noise=0.5).fit(X, y)
    assert passes == []


def test_head_epochs_come_first_and_leave_the_rest_alone(digits, passes):
    X, y = digits
    settings = {**FAST, "model__frozen": False, "head_epochs": 2, "optimizer": "sgd"}
    still = CNNClassifier(**settings, fine_tune_rate=1e-12).fit(X, y)
    assert passes == [len(X)]
    assert still.n_iter_ == len(still.history_["loss"]) == 5
    np.testing.assert_allclose(values(still, "hidden")[0], initial(still, "hidden")[0], atol=1e-6)
    assert np.abs(values(still, "softmax")[0] - initial(still, "softmax")[0]).max() > 1e-3
    moved = CNNClassifier(**settings, fine_tune_rate=1.0).fit(X, y)
    assert np.abs(values(moved, "hidden")[0] - initial(moved, "hidden")[0]).max() > 1e-4
    assert moved.history_["loss"][:2] == still.history_["loss"][:2]


def test_a_lower_rate_is_that_share_of_the_optimizers(digits):
    X, y = digits
    settings = {**FAST, "model__frozen": False, "head_epochs": 1, "epochs": 1, "optimizer": "sgd", "batch_size": 360}
    steps = {}
    for share in (0.1, 0.2):
        clf = CNNClassifier(**settings, fine_tune_rate=share).fit(X, y)
        steps[share] = values(clf, "hidden")[0] - initial(clf, "hidden")[0]
    np.testing.assert_allclose(2 * steps[0.1], steps[0.2], rtol=1e-2, atol=1e-6)


def test_a_rate_that_is_a_schedule_cannot_be_multiplied(digits, passes):
    X, y = digits
    course = keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.9)
    clf = CNNClassifier(model=trunk, head_epochs=1, epochs=1, optimizer=keras.optimizers.SGD(course))
    with pytest.raises(ValueError, match="fine_tune_rate"):
        clf.fit(X, y)
    assert passes == []
    clf.set_params(fine_tune_rate=1).fit(X, y)


def test_all_heads_of_one_vs_rest_learn_from_one_pass(digits, passes):
    X, y = digits
    joint = OneVsRestCNNClassifier(CNNClassifier(**FAST)).fit(X, y)
    assert passes == [len(X)]
    independent = OneVsRestCNNClassifier(CNNClassifier(**FAST), strategy="independent").fit(X, y)
    assert passes == [len(X)] * 11
    for estimator in (*joint.estimators_, *independent.estimators_):
        assert np.array_equal(values(estimator, "hidden")[0], initial(joint.estimators_[0], "hidden")[0])
    heads = [values(estimator, "softmax")[0] for estimator in joint.estimators_[:2]]
    assert not np.array_equal(*heads)


def test_features_are_kept_on_request_by_content(digits, passes, tmp_path):
    X, y = digits
    clf = CNNClassifier(**FAST, feature_cache=tmp_path / "features")
    first = clf.fit(X, y).predict_proba(X)
    assert len(list((tmp_path / "features").iterdir())) == 1
    again = clone(clf).set_params(loss="focal", loss__gamma=0.0).fit(X, y)
    assert passes == [len(X)]
    assert np.array_equal(clone(clf).fit(X, y).predict_proba(X), first)
    assert passes == [len(X)]
    clone(again).fit(X[:300], y[:300])
    clone(again).set_params(random_state=1).fit(X, y)
    assert passes == [len(X), 300, len(X)]
    assert len(list((tmp_path / "features").iterdir())) == 3


def test_damaged_features_are_computed_again(digits, passes, tmp_path):
    X, y = digits
    clf = CNNClassifier(**FAST, feature_cache=str(tmp_path))
    first = clf.fit(X, y).predict_proba(X)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    for damaged in (whole[:middle], whole[:middle] + bytes([whole[middle] ^ 64]) + whole[middle + 1 :]):
        file.write_bytes(damaged)
        assert np.array_equal(clf.fit(X, y).predict_proba(X), first)
        assert len(file.read_bytes()) == len(whole)
    assert passes == [len(X)] * 3


def test_another_graph_of_the_same_layers_has_features_of_its_own(digits, passes, tmp_path):
    X, y = digits
    clf = CNNClassifier(**FAST, feature_cache=tmp_path).fit(X, y)
    clf.set_params(model__add="hidden").fit(X, y)
    clf.set_params(model__add="norm").fit(X, y)
    assert passes == [len(X)] * 3
    # Built anew, layers have other names.
    clear_programs()
    clf.fit(X, y)
    assert passes == [len(X)] * 3


def test_a_cache_that_cannot_be_is_refused_before_anything_is_computed(digits, passes, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="feature_cache"):
        CNNClassifier(**FAST, feature_cache=tmp_path / "file").fit(*digits)
    assert passes == []


def test_features_that_cannot_be_kept_are_used_all_the_same(digits, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_whole", full)
    clf = CNNClassifier(**FAST, feature_cache=tmp_path).fit(*digits)
    assert clf.n_iter_ == 3
    assert not any(tmp_path.iterdir())


def test_going_on_has_no_head_epochs(digits, passes):
    X, y = digits
    clf = CNNClassifier(**FAST, head_epochs=2, model__frozen=False, warm_start=True).fit(X, y)
    assert clf.fit(X, y).n_iter_ == 2 + 3 + 3
    assert passes == [len(X)]
    parts = CNNClassifier(**FAST, head_epochs=2).partial_fit(X, y, classes=range(10)).partial_fit(X, y)
    assert parts.n_iter_ == 2
    assert parts.history_["loss"][1] < parts.history_["loss"][0]


def test_early_stopping_keeps_the_best_head(digits):
    X, y = digits
    settings = {**FAST, "fine_tune_rate": 1, "optimizer": "sgd", "optimizer__learning_rate": 300.0}
    clf = CNNClassifier(**{**settings, "epochs": 8}, early_stopping=True, n_iter_no_change=1).fit(X, y)
    losses = clf.history_["val_loss"]
    assert clf.n_iter_ == len(losses) < 8
    best = int(np.argmin(losses)) + 1
    assert best < clf.n_iter_
    shorter = CNNClassifier(**{**settings, "epochs": best}, validation_fraction=0.1).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), shorter.predict_proba(X))


def test_early_stopping_keeps_the_head_where_all_that_follows_is_worse(digits):
    X, y = digits
    clf = CNNClassifier(**FAST, model__frozen=False, head_epochs=4, early_stopping=True, fine_tune_rate=1e3).fit(X, y)
    head, rest = clf.history_["val_loss"][:4], clf.history_["val_loss"][4:]
    assert min(head) < min(rest)
    np.testing.assert_array_equal(values(clf, "hidden")[0], initial(clf, "hidden")[0])


def test_a_head_that_fails_leaves_the_fitted_network_alone(digits):
    X, y = digits
    clf = CNNClassifier(**FAST).partial_fit(X, y, classes=range(10))
    before = clf.predict_proba(X)
    with pytest.raises(NonFiniteLossError):
        clf.set_params(optimizer__learning_rate=1e38).partial_fit(X, y)
    assert np.array_equal(clf.predict_proba(X), before)


def test_a_network_that_cannot_be_cut_has_no_head_epochs(digits):
    X, y = digits

    def two_ways(meta):
        pixels = keras.Input(meta["image_shape_"])
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
        x = keras.layers.Add()([keras.layers.Dense(meta["n_classes_"])(x), keras.layers.Dense(meta["n_classes_"])(x)])
        return keras.Model(pixels, keras.layers.Softmax()(x))

    with pytest.raises(NetworkError, match="cannot be cut"):
        CNNClassifier(two_ways, head_epochs=1, epochs=1).fit(X, y)
    CNNClassifier(two_ways, epochs=1).fit(X, y)


def test_progress_shows_the_phase(digits):
    X, y = digits
    shown = io.StringIO()
    with redirect_stderr(shown):
        CNNClassifier(**FAST, head_epochs=1, model__frozen=False, verbose=1).fit(X, y)
    assert "all layers, epoch 4/4" in shown.getvalue()


def test_lines_in_a_log_say_how_far_the_features_are(digits, monkeypatch):
    monkeypatch.setattr(progress_lines, "SECONDS_APART", 0.0)
    shown = io.StringIO()
    with redirect_stderr(shown):
        CNNClassifier(**FAST, verbose=1).fit(*digits)
    assert shown.getvalue().startswith("features of 360/360 images: 0%\nhead, epoch 1/3: ")
