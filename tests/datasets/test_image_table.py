"""`load_image_table`: paths and labels in a data frame or a CSV file."""

import os

import numpy as np
import pandas as pd
import pytest
from image_sources import pixels, write
from PIL import Image

from sk_cifar_ovr import ImageFiles, load_image_table
from sk_cifar_ovr.exceptions import DatasetError

NAMES = ["b/2.png", "a/10.png", "a/1.png", "c.png"]


@pytest.fixture
def photos(tmp_path):
    for seed, name in enumerate(NAMES):
        write(tmp_path / "photos" / name, pixels(seed))
    return tmp_path / "photos"


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "file": NAMES,
            "kind": ["cat", "dog", "cat", "eel"],
            "wet": [0, 0, 0, 1],
            "young": [1, None, 0, None],
        },
        index=[10, 11, 12, 13],
    )


def load(frame, labels="kind", **options):
    return load_image_table(frame, path_column="file", label_columns=labels, verbose=0, **options)


def refused(match, frame, labels="kind", kind=DatasetError, **options):
    with pytest.raises(kind, match=match) as caught:
        load(frame, labels, **options)
    return str(caught.value)


def test_one_label_column(frame, photos):
    before = frame.copy()
    data = load(frame, root=photos)
    np.testing.assert_array_equal(data.images, [pixels(seed) for seed in range(4)])
    assert data.target.tolist() == [0, 1, 0, 2]
    assert data.target.dtype == np.int64
    assert data.target_names == ["cat", "dog", "eel"]
    assert data.filenames == NAMES
    assert data.rows.tolist() == [0, 1, 2, 3]
    assert (data.n_train, data.n_val, data.skipped) == (None, None, [])
    assert data.reading == {"image_size": None, "fit": "crop", "sixteen_bit": "refuse"}
    pd.testing.assert_frame_equal(frame, before)


def test_several_label_columns(frame, photos):
    data = load(frame, ["wet", "young"], root=photos)
    np.testing.assert_array_equal(data.target, [[0, 1], [0, np.nan], [0, 0], [1, np.nan]])
    assert data.target.dtype == np.float32
    assert data.target_names == ["wet", "young"]
    frame["young"] = ["true", "FALSE", " 1 ", 0.0]
    data = load(frame, ["young", "wet"], root=photos)
    assert data.target.tolist() == [[1, 0], [0, 0], [1, 0], [0, 1]]
    assert data.target.dtype == np.int8


@pytest.mark.parametrize("dtype", [bool, "boolean", "Int64", "float32", object, "category", str])
def test_cells_of_any_type(frame, photos, dtype):
    frame["wet"] = frame["wet"].astype(dtype)
    assert load(frame, ["wet", "young"], root=photos).target[:, 0].tolist() == [0, 0, 0, 1]
    assert load(frame, "wet", root=photos).target.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_a_csv_file_is_beside_its_images(frame, photos, ending, monkeypatch):
    path = photos / f"labels{ending}"
    frame.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    monkeypatch.chdir("/")
    for source in (path, str(path)):
        data = load(source, ["wet", "young"])
        np.testing.assert_array_equal(data.images, load(frame, root=photos).images)
        np.testing.assert_array_equal(data.target, load(frame, ["wet", "young"], root=photos).target)
    assert load(path).target_names == ["cat", "dog", "eel"]
    monkeypatch.chdir(photos)
    assert len(load(frame).images) == 4


def test_cells_of_a_csv_file_stay_as_they_are_written(photos):
    for seed, name in enumerate(["001", "2", "NA"]):
        write(photos / f"{name}.png", pixels(seed))
        (photos / f"{name}.png").rename(photos / name)
    (photos / "labels.csv").write_text("file,kind\n001,010\n2,NA\nNA,9\n2,None\n")
    data = load(photos / "labels.csv")
    assert data.target_names == ["9", "010", "NA", "None"]
    assert data.target.tolist() == [1, 2, 0, 3]
    assert data.filenames == ["001", "2", "NA", "2"]


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX systems alone")
def test_a_csv_file_and_names_that_are_not_utf8(photos):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (photos / "c.png").rename(photos / name)
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    (photos / "labels.csv").write_bytes(b"file,kind\ncaf\xe9.png,\xe9t\xe9\na/1.png,hiver\n")
    data = load(photos / "labels.csv")
    np.testing.assert_array_equal(data.images, [pixels(3), pixels(2)])
    "".join([*data.target_names, data.DESCR]).encode()


