"""What "auto" chooses, and that nothing given by the user is changed by it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, load_digit_images, save
from sk_cifar_ovr.classifier.recipes import RECIPES, with_recipe
from sk_cifar_ovr.classifier.recipes._automatic import automatic_batch_size, automatic_epochs
from sk_cifar_ovr.classifier.recipes._mirroring import may_mirror

DIGITS = load_digit_images()


def blobs(n=40, side=8):
    """Bright or dark images, which a mirror does not change."""
    y = np.arange(n) % 2
    X = np.random.default_rng(0).integers(0, 100, (n, side, side, 1)) + 100 * y[:, None, None, None]
    return X.astype("uint8"), y


def settings_of(clf):
    return with_recipe(clf)


def test_more_images_are_drawn_more_often_in_all_and_each_less_often():
    sizes = np.array([50, 200, 1000, 1001, 5000, 50_000, 10**6])
    epochs = np.array([automatic_epochs(n, 32) for n in sizes])
    assert (np.diff(epochs) <= 0).all()
    assert (np.diff(epochs * sizes) > -1000).all()
    assert epochs[-1] >= 1
    assert automatic_epochs(1000, side=8) < automatic_epochs(1000, side=32)
    assert automatic_epochs(1000, side=32, n_networks=10) < automatic_epochs(1000, side=32)


def test_batches_leave_steps():
    for n in (20, 1000, 3200, 20_000):
        assert automatic_batch_size(n) in (16, 32, 64, 128)
        assert n < 1600 or n / automatic_batch_size(n) >= 100


@pytest.mark.parametrize("n", [50, 200])
@pytest.mark.parametrize("seed", range(3))
def test_digits_are_not_mirrored(n, seed):
    rows = np.random.default_rng(seed).permutation(len(DIGITS.images))[:n]
    assert not may_mirror(DIGITS.images[rows], DIGITS.target[rows])


def test_one_class_that_a_mirror_changes_is_enough():
    """Eight classes by brightness, and two that are one another's mirror image."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 10
    X = rng.integers(0, 40, (400, 16, 16, 3)) + 20 * np.minimum(y, 8)[:, None, None, None]
    X[y == 8, :, :8] += 40
    X[y == 9, :, 8:] += 40
    X = X.astype("uint8")
    assert not may_mirror(X, y)
    assert may_mirror(X[y < 8], y[y < 8])


def test_images_that_a_mirror_does_not_change_are_mirrored():
    X, y = blobs(200)
    assert may_mirror(X, y)
    # Too few to tell.
    assert may_mirror(DIGITS.images[:7], DIGITS.target[:7])


def test_label_matrices_with_unknown_entries_tell_too():
    labels = (DIGITS.target[:300, None] == np.arange(10)).astype("int8")
    labels[::7, 3] = -1
    assert not may_mirror(DIGITS.images[:300], labels)


def test_everything_is_chosen_and_told():
    X, y = DIGITS.images[:40], DIGITS.target[:40] % 2
    clf = CNNClassifier(dense, random_state=0).fit(X, y)
    # A network with which no recipe was measured.
    assert clf.recipe_ == {}
    assert clf.batch_size_ == 16
    assert clf.epochs_ == clf.n_iter_ == automatic_epochs(40, 8)
    assert clf.get_params()["epochs"] == "auto"
    assert not hasattr(clone(clf), "epochs_")


def test_the_recipe_fits_the_images():
    X, y = DIGITS.images[:100], DIGITS.target[:100]
    clf = CNNClassifier(epochs=1, batch_size=50, random_state=0).fit(X, y)
    assert clf.epochs_ == 1
    assert clf.batch_size_ == 50
    assert clf.recipe_["augment__shift"] == 1
    assert clf.recipe_["augment__flip"] is clf.recipe_["test_flip"] is False
    assert clf.network_.test_flip is False
    X, y = blobs(side=32)
    clf.fit(X, y)
    assert clf.recipe_["augment__shift"] == 4
    assert clf.network_.test_flip is clf.recipe_["augment__flip"] is True


def test_what_the_user_gives_is_taken():
    X, y = blobs()
    clf = CNNClassifier(
        epochs=2, optimizer="sgd", augment__shift=2, test_flip=False, schedule="cosine", random_state=0
    ).fit(X, y)
    given = settings_of(clf)
    assert (given.epochs, given.optimizer, given.schedule) == (2, "sgd", "cosine")
    assert given.get_params()["augment__shift"] == 2
    assert "optimizer__weight_decay" not in given.get_params()


def test_without_a_recipe_training_is_plain():
    X, y = blobs()
    plain = CNNClassifier(dense, epochs=2, batch_size=8, recipe=None, random_state=0).fit(X, y)
    same = CNNClassifier(dense, epochs=2, batch_size=8, recipe={}, random_state=0).fit(X, y)
    assert plain.recipe_ == {}
    np.testing.assert_array_equal(plain.predict_proba(X), same.predict_proba(X))


def test_a_recipe_is_repeated_by_its_dict():
    X, y = blobs()
    clf = CNNClassifier(epochs=2, random_state=0).fit(X, y)
    again = CNNClassifier(epochs=clf.epochs_, batch_size=clf.batch_size_, recipe=clf.recipe_, random_state=0).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), again.predict_proba(X))


