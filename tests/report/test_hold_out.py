"""Which images are held out, and how they are grouped."""

import numpy as np
import pandas as pd
import pytest
from photographs import write_photographs
from PIL import Image
from sklearn.utils import Bunch

from sk_cifar_ovr.exceptions import DatasetError
from sk_cifar_ovr.report import ImageOptions, LabelTable, load_train_test_split
from sk_cifar_ovr.report.data._groups import find_groups
from sk_cifar_ovr.report.data._hold_out import hold_out


@pytest.mark.parametrize("n_large", [5, 6, 9])
def test_classes_with_fewer_than_five_images_stay_in_training(n_large):
    target = np.repeat(np.arange(12), [n_large] * 8 + [1, 2, 3, 4])
    np.random.default_rng(0).shuffle(target)
    train, test = hold_out(target, 0)
    assert sorted([*train, *test]) == list(range(len(target)))
    assert np.bincount(target[test], minlength=12).tolist() == [1] * 8 + [0] * 4 if n_large == 5 else True
    assert (np.bincount(target[test], minlength=12)[:8] > 0).all()
    assert np.bincount(target[train])[8:].tolist() == [1, 2, 3, 4]
    assert [part.tolist() for part in hold_out(target, 0)] == [train.tolist(), test.tolist()]
    assert hold_out(target, 1)[1].tolist() != test.tolist()


def test_images_of_a_rare_label_stay_in_training():
    rng = np.random.default_rng(0)
    target = np.hstack([rng.integers(0, 2, (200, 2)), np.zeros((200, 2), int)]).astype(float)
    target[:4, 2], target[7, 3] = 1, 1
    target[100:103, 3] = np.nan
    train, test = hold_out(target, 0)
    assert np.nansum(target[train], axis=0)[2:].tolist() == [4, 1]
    assert 30 <= len(test) <= 50


def test_small_classes_are_split_if_there_are_no_larger_ones():
    target = np.repeat([0, 1, 2], [4, 4, 9])
    _, test = hold_out(target, 0)
    assert set(target[test]) == {0, 1, 2}
    with pytest.raises(ValueError, match="least populated|should be greater"):
        hold_out(np.repeat([0, 1, 2], 2), 0)


def test_groups_are_held_out_whole():
    target, groups = np.repeat([0, 1], 50), np.arange(100) // 4
    train, test = hold_out(target, 0, groups)
    assert not set(groups[train]) & set(groups[test])
    assert 10 <= len(test) <= 30


# -- how images are grouped ---------------------------------------------------------------------------------


def bunch(**fields):
    return Bunch(images=np.zeros((4, 8, 8, 1), "uint8"), **fields)


NAMES = ["cat/p1_a.jpg", "cat/p1_b.jpg", "dog/p2_a.jpg", "dog/p10_a.jpg"]


@pytest.mark.parametrize(
    ("pattern", "codes"),
    [(r"p\d+", [0, 0, 2, 1]), (r"p(\d)", [0, 0, 1, 0]), (r"_([ab])", [0, 1, 0, 0]), ("(cat|dog)/(.*)", [0, 0, 1, 1])],
)
def test_a_pattern_is_searched_in_the_file_names(pattern, codes):
    found = find_groups(pattern, bunch(filenames=NAMES))
    assert found.codes.tolist() == codes
    assert found.described().startswith(f"{len(set(codes))} groups by {pattern!r} in the file names; the largest holds")


@pytest.mark.parametrize("groups", ["patient", "duplicates"])
def test_a_column_comes_first(groups):
    frame = pd.DataFrame({groups: ["b", "a", "b", "c"]})
    found = find_groups(groups, bunch(filenames=NAMES, frame=frame))
    assert found.codes.tolist() == [1, 0, 1, 2]
    assert found.by == f"by column {groups!r}"


def test_near_identical_images_are_a_group():
    images = np.random.default_rng(0).integers(0, 200, (4, 16, 16, 3)).astype("uint8")
    images[3] = images[1] + 10
    found = find_groups("duplicates", Bunch(images=images))
    assert found.codes.tolist() == [0, 1, 2, 1]
    assert found.described() == "3 groups of near-identical images; the largest holds 2 images"


@pytest.mark.parametrize(
    ("groups", "fields", "message"),
    [
        (
            r"p\d_",
            {"filenames": NAMES},
            r"does not match the file names of 1 of 4 images, such as 'dog/p10_a.jpg': pass a regular expression",
        ),
        (r"(p1)|_", {"filenames": NAMES}, "of 1 of 4 images, such as 'dog/p2_a.jpg'"),
        ("patent", {"filenames": NAMES, "frame": pd.DataFrame({"patient": range(4)})}, "is it the column 'patient'"),
        ("p(", {"filenames": NAMES}, "neither a column nor a regular expression"),
        ("p1", {}, "no file names that 'p1' could match: pass --groups duplicates"),
        ("a", {"filenames": NAMES, "frame": pd.DataFrame({"a": ["x", None, "y", "z"]})}, "Column 'a' cannot group"),
    ],
)
def test_groups_that_cannot_be_found(groups, fields, message):
    with pytest.raises(ValueError, match=message):
        find_groups(groups, bunch(**fields))


