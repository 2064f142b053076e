"""Datasets of Hugging Face by a stand-in, for where the library is absent, and labels that only they have."""

from types import SimpleNamespace

import numpy as np
import pytest

from sk_cifar_ovr.datasets import read_images
from sk_cifar_ovr.datasets.examples import target_of
from sk_cifar_ovr.exceptions import DatasetError

IMAGES = np.arange(3 * 4, dtype="uint8").reshape(3, 2, 2, 1)


class Image:
    """The feature of a column of images."""


class StandIn:
    """Rows as dicts and features by column, as datasets.Dataset has them."""

    __module__ = "datasets.arrow_dataset"

    def __init__(self, features, rows):
        self.features, self.rows = features, rows

    def __iter__(self):
        return iter(self.rows)

    def map(self, function):
        raise NotImplementedError


class Sized(StandIn):
    __module__ = "datasets.arrow_dataset"

    def __len__(self):
        return len(self.rows)


def rows(**columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


CLASSES = SimpleNamespace(names=["cat", "dog"])


@pytest.mark.parametrize("kind", [StandIn, Sized])
def test_features_tell_which_columns_are_images_and_classes(kind):
    source = kind({"photo": Image(), "kind": CLASSES, "id": object()}, rows(photo=IMAGES, kind=[1, 0, 1], id="abc"))
    data = read_images(source)
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.target.tolist() == [1, 0, 1]
    assert data.target_names == ["cat", "dog"]
    assert "dataset of Hugging Face" in data.DESCR


def test_names_of_columns_tell_it_otherwise():
    data = read_images(Sized({"img": object(), "target": object()}, rows(img=IMAGES, target=[4, 5, 6])))
    assert data.target.tolist() == [4, 5, 6]
    assert data.target_names is None
    assert read_images(Sized({"img": object()}, rows(img=IMAGES))).target is None
    # A stream may not know its features.
    assert read_images(StandIn(None, rows(image=IMAGES, label=[0, 1, 0]))).target.tolist() == [0, 1, 0]


def test_of_several_columns_the_usual_names_are_taken():
    features = {"mask": Image(), "image": Image(), "coarse": CLASSES, "label": CLASSES}
    columns = {"mask": IMAGES[::-1], "image": IMAGES, "coarse": [0, 0, 0], "label": [1, 0, 1]}
    data = read_images(Sized(features, rows(**columns)))
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.target.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"left": Image(), "right": Image()}, "several columns of images: 'left', 'right'"),
        ({"image": Image(), "coarse": CLASSES, "fine": CLASSES}, "several columns of classes: 'coarse', 'fine'"),
        ({"text": object()}, "None of the columns 'text' holds images"),
    ],
)
def test_columns_that_do_not_tell(features, message):
    with pytest.raises(DatasetError, match=message):
        read_images(Sized(features, []))


def test_a_dataset_of_parts_has_one_chosen():
    class DatasetDict(dict):
        __module__ = "datasets.dataset_dict"

    with pytest.raises(DatasetError, match=r"has the parts 'train', 'test': pass one, source\['train'\]"):
        read_images(DatasetDict(train=[], test=[]))


def test_numbers_beyond_the_names_have_no_names():
    target, names = target_of([0, 1, 2], ["cat", "dog"])
    assert (target.tolist(), names) == ([0, 1, 2], None)
    assert target_of([-1, -1], ["cat", "dog"]) == (None, ["cat", "dog"])
    with pytest.raises(DatasetError, match=r"The label of image 1, -1, is no number of a class; .*'cat', 'dog'"):
        target_of([0, -1], ["cat", "dog"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[0, 1], [0, 1, 1]], "Labels differ in shape"),
        ([[["a"]], [["b"], ["c"]]], "Labels differ in shape|neither numbers or names"),
        ([np.zeros((2, 2)), np.ones((2, 2))], "neither numbers or names"),
        ([["a", "b"], ["c", "d"]], "neither numbers or names"),
        ([1j, 2j], "neither numbers or names"),
    ],
)
def test_labels_of_other_shapes_and_kinds(labels, message):
    with pytest.raises(DatasetError, match=message):
        target_of(labels, None)
