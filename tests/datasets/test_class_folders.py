"""The layout of folders: order, parts, classes, and layouts that are refused."""

import shutil
import tarfile

import numpy as np
import pytest
from image_sources import KINDS, expect_error, pack, pixels, read_folder, write


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


@pytest.mark.parametrize("stray", ["stray.png", "cat/siamese/stray.png"])
def test_images_outside_of_classes(plain, stray):
    write(plain / stray, pixels(0))
    expect_error(stray, plain)
    expect_error("<class>/<image>", pack(plain, ".tar"))


def test_a_third_part(split):
    write(split / "val/cat/1.png", pixels(0))
    expect_error("belongs to no class", split)


def test_different_classes_in_train_and_test(split):
    (split / "test/dog").rename(split / "test/emu")
    for subset in (None, "train", "test", "all"):
        message = expect_error("different classes", split, subset=subset)
        assert "['dog']" in message
        assert "['emu']" in message


def test_a_file_twice_in_a_tar(plain):
    path = pack(plain, ".tar")
    with tarfile.open(path, "a") as archive:
        archive.add(plain / "cat/1.png", "cat/1.png")
    expect_error("twice", path)
