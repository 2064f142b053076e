"""Data augmentation, and the parameters of the estimators that turn it on."""

import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier
from sk_cifar_ovr._shared.variables import to_numpy
from sk_cifar_ovr.augment import RandomFlipShift
from sk_cifar_ovr.exceptions import UnknownParameterError


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (64, 12, 10, 3)).astype("float32")


def changed(layer, images):
    return to_numpy(layer(images, training=True))


def test_only_in_training(images):
    layer = RandomFlipShift(shift=3, cutout=4, seed=0)
    np.testing.assert_array_equal(to_numpy(layer(images)), images)


def test_every_pixel_comes_from_the_image(images):
    shifted = changed(RandomFlipShift(shift=4, seed=0), images)
    for before, after in zip(images, shifted, strict=True):
        assert set(map(tuple, after.reshape(-1, 3))) <= set(map(tuple, before.reshape(-1, 3)))
    assert not np.array_equal(shifted, images)


def test_shift_must_leave_something_to_reflect(images):
    changed(RandomFlipShift(shift=9, seed=0), images)
    with pytest.raises(ValueError, match="shift=10 is too much for images of 12x10"):
        changed(RandomFlipShift(shift=10, seed=0), images)


def test_alternating_flip_shows_both_sides_in_two_epochs(images):
    layer = RandomFlipShift(shift=0, flip="alternating", seed=0)
    epochs = []
    for epoch in range(3):
        layer.begin_epoch(epoch)
        epochs.append(changed(layer, images))
    np.testing.assert_array_equal(epochs[1], epochs[0][:, :, ::-1])
    np.testing.assert_array_equal(epochs[2], epochs[0])
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(epochs[0], images, strict=True)]
    assert 16 < sum(mirrored) < 48
    # Which images are mirrored depends on the image, not on its position in the batch.
    np.testing.assert_array_equal(changed(layer, images[::-1]), epochs[0][::-1])


def test_cutout_fills_one_square_with_the_mean(images):
    cut = changed(RandomFlipShift(shift=0, flip=False, cutout=4, seed=0), images)
    sizes = []
    for before, after in zip(images, cut, strict=True):
        hit = (before != after).any(axis=-1)
        rows, columns = hit.any(axis=1), hit.any(axis=0)
        assert hit.sum() == rows.sum() * columns.sum()
        np.testing.assert_allclose(after[hit], np.broadcast_to(before.mean(axis=(0, 1)), (hit.sum(), 3)), rtol=1e-5)
        sizes.append((rows.sum(), columns.sum()))
    assert max(sizes) == (4, 4)
    assert min(map(min, sizes)) >= 2


@pytest.mark.parametrize("wrong", [{"shift": -1}, {"cutout": -2}, {"flip": "sometimes"}])
def test_a_wrong_option_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RandomFlipShift(**wrong)


def test_options_are_parameters_of_the_estimator(digits):
    X, y = digits
    clf = CNNClassifier(model=dense, epochs=1, augment="flip_shift", augment__shift=3, random_state=0)
    given = CNNClassifier(model=dense, epochs=1, augment=RandomFlipShift(shift=3), random_state=0)
    other = CNNClassifier(model=dense, epochs=1, augment="flip_shift", random_state=0)
    losses = [each.fit(X, y).history_["loss"] for each in (clf, given, other)]
    assert losses[0] == losses[1] != losses[2]
    with pytest.raises(UnknownParameterError, match="did you mean 'shift'"):
        clf.set_params(augment__shifd=1).fit(X, y)
    with pytest.raises(UnknownParameterError, match="augment is None"):
        CNNClassifier(model=dense, epochs=1, augment__shift=3).fit(X, y)
    with pytest.raises(UnknownParameterError, match="instance"):
        given.set_params(augment__shift=2).fit(X, y)


def test_a_layer_is_told_which_epoch_begins(digits):
    X, y = digits
    told = []

    class Told(RandomFlipShift):
        def begin_epoch(self, epoch):
            told.append(epoch)

    clf = CNNClassifier(model=dense, epochs=2, augment=Told(), random_state=0).fit(X, y)
    clf.partial_fit(X, y)
    assert told == [0, 1, 2]


def test_a_recipe_yields_to_what_is_given():
    from sk_cifar_ovr.classifier.recipes import RECIPES, with_recipe

    plain = with_recipe(CNNClassifier(recipe="long"))
    assert plain.recipe is None
    assert RECIPES["long"].items() <= plain.get_params().items()
    own = with_recipe(CNNClassifier(recipe="long", augment=RandomFlipShift(1), optimizer="sgd")).get_params()
    assert own["schedule"] == "one_cycle"
    assert not [name for name in own if name.startswith(("augment__", "optimizer__"))]
    assert with_recipe(CNNClassifier(recipe="long", augment__shift=1)).get_params()["augment__shift"] == 1
    # Values that equal those of the recipe change nothing.
    same = with_recipe(CNNClassifier(recipe="long", optimizer="adamw", augment="flip_shift"))
    assert same.get_params() == plain.get_params()


def test_alternating_flip_halves_images_of_even_values(images):
    layer = RandomFlipShift(shift=0, flip="alternating", seed=0)
    for even in (images // 2 * 2, images // 16 * 16, images.repeat(2, axis=1).repeat(2, axis=2)):
        mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(changed(layer, even), even, strict=True)]
        assert 16 < sum(mirrored) < 48


@pytest.mark.parametrize("settings", [{"shift": 2.5}, {"shift": "2"}, {"cutout": 2.5}, {"cutout": -1}, {"shift": None}])
def test_pixels_are_whole_numbers(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"{name}=.* whole number"):
        RandomFlipShift(**settings)