def test_absolute_paths_and_path_objects(frame, photos):
    frame["file"] = [photos / name for name in NAMES]
    np.testing.assert_array_equal(load(frame).images, load(frame, root="/nowhere").images)


def test_lazy_and_cached(frame, photos, tmp_path):
    for seed, name in enumerate(NAMES):
        Image.fromarray(pixels(seed)).resize((30 + seed, 20)).save(photos / name)
    options = {"root": photos, "image_size": (8, 8), "fit": "pad"}
    whole = load(frame, **options)
    lazy = load(frame, lazy=True, **options)
    cached = load(frame, cache=tmp_path / "cache", **options)
    assert isinstance(lazy.images, ImageFiles)
    assert isinstance(cached.images, np.memmap)
    for data in (lazy, cached):
        np.testing.assert_array_equal(data.images, whole.images)
        assert data.reading == whole.reading == {"image_size": [8, 8], "fit": "pad", "sixteen_bit": "refuse"}
    assert lazy.images.paths == [str(photos / name) for name in NAMES]


def test_sha256_is_of_images_and_labels(frame, photos):
    first = load(frame, root=photos).sha256
    assert load(frame, root=photos).sha256 == first
    frame.loc[10, "kind"] = "eel"
    assert load(frame, root=photos).sha256 != first


@pytest.mark.parametrize("lazy", [False, True])
def test_skipped_rows(frame, photos, lazy):
    (photos / "b/2.png").unlink()
    (photos / "a/1.png").write_bytes(b"damaged")
    (photos / "d.png").mkdir()
    frame.loc[14] = ["d.png", "dog", 0, 0]
    frame.loc[15] = ["c.png", "cat", 1, 1]
    data = load(frame, root=photos, on_error="skip", lazy=lazy)
    assert sorted(data.skipped) == ["a/1.png", "b/2.png", "d.png"]
    assert data.filenames == ["a/10.png", "c.png", "c.png"]
    assert data.rows.tolist() == [1, 3, 5]
    assert data.target.tolist() == [1, 2, 0]
    frame = frame.drop(index=15)
    refused("No image of class 'cat'", frame, root=photos, on_error="skip", lazy=lazy)
    refused(
        "No image of class 'young'", frame.drop(index=14), ["wet", "young"], root=photos, on_error="skip", lazy=lazy
    )


def test_paths_that_do_not_exist(frame, photos):
    frame["file"] = ["x1.png", "a/1.png", "x2.png", "x3.png"]
    frame.loc[14] = ["x4.png", "cat", 0, 0]
    message = refused("4 of 5 paths", frame, root=photos)
    assert "'x1.png', 'x2.png', 'x3.png', ..." in message
    assert "root=" in message
    assert str(photos) in message
    frame["file"] = "nowhere.png"
    refused("5 of 5 paths", frame, root=photos, on_error="skip")
    frame["file"] = ["c\0.png"] * 5
    refused("5 of 5 paths", frame, root=photos)


def test_paths_without_their_ending(frame, photos):
    frame["file"] = [name.removesuffix(".png") for name in NAMES]
    refused("There is 'b/2.png': add '.png'", frame, root=photos)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_image(frame, photos):
    (photos / "c.png").unlink()
    os.mkfifo(photos / "c.png")
    refused("1 of 4 paths.*'c.png'", frame, root=photos)


