"""The `subset` parameter, the same in all loaders."""

import shutil

import numpy as np
import pytest
from image_sources import KINDS, pack, pixels, read_folder

from sk_cifar_ovr import fetch_cifar10, load_digit_images
from sk_cifar_ovr.exceptions import DatasetError


@pytest.mark.parametrize("read", [load_digit_images, lambda s: fetch_cifar10(subset=s)])
def test_unknown_subset_is_refused(read):
    with pytest.raises(ValueError, match="'validation'"):
        read("validation")


@pytest.mark.parametrize("ending", ["", *KINDS])
@pytest.mark.parametrize(
    ("subset", "seeds", "n_train"),
    [
        (None, [0, 1, 100, 101], 4),
        ("train", [0, 1, 100, 101], 4),
        ("test", [50, 150], 0),
        ("all", [0, 1, 100, 101, 50, 150], 4),
    ],
)
def test_subsets_of_a_split_source(split, ending, subset, seeds, n_train):
    data = read_folder(pack(split, ending) if ending else split, subset=subset)
    np.testing.assert_array_equal(data.images, [pixels(seed) for seed in seeds])
    np.testing.assert_array_equal(data.target, np.array(seeds) >= 100)
    assert data.n_train == n_train


@pytest.mark.parametrize("subset", ["train", "test"])
def test_parts_of_an_unsplit_source_are_refused(plain, subset):
    assert len(read_folder(plain, subset="all").images) == 6
    with pytest.raises(DatasetError, match="not split"):
        read_folder(plain, subset=subset)


def test_a_training_part_alone(split):
    shutil.rmtree(split / "test")
    assert len(read_folder(split, subset="all").images) == 4
    assert read_folder(split).n_train is None
    with pytest.raises(DatasetError, match="no part 'test'"):
        read_folder(split, subset="test")