@pytest.mark.parametrize("recipe", [{"epoch": 3}, {"optimizer__learnin_rate": 1e-3}, {"epochs": 0}])
def test_faults_in_a_recipe_are_named(recipe):
    X, y = blobs()
    with pytest.raises((ValueError, TypeError), match=next(iter(recipe))):
        CNNClassifier(dense, epochs="auto" if "epochs" in recipe else 1, recipe=recipe).fit(X, y)


def test_the_reference_is_one_word_away():
    X, y = blobs()
    clf = CNNClassifier(dense, recipe="reference", random_state=0).fit(X, y)
    assert (clf.epochs_, clf.batch_size_, clf.n_iter_) == (18, 128, 18)
    assert clf.recipe_ == RECIPES["reference"]
    assert settings_of(clf).loss == "focal"


def test_early_stopping_leaves_out_averaged_weights():
    X, y = blobs()
    clf = CNNClassifier(epochs=2, early_stopping=True, random_state=0).fit(X, y)
    assert "optimizer__use_ema" not in clf.recipe_


def test_flat_rows_are_not_augmented():
    X, y = blobs()
    flat = X.reshape(len(X), -1)
    assert "augment" not in CNNClassifier(epochs=1, random_state=0).fit(flat, y).recipe_
    assert "augment" in CNNClassifier(epochs=1, image_shape=(8, 8, 1), random_state=0).fit(flat, y).recipe_


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_one_vs_rest_chooses_once_for_all_tasks(strategy):
    X, y = DIGITS.images[:60], DIGITS.target[:60] % 3
    ovr = OneVsRestCNNClassifier(CNNClassifier(dense, random_state=0), strategy=strategy).fit(X, y)
    n_networks = 1 if strategy == "joint" else 3
    assert ovr.epochs_ == automatic_epochs(60, 8, n_networks)
    assert {(e.epochs_, e.batch_size_) for e in ovr.estimators_} == {(ovr.epochs_, 16)}
    assert all(len(e.history_["loss"]) == ovr.epochs_ for e in ovr.estimators_)
    assert ovr.estimator.epochs == "auto"


def test_each_fit_of_a_search_chooses():
    X, y = blobs(60)
    grid = GridSearchCV(CNNClassifier(dense, random_state=0), {"epochs": ["auto", 1]}, cv=2).fit(X, y)
    assert grid.best_estimator_.epochs_ in (automatic_epochs(60, 8), 1)
    search = GridSearchCV(CNNClassifier(dense, random_state=0), {"model__units": [4]}, cv=2)
    ovr = OneVsRestCNNClassifier(search, strategy="independent").fit(X, y)
    assert ovr.estimators_[0].epochs_ == automatic_epochs(60, 8)
    assert not hasattr(ovr, "epochs_")


def test_training_goes_on_with_the_choices_of_the_last_fit():
    X, y = blobs(80)
    clf = CNNClassifier(epochs=1, warm_start=True, random_state=0).fit(X, y)
    chosen = clf.recipe_
    clf.fit(X[:16], y[:16])
    assert clf.recipe_ == chosen
    assert clf.n_iter_ == 2
    fresh = CNNClassifier(random_state=0).partial_fit(X, y, classes=[0, 1])
    assert fresh.recipe_ == {}
    assert fresh.partial_fit(X[:20], y[:20]).n_iter_ == 2


@pytest.mark.parametrize("one_vs_rest", [False, True])
def test_choices_are_saved(tmp_path, one_vs_rest):
    X, y = blobs(40)
    clf = CNNClassifier(epochs=1, warm_start=True, random_state=0)
    fitted = (OneVsRestCNNClassifier(clf) if one_vs_rest else clf).fit(X, y)
    save(fitted, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert (loaded.epochs_, loaded.batch_size_, loaded.recipe_) == (1, 16, fitted.recipe_)
    np.testing.assert_array_equal(loaded.fit(X, y).predict_proba(X), fitted.fit(X, y).predict_proba(X))


def test_progress_tells_what_was_chosen(capsys):
    X, y = blobs()
    CNNClassifier(epochs=1, random_state=0, verbose=1).fit(X, y)
    told = capsys.readouterr().err
    assert "40 training images get" in told
    assert "shifts of up to 1 pixel" in told
    CNNClassifier(dense, epochs=1, batch_size=8, recipe=None, verbose=1).fit(X, y)
    assert "training images get" not in capsys.readouterr().err


def test_few_images_do_not_train_for_thousands_of_epochs():
    X, y = blobs(2)
    assert CNNClassifier(dense, random_state=0).fit(X, y).epochs_ <= 500


def test_a_call_of_partial_fit_is_one_epoch():
    X, y = blobs()
    clf = CNNClassifier(dense, random_state=0).partial_fit(X, y, classes=[0, 1])
    assert (clf.epochs_, clf.n_iter_) == (1, 1)


def test_a_recipe_holds_no_recipe():
    X, y = blobs()
    with pytest.raises(ValueError, match="names a recipe in a recipe"):
        CNNClassifier(dense, epochs=1, recipe={"recipe": "strong"}).fit(X, y)


def test_partial_fit_on_one_image_keeps_the_statistics_of_the_fit():
    X, y = DIGITS.images, DIGITS.target
    clf = CNNClassifier(model__filters=(8, 8, 16), epochs=8, recipe=None, batch_size=16, random_state=0)
    clf.fit(X[:300], y[:300])
    before = clf.score(X[900:], y[900:])
    clf.partial_fit(X[300:301], y[300:301])
    assert clf.score(X[900:], y[900:]) > before - 0.1
