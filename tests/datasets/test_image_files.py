"""`ImageFiles`: an array whose images are read when they are needed."""

import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import psutil
import pytest
from image_sources import NAMES, expect_error, pack, pixels, read_folder, write
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import resample, shuffle

from sk_cifar_ovr import ImageFiles
from sk_cifar_ovr._shared.lazy_arrays import LazyArray, is_lazy, read_each
from sk_cifar_ovr.exceptions import DatasetError


@pytest.fixture
def images(plain):
    return read_folder(plain, lazy=True).images


@pytest.fixture
def in_memory(plain):
    return read_folder(plain).images


@pytest.mark.parametrize("options", [{}, {"image_size": (4, 9)}, {"image_size": (9, 4), "fit": "pad"}])
def test_pixels_are_those_in_memory(plain, options):
    write(plain / "cat/4.png", pixels(4, (6, 5)))
    lazy, whole = read_folder(plain, lazy=True, **options), read_folder(plain, **options)
    assert isinstance(lazy.images, ImageFiles)
    assert lazy.images.shape == whole.images.shape
    assert lazy.images.dtype == np.uint8
    assert (lazy.images.ndim, len(lazy.images), lazy.images.size) == (4, 7, whole.images.size)
    np.testing.assert_array_equal(np.asarray(lazy.images), whole.images)
    assert lazy.images.reading == lazy.reading == whole.reading
    assert {k: v for k, v in lazy.items() if k not in ("images", "sha256", "target")} == {
        k: v for k, v in whole.items() if k not in ("images", "sha256", "target")
    }
    np.testing.assert_array_equal(lazy.target, whole.target)


@pytest.mark.parametrize(
    "key",
    [
        slice(None),
        slice(1, 5, 2),
        slice(None, None, -1),
        np.array([4, 0, 0, -1]),
        [2, 1],
        [],
        np.arange(6) % 2 == 0,
        [True, False] * 3,
        (slice(2), ...),
        (np.array([3, 1]), ...),
        ...,
        (),
    ],
    ids=str,
)
def test_rows_are_selected_as_from_an_array(images, in_memory, key):
    view = images[key]
    assert isinstance(view, ImageFiles)
    expected = in_memory[np.array(key, int) if isinstance(key, list) and not key else key]
    assert view.shape == expected.shape
    np.testing.assert_array_equal(np.asarray(view), expected)


def test_one_image_is_an_array(images, in_memory):
    for index in (0, -1, np.int64(3), (2, ...)):
        image = images[index]
        assert type(image) is np.ndarray
        np.testing.assert_array_equal(image, in_memory[index])
    np.testing.assert_array_equal(list(images), in_memory)


@pytest.mark.parametrize("key", [6, -7, [0, 6], np.ones(5, bool), 0.5, "a", (0, 1), (slice(2), slice(3)), None, [[0]]])
def test_other_keys_are_refused(images, key):
    with pytest.raises(IndexError):
        images[key]


def test_views_of_views_share_the_paths(images):
    view = images[::2][[2, 0]]
    assert view._names is images._names
    assert [os.path.basename(path) for path in view.paths] == ["2.png", "1.png"]
    assert view.paths == [images.paths[4], images.paths[0]]


def test_conversion_to_an_array(images, in_memory):
    assert np.asarray(images, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.array(images, copy=True), in_memory)
    with pytest.raises(ValueError, match="always a copy"):
        np.array(images, copy=False)


def test_what_does_not_fit_into_memory_is_refused(images, monkeypatch):
    class Memory:
        available = 500

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    with pytest.raises(MemoryError, match=r"\(6, 6, 5, 3\)"):
        np.asarray(images)
    assert np.asarray(images[:2]).shape == (2, 6, 5, 3)


def test_repr_is_short(images):
    assert repr(images).startswith("ImageFiles(shape=(6, 6, 5, 3)")
    assert len(repr(images)) < 100 + len(images._root)


def test_a_pickle_holds_the_selected_paths_alone(images, in_memory):
    view = images[[5, 2]]
    content = pickle.dumps(view)
    assert len(content) < 1000
    assert b"cat/1.png" not in content
    again = pickle.loads(content)
    assert again.paths == view.paths
    assert again.reading == view.reading
    np.testing.assert_array_equal(np.asarray(again), in_memory[[5, 2]])
    assert joblib.hash(again) == joblib.hash(view) != joblib.hash(images)


def total(images):
    return int(np.asarray(images).sum())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_reads_too(plain):
    for seed in range(40):
        write(plain / "cat" / f"{seed}.png", pixels(seed))
    images = read_folder(plain, lazy=True).images
    expected = total(images)  # makes the threads, which the forked process does not have
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(total, (images,)).get(timeout=120) == expected


def test_other_processes_read_the_files_themselves(images):
    parts = joblib.Parallel(n_jobs=2)(joblib.delayed(total)(images[i::2]) for i in range(2))
    assert sum(parts) == total(images)


def test_many_threads_read_at_once(plain):
    for seed in range(60):
        write(plain / "cat" / f"{seed}.png", pixels(seed))
    images = read_folder(plain, lazy=True).images
    expected = total(images)
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(total, [images] * 12)) == {expected}


