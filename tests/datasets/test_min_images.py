"""`min_images`: classes that are too small are left out, wherever images come from."""

import numpy as np
import pandas as pd
import pytest
from image_sources import expect_error, pack, pixels, read_folder, write

from sk_cifar_ovr import load_image_table
from sk_cifar_ovr.exceptions import DatasetError


@pytest.fixture
def tail(plain):
    """Three cats, three dogs, two owls and one bat."""
    for name, n in (("owl", 2), ("bat", 1)):
        for i in range(n):
            write(plain / name / f"{i}.png", pixels(200 + i))
    return plain


@pytest.mark.parametrize("options", [{}, {"lazy": True}, {"cache": "cache"}, {"ending": ".zip"}, {"ending": ".tar.gz"}])
def test_small_classes_of_a_folder(tail, options, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    options = dict(options)
    ending = options.pop("ending", None)
    path = pack(tail, ending) if ending else tail
    everything = read_folder(path, **options)
    assert everything.skipped_classes == {}
    assert everything.target_names == ["bat", "cat", "dog", "owl"]
    data = read_folder(path, min_images=3, **options)
    assert data.skipped_classes == {"bat": 1, "owl": 2}
    assert data.target_names == ["cat", "dog"]
    assert data.target.tolist() == [0, 0, 0, 1, 1, 1]
    assert [name.split("/")[-2] for name in data.filenames] == ["cat"] * 3 + ["dog"] * 3
    np.testing.assert_array_equal(data.images, everything.images[1:7])
    assert read_folder(path, min_images=2, **options).target_names == ["cat", "dog", "owl"]


@pytest.mark.parametrize("subset", [None, "test", "all"])
def test_training_images_are_counted_for_every_part(split, subset):
    write(split / "train/emu/1.png", pixels(7))
    for i in range(5):
        write(split / f"test/emu/{i}.png", pixels(i))
        write(split / f"test/yak/{i}.png", pixels(i))
    data = read_folder(split, subset=subset, min_images=2)
    assert data.skipped_classes == {"emu": 1, "yak": 0}
    assert data.target_names == ["cat", "dog"]
    assert set(data.target) == {0, 1}


def test_an_empty_class_folder_is_a_small_class(plain):
    (plain / "owl").mkdir()
    expect_error("no image in class 'owl'", plain)
    assert read_folder(plain, min_images=2).skipped_classes == {"owl": 0}


def test_two_classes_must_be_left(tail):
    expect_error("fewer than two classes of at least 4 images; the largest have 3 and 3", tail, min_images=4)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, None, True, "2"])
def test_other_values(tail, wrong):
    expect_error("it must be a positive integer", tail, ValueError, min_images=wrong)


@pytest.fixture
def frame(tail):
    names = sorted(str(path.relative_to(tail)) for path in tail.rglob("*.png"))
    kinds = [name.split("/")[0] for name in names]
    return pd.DataFrame(
        {
            "file": names,
            "kind": kinds,
            "plate": range(len(names)),
            **{name: [float(kind == name) for kind in kinds] for name in ("bat", "cat", "owl")},
        }
    )


def load(frame, labels, root, **options):
    return load_image_table(frame, path_column="file", label_columns=labels, root=root, verbose=0, **options)


@pytest.mark.parametrize("options", [{}, {"lazy": True}, {"cache": "cache"}])
def test_small_classes_of_a_table(frame, tail, options, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tail / "bat/0.png").unlink()  # it would not be read
    data = load(frame, "kind", tail, min_images=2, **options)
    assert data.skipped_classes == {"bat": 1}
    assert data.target_names == ["cat", "dog", "owl"]
    assert data.target.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert data.rows.tolist() == list(range(1, 9))
    assert data.frame["plate"].tolist() == list(range(1, 9))
    assert np.asarray(data.images).shape == (8, 6, 5, 3)


def test_label_columns_with_few_images(frame, tail):
    frame.loc[3, "owl"] = np.nan
    data = load(frame, ["bat", "cat", "owl"], tail, min_images=2)
    assert data.skipped_classes == {"bat": 1}
    assert data.target_names == ["cat", "owl"]
    np.testing.assert_array_equal(data.target, frame[["cat", "owl"]])
    with pytest.raises(DatasetError, match="fewer than two classes of at least 3"):
        load(frame, ["bat", "cat", "owl"], tail, min_images=3)
    with pytest.raises(ValueError, match="positive integer"):
        load(frame, "kind", tail, min_images=0)