# -- both together ------------------------------------------------------------------------------------------


def load(path, groups=None, table=None, **options):
    options = ImageOptions(**options)
    return load_train_test_split(str(path), seed=0, verbose=0, options=options, table=table, groups=groups)


def groups_of(names):
    return {name.split("_")[-1].split(".")[0] for name in names}


@pytest.mark.parametrize("lazy", [False, True])
def test_file_names_keep_photographs_apart(tmp_path, lazy):
    root = write_photographs(tmp_path / "photos", n=20)
    data = load(root, r"IMG_(\d+)", lazy=lazy)
    assert not groups_of(data.names_train) & groups_of(data.names_test)
    assert len(data.groups) == len(data.X_train) == len(data.names_train)
    assert len(set(data.groups)) == len(groups_of(data.names_train))
    assert data.notes[-1].startswith("Images are kept together in 20 groups by 'IMG_")


def test_a_split_source_tells_which_groups_are_on_both_sides(tmp_path):
    data = load(write_photographs(tmp_path / "photos", n=6, parts=("train", "test")), r"IMG_(\d+)")
    assert len(data.groups) == 12
    assert data.grouped.endswith("; the source has images of 6 groups in both of its parts")


def test_a_column_of_the_table_groups(tmp_path):
    root = write_photographs(tmp_path / "photos", n=10)
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*.JPG"))
    table = pd.DataFrame({"file": names, "kind": [name.split("/")[0] for name in names], "plate": np.arange(20) // 3})
    table.to_csv(root / "labels.csv", index=False)
    data = load(root / "labels.csv", "plate", LabelTable("file", "kind"))
    plates = dict(zip(names, table["plate"], strict=True))
    assert not {plates[name] for name in data.names_train} & {plates[name] for name in data.names_test}
    assert data.grouped == "7 groups by column 'plate'; the largest holds 3 images"


def test_too_few_groups(tmp_path):
    root = write_photographs(tmp_path / "photos", n=6)
    with pytest.raises(DatasetError, match="2 groups by '.*' in the file names"):
        load(root, r"^(\w+)/")


# -- copies -------------------------------------------------------------------------------------------------


@pytest.fixture
def bursts(tmp_path):
    """Two classes of ten scenes; each scene twice, once encoded again."""
    rng = np.random.default_rng(0)
    for name in ("day", "night"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(10):
            scene = Image.fromarray(rng.integers(0, 256, (6, 6, 3)).astype("uint8")).resize((40, 40))
            scene.save(tmp_path / "photos" / name / f"{i}.jpg", quality=95)
            scene.save(tmp_path / "photos" / name / f"{i}_again.jpg", quality=75)
    return tmp_path / "photos"


@pytest.mark.parametrize("lazy", [False, True])
def test_copies_on_both_sides_are_told(bursts, lazy):
    data = load(bursts, lazy=lazy)
    pairs = list(zip(*data.copies.names(data.names_test, data.names_train), strict=True))
    assert pairs
    for pair in pairs:
        assert len({name.removesuffix(".jpg").removesuffix("_again") for name in pair}) == 1
    assert data.notes == [
        f"{len(pairs)} of 8 test images are near-identical to a training image, so that scores may be too high. "
        "--groups duplicates keeps such images on one side."
    ]


def test_copies_are_kept_together_on_request(bursts):
    data = load(bursts, "duplicates")
    assert not len(data.copies)
    assert data.copies_note == "No test image is near-identical to a training image."
    assert len(set(data.groups)) == len(data.X_train) / 2
    scenes = [
        {name.removesuffix(".jpg").removesuffix("_again") for name in names}
        for names in (data.names_train, data.names_test)
    ]
    assert not scenes[0] & scenes[1]


def test_copies_in_parts_of_the_source(tmp_path):
    data = load(write_photographs(tmp_path / "photos", n=3, parts=("train", "test")))
    assert data.copies is not None
    digits = load_train_test_split("digits", seed=0, verbose=0)
    assert len(digits.copies) <= 2
    assert digits.names_test[0].startswith("image ")


def test_small_classes_are_left_out_on_request(tmp_path):
    root = write_photographs(tmp_path / "photos", n=6, classes=("a", "b", "c"))
    for i in range(3, 6):
        (root / "b" / f"IMG_{i}.JPG").unlink()
    data = load(root, min_images=4)
    assert data.skipped_classes == {"b": 3}
    assert data.skipped_classes_note == "1 class was left out: b (3)."
    assert data.target_names == ["a", "c"]
    kept = load(root)
    assert kept.not_measured_note(["b"]) == (
        "1 of 3 classes is trained on but not measured (fewer than 5 images): b (3). Means are over the other classes."
    )
