"""Folders of photographs, archives and tables, split for a report."""

import shutil

import numpy as np
import pandas as pd
import pytest
from photographs import write_photographs
from PIL import Image

from sk_cifar_ovr import ImageFiles
from sk_cifar_ovr._shared.lazy_arrays import LazyArray
from sk_cifar_ovr.exceptions import DatasetError
from sk_cifar_ovr.report import ImageOptions, LabelTable, load_train_test_split


def load(path, **options):
    table = options.pop("table", None)
    return load_train_test_split(str(path), seed=0, verbose=0, options=ImageOptions(**options), table=table)


def test_photographs_of_different_sizes_are_brought_to_one(tmp_path):
    data = load(write_photographs(tmp_path / "photos"))
    assert data.X_train.shape == (16, 32, 32, 3)
    assert data.X_test.shape == (4, 32, 32, 3)
    assert data.note == (
        "Images of 5 different sizes are brought to 32x32 (crop); choose another size with --image-size."
    )
    assert data.reading == {"image_size": [32, 32], "fit": "crop", "sixteen_bit": "refuse"}
    assert sorted(data.y_test) == [0, 0, 1, 1]


def test_archives_of_photographs_too(tmp_path):
    write_photographs(tmp_path / "photos", n=5)
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "photos")
    data = load(tmp_path / "packed.zip")
    assert data.X_train.shape == (8, 32, 32, 3)
    assert "different sizes" in data.note


@pytest.mark.parametrize(("side", "kept"), [(40, True), (160, False)])
def test_images_of_one_size_are_kept_unless_they_are_large(tmp_path, side, kept):
    data = load(write_photographs(tmp_path / "photos", n=5, sizes=((side, side),)))
    expected = side if kept else 96
    assert data.X_train.shape[1:3] == (expected, expected)
    assert data.note == (
        "" if kept else "Images of 160x160 pixels are brought to 96x96 (crop); choose another size with --image-size."
    )


def test_wishes_are_followed(tmp_path):
    root = write_photographs(tmp_path / "photos", n=5)
    data = load(root, image_size=(20, 24), fit="pad", lazy=True)
    assert isinstance(data.X_train, ImageFiles)
    assert isinstance(data.X_test, ImageFiles)
    assert data.X_train.shape == (8, 20, 24, 3)
    assert data.note == ""
    in_memory = load(root, image_size=(20, 24), fit="pad")
    np.testing.assert_array_equal(np.asarray(data.X_test), in_memory.X_test)


def test_cached_images_are_not_copied_into_memory(tmp_path):
    root = write_photographs(tmp_path / "photos", n=5)
    data = load(root, cache=tmp_path / "cache")
    assert isinstance(data.X_train, LazyArray)
    np.testing.assert_array_equal(np.asarray(data.X_train), load(root).X_train)


@pytest.mark.parametrize(
    ("parts", "sizes", "told"),
    [
        (("train", "val", "test"), (20, 10), "its own test part; the 10 images for validation are trained on"),
        (("Training", "Validation"), (10, 10), "its validation part is the test part"),
        (("train", "test"), (10, 10), "its own test part"),
    ],
)
def test_validation_part_is_trained_on_if_there_is_a_test_part(tmp_path, parts, sizes, told):
    data = load(write_photographs(tmp_path / "photos", n=5, parts=parts))
    assert (len(data.X_train), len(data.X_test)) == sizes
    assert data.origin == f"photos; {told}"


@pytest.fixture
def table(tmp_path):
    """40 images with three labels each, of which some are not known."""
    rng = np.random.default_rng(0)
    labels = pd.DataFrame(rng.integers(0, 2, (40, 3)), columns=["a", "b", "c"]).astype(float)
    labels = labels.mask(rng.random(labels.shape) < 0.2)
    labels.insert(0, "file", [f"{i}.png" for i in range(40)])
    labels["kind"] = np.where(np.arange(40) % 4, "often", "rare")
    for name in labels["file"]:
        Image.new("L", (8, 8)).save(tmp_path / name)
    labels.to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path / "labels.csv"


def test_several_label_columns_are_a_matrix(table):
    data = load(table, table=LabelTable("file", ["a", "b", "c"]))
    assert data.multilabel
    assert data.X_train.shape == (40 - len(data.X_test), 8, 8, 1)
    assert 6 <= len(data.X_test) <= 10
    assert np.isnan(data.y_train).any()
    assert data.as_labels(data.y_train).columns.tolist() == ["a", "b", "c"]
    shares = [np.nanmean(y, axis=0) for y in (data.y_train, data.y_test)]
    np.testing.assert_allclose(*shares, atol=0.2)


def test_one_label_column_is_plain_labels(table):
    data = load(table, table=LabelTable("file", "kind"))
    assert data.as_labels(data.y_test).tolist().count("rare") == 2
    assert len(data.y_test) == 8


def test_table_with_images_of_different_sizes(table):
    Image.new("L", (70, 80)).save(table.parent / "3.png")
    data = load(table, table=LabelTable("file", "kind"))
    assert data.X_train.shape[1:] == (32, 32, 1)
    assert data.note.startswith("Images of 2 different sizes are brought to 32x32 (crop)")


@pytest.mark.parametrize("lazy", [False, True])
def test_files_of_a_table_that_cannot_be_read_are_left_out_on_request(table, lazy):
    (table.parent / "3.png").unlink()
    (table.parent / "4.png").write_bytes(b"no picture")
    moved = table.rename(table.parent.parent / "elsewhere.csv")
    data = load(moved, table=LabelTable("file", "kind", root=table.parent), on_error="skip", lazy=lazy)
    assert len(data.X_train) + len(data.X_test) == 38
    assert data.skipped_note == "2 files were left out: '3.png', '4.png'."


def test_many_files_that_are_left_out_are_counted(table):
    for i in range(5):
        (table.parent / f"{i}.png").unlink()
    data = load(table, table=LabelTable("file", "kind"), on_error="skip")
    assert data.skipped_note == "5 files were left out: '0.png', '1.png', '2.png' and 2 others."


def test_table_without_its_columns_is_refused(table):
    with pytest.raises(DatasetError, match="--path-column and --label-columns"):
        load(table)


def test_built_in_data_take_no_options_of_files():
    with pytest.raises(ValueError, match="digits is not read from a folder"):
        load("digits", lazy=True)