@pytest.mark.parametrize(
    "options", [{"path_column": "fiel"}, {"label_columns": "kinde"}, {"label_columns": ["wet", "yung"]}]
)
def test_missing_columns(frame, photos, options):
    options = {"path_column": "file", "label_columns": "kind", **options}
    with pytest.raises(DatasetError, match="no column '.*did you mean.*Its columns are file, kind, wet, young"):
        load_image_table(frame, root=photos, verbose=0, **options)


@pytest.mark.parametrize("labels", [["wet"], [], ["wet", "wet"], ["wet", "file"], "file"])
def test_label_columns_that_make_no_sense(frame, photos, labels):
    refused("label_columns", frame, labels, ValueError, root=photos)


@pytest.mark.parametrize("labels", [None, 3, True])
def test_label_columns_of_another_type(frame, photos, labels):
    refused("label_columns is .*pass the name of one column", frame, labels, TypeError, root=photos)


@pytest.mark.parametrize("labels", [("wet", "young"), pd.Index(["wet", "young"]), np.array(["wet", "young"])], ids=repr)
def test_several_label_columns_in_any_sequence(frame, photos, labels):
    data = load(frame, labels, root=photos)
    np.testing.assert_array_equal(data.target, load(frame, ["wet", "young"], root=photos).target)
    assert data.target_names == ["wet", "young"]


def test_a_csv_file_with_a_comma_at_the_end_of_rows(photos):
    (photos / "labels.csv").write_text("file,kind\na/1.png,1,\na/10.png,2,\n")
    data = load(photos / "labels.csv")
    assert data.filenames == ["a/1.png", "a/10.png"]
    assert data.target_names == ["1", "2"]
    (photos / "labels.csv").write_text("file,kind\na/1.png,1,3\na/10.png,2,\n")
    refused("labels.csv.*more cells than its header", photos / "labels.csv")


def test_a_column_that_is_there_twice(frame, photos):
    frame.columns = ["file", "kind", "kind", "young"]
    refused("2 columns 'kind'", frame, root=photos)


@pytest.mark.parametrize("empty", [None, np.nan, "", "  "])
def test_empty_cells(frame, photos, empty):
    for column in ("kind", "file"):
        holes = frame.astype({"kind": object, "file": object})
        holes.loc[[11, 13], column] = empty
        message = refused(f"{column!r} has empty cells: row 11 is the first of 2", holes, root=photos)
        assert f"frame.dropna(subset=['{column}'])" in message
        holes[column] = empty
        refused(f"{column!r} is empty", holes, root=photos)
    holes = frame.astype({"young": object})
    holes["young"] = empty
    refused("'young' is empty", holes, ["wet", "young"], root=photos)


@pytest.mark.parametrize("wrong", [2, -1, 0.5, "yes", "cat"])
def test_other_values_in_a_matrix(frame, photos, wrong):
    frame = frame.astype({"young": object})
    frame.loc[12, "young"] = wrong
    refused(
        f"'young' has values other than 0 and 1: '{wrong}' in row 12 is the first of 1",
        frame,
        ["wet", "young"],
        root=photos,
    )


def test_no_two_classes(frame, photos):
    frame["kind"] = "cat"
    refused("only one class, 'cat'", frame, root=photos)


def test_what_is_no_table(frame, photos):
    refused("frame is a dict", {"file": NAMES}, kind=TypeError)
    refused("no CSV file", photos / "missing.csv", kind=FileNotFoundError)
    refused("load_image_folder", photos)
    refused("no rows", frame.iloc[:0], root=photos)
    (photos / "empty.csv").write_bytes(b"")
    refused("empty.csv.*cannot be read as a table", photos / "empty.csv")
    (photos / "ragged.csv").write_text("file,kind\na/1.png,cat\na/10.png,dog,1,2\n")
    refused("ragged.csv.*cannot be read as a table", photos / "ragged.csv")


def test_mixed_sizes_name_the_remedy(frame, photos):
    write(photos / "c.png", pixels(0, (9, 9, 3)))
    refused("image_size=", frame, root=photos)
    refused("image_size=", frame, root=photos, lazy=True)
    refused("positive integers", frame, root=photos, kind=ValueError, image_size=(0, 1))