def test_read_batch_by_batch_as_estimators_do(images, in_memory):
    assert is_lazy(images)
    keys = [slice(0, 2), np.array([5, 3, 3]), np.array([0])]
    for key, batch in zip(keys, read_each(LazyArray(images), keys), strict=True):
        np.testing.assert_array_equal(batch, in_memory[key])


class MeanColor(ClassifierMixin, BaseEstimator):
    """A classifier of images that is as quick as a dummy: nearest mean brightness."""

    def __init__(self, shift=0):
        self.shift = shift

    def fit(self, X, y):
        assert isinstance(X, ImageFiles)
        means = np.asarray(X).mean(axis=(1, 2, 3))
        self.classes_ = np.unique(y)
        self.means_ = np.array([means[y == k].mean() for k in self.classes_])
        return self

    def predict(self, X):
        assert isinstance(X, ImageFiles)
        means = np.asarray(X).mean(axis=(1, 2, 3))
        return self.classes_[np.abs(means[:, None] + self.shift - self.means_).argmin(axis=1)]


@pytest.fixture
def bright_and_dark(tmp_path):
    for name, level in zip(NAMES, (50, 200), strict=True):
        for i in range(12):
            write(tmp_path / name / f"{i}.png", np.full((6, 5, 3), level + i, np.uint8))
    data = read_folder(tmp_path, lazy=True)
    return data.images, data.target


def test_scikit_learn_splits_and_searches(bright_and_dark):
    X, y = bright_and_dark
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    assert isinstance(X_test, ImageFiles)
    assert MeanColor().fit(X_train, y_train).score(X_test, y_test) == 1
    assert isinstance(shuffle(X, random_state=0), ImageFiles)
    assert isinstance(resample(X, n_samples=5, random_state=0), ImageFiles)
    pipeline = make_pipeline(FunctionTransformer(), MeanColor())
    assert (cross_validate(pipeline, X, y, cv=3)["test_score"] == 1).all()
    search = GridSearchCV(MeanColor(), {"shift": [0, 200]}, cv=3, n_jobs=2).fit(X, y)
    assert search.best_params_ == {"shift": 0}
    assert search.best_score_ == 1


@pytest.mark.parametrize("select", [lambda X: X[3], np.asarray, lambda X: np.asarray(X[2:4])])
@pytest.mark.parametrize("damage", ["deleted", "truncated", "resized", "pipe"])
def test_a_file_that_changes_later_is_named(plain, images, damage, select):
    path = plain / "dog/1.png"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:40])
    elif damage == "resized":
        write(path, pixels(0, (9, 9, 3)))
    else:
        path.unlink()
    if damage == "pipe":
        os.mkfifo(path)
    with pytest.raises(DatasetError, match="dog/1.png"):
        select(images)
    np.testing.assert_array_equal(images[0], pixels(1))


def test_headers_are_checked_in_advance(plain):
    (plain / "cat/3.png").write_bytes(b"hello")
    expect_error("cat/3.png", plain, lazy=True)
    data = read_folder(plain, lazy=True, on_error="skip")
    assert data.skipped == ["cat/3.png"]
    assert data.images.shape == (6, 6, 5, 3)
    for file in (plain / "dog").iterdir():
        file.write_bytes(b"")
    expect_error("'dog'", plain, lazy=True, on_error="skip")
    for file in (plain / "cat").iterdir():
        file.write_bytes(b"")
    expect_error("can be read", plain, lazy=True, on_error="skip")


def test_damage_behind_the_header_is_found_when_it_is_read(plain):
    write(plain / "cat/3.jpg", pixels(3, (64, 64, 3)))
    path = plain / "cat/3.jpg"
    path.write_bytes(path.read_bytes()[:1000])
    images = read_folder(plain, lazy=True, image_size=(6, 5)).images
    with pytest.raises(DatasetError, match=r"cat/3.jpg.*cache="):
        np.asarray(images)


def test_grey_images_have_one_channel(tmp_path):
    for seed, name in enumerate(NAMES):
        write(tmp_path / name / "1.png", pixels(seed, (6, 5)))
    assert read_folder(tmp_path, lazy=True).images.shape == (2, 6, 5, 1)
    Image.fromarray(pixels(2)).save(tmp_path / "cat/2.png")
    assert read_folder(tmp_path, lazy=True).images[1].shape == (6, 5, 3)


def test_sha256_is_of_names_and_sizes(plain):
    before = read_folder(plain, lazy=True).sha256
    path = plain / "cat/1.png"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    assert read_folder(plain, lazy=True).sha256 == before
    path.write_bytes(content + b"x")
    assert read_folder(plain, lazy=True).sha256 != before


@pytest.mark.parametrize("ending", [".zip", ".tar"])
def test_an_archive_cannot_be_read_on_demand(plain, ending):
    expect_error("Unpack it and pass the folder, or pass cache=", pack(plain, ending), lazy=True)


def test_a_relative_folder_stays_readable_elsewhere(plain, tmp_path, monkeypatch, in_memory):
    monkeypatch.chdir(plain.parent)
    images = read_folder(plain.name, lazy=True).images
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(images, in_memory)
