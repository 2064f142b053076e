"""The layout of folders: order, parts, classes, and layouts that are refused."""

import shutil
import tarfile

import numpy as np
import pytest
from image_sources import KINDS, NAMES, expect_error, pack, pixels, read_folder, write


def test_order_is_by_class_then_natural(plain):
    data = read_folder(plain)
    expected = [pixels(seed) for seed in (1, 2, 10, 101, 102, 110)]
    np.testing.assert_array_equal(data.images, expected)
    assert data.target.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.filenames[:3] == ["cat/1.png", "cat/2.png", "cat/10.png"]
    assert data.target.dtype == np.int64
    assert data.skipped == []


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "bus"):
        write(tmp_path / name / "1.png", pixels(0))
    assert read_folder(tmp_path).target_names == ["bus", "train"]


def test_a_class_of_which_all_is_skipped(plain):
    for file in (plain / "dog").iterdir():
        file.write_bytes(b"")
    expect_error("'dog'", plain, on_error="skip")
    for file in (plain / "cat").iterdir():
        file.write_bytes(b"")
    expect_error("can be read", plain, on_error="skip")


def test_skipping_keeps_the_split_right(split):
    (split / "train/cat/0.png").write_bytes(b"")
    data = read_folder(split, subset="all", on_error="skip")
    assert (data.n_train, len(data.images)) == (3, 5)
    (split / "train/cat/1.png").write_bytes(b"")
    expect_error("'cat'", split, subset="all", on_error="skip")


@pytest.mark.parametrize("ending", ["", *KINDS])
def test_empty_class_folder(plain, ending):
    (plain / "emu").mkdir()
    expect_error("'emu'", pack(plain, ending) if ending else plain)


@pytest.mark.parametrize("top", ["", "photos"])
@pytest.mark.parametrize("ending", KINDS)
def test_one_class_only(plain, ending, top):
    shutil.rmtree(plain / "dog")
    expect_error("only one class, 'cat'", plain)
    expect_error("only one class, 'cat'", pack(plain, ending, top=top))


def test_no_images(tmp_path):
    (tmp_path / "void/cat").mkdir(parents=True)
    for path in (tmp_path / "void", pack(tmp_path / "void", ".zip"), pack(tmp_path / "void", ".tar")):
        expect_error("no images", path)


def test_images_outside_of_classes(plain):
    write(plain / "stray.png", pixels(0))
    expect_error("stray.png", plain)
    expect_error("<class>/<image>", pack(plain, ".tar"))


@pytest.mark.parametrize("stray", ["extra/cat/1.png", "extra/1.png", "train/1.png", "1.png"])
def test_images_beside_the_parts(split, stray):
    write(split / stray, pixels(0))
    expect_error("belongs to no class", split)


@pytest.mark.parametrize("ending", ["", *KINDS])
def test_nested_folders_count_to_their_class(plain, ending):
    write(plain / "cat/siamese/young/7.png", pixels(7))
    (plain / "cat/empty").mkdir()
    data = read_folder(pack(plain, ending) if ending else plain)
    np.testing.assert_array_equal(data.images[3], pixels(7))
    assert data.filenames[3] == "cat/siamese/young/7.png"
    assert data.target.tolist() == [0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "names", [("Training", "VAL", "testing"), ("TRAIN", "valid", "Test"), ("train", "Validation", "test")]
)
@pytest.mark.parametrize("ending", ["", ".zip", ".tar"])
def test_three_parts_of_any_name(tmp_path, names, ending):
    for first, part in zip((0, 20, 40), names, strict=True):
        for seed, name in ((first, "cat"), (first + 1, "dog")):
            write(tmp_path / "data" / part / name / "deeper/0.png", pixels(seed))
    path = pack(tmp_path / "data", ending, top="outer") if ending else tmp_path / "data"
    whole = read_folder(path, subset="all")
    np.testing.assert_array_equal(whole.images, [pixels(seed) for seed in (0, 1, 20, 21, 40, 41)])
    assert (whole.n_train, whole.n_val) == (2, 2)
    validation = read_folder(path, subset="val")
    np.testing.assert_array_equal(validation.images, [pixels(20), pixels(21)])
    assert (validation.n_train, validation.n_val) == (0, 2)
    assert validation.target_names == NAMES
    train = read_folder(path)
    assert (len(train.images), train.n_train, train.n_val) == (2, 2, 0)


def test_validation_without_test(split):
    (split / "test").rename(split / "val")
    whole = read_folder(split, subset="all")
    assert (whole.n_train, whole.n_val, len(whole.images)) == (4, 2, 6)
    expect_error("no part 'test', only 'train' and 'val'", split, subset="test")
    (split / "val").rename(split / "test")
    assert read_folder(split).n_val is None


def test_two_folders_of_one_part(split):
    write(split / "Testing/cat/1.png", pixels(0))
    expect_error("several folders of one part: Testing, test", split)


@pytest.mark.parametrize("subset", [None, "train", "test", "all"])
@pytest.mark.parametrize("part", ["test", "val"])
def test_a_class_that_train_lacks(split, part, subset):
    (split / "test").rename(split / part)
    (split / part / "dog").rename(split / part / "emu")
    assert "['emu']" in expect_error(f"different classes in train and {part}", split, subset=subset)


@pytest.mark.parametrize("empty", [False, True])
def test_a_rare_class_may_be_in_train_alone(split, empty):
    shutil.rmtree(split / "test/dog")
    if empty:
        (split / "test/dog").mkdir()
    test = read_folder(split, subset="test")
    assert test.target.tolist() == [0]
    assert test.target_names == NAMES
    assert read_folder(split, subset="all", on_error="skip").target.tolist() == [0, 0, 1, 1, 0]


def test_a_file_twice_in_a_tar(plain):
    path = pack(plain, ".tar")
    with tarfile.open(path, "a") as archive:
        archive.add(plain / "cat/1.png", "cat/1.png")
    expect_error("twice", path)
