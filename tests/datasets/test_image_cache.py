"""`cache=`: images decoded once into a memory-mapped file, made again when anything changes, and done without."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from image_sources import KINDS, expect_error, pack, pixels, read_folder, write

from sk_cifar_ovr.datasets.files import _cache, _loading


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "deep" / "cache"


@pytest.fixture
def decodings(monkeypatch):
    """Number of times that images were decoded."""
    counted = []
    decoded = _loading.decoded
    monkeypatch.setattr(_loading, "decoded", lambda *args: counted.append(1) or decoded(*args))
    return counted


def names(cache):
    return sorted(path.suffix for path in cache.iterdir())


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("ending", ["", *KINDS])
def test_images_are_decoded_once(plain, cache, decodings, ending, lazy):
    path = pack(plain, ending) if ending else plain
    options = {"image_size": (4, 9), "lazy": lazy}
    first, second = (read_folder(path, cache=cache, **options) for _ in range(2))
    expected = read_folder(path, image_size=(4, 9))
    for data in (first, second):
        assert isinstance(data.images, np.memmap)
        assert not data.images.flags.writeable
        np.testing.assert_array_equal(data.images, expected.images)
        np.testing.assert_array_equal(data.target, expected.target)
        assert data.filenames == expected.filenames
        assert data.reading == expected.reading
    assert len(decodings) == 1
    assert names(cache) == [".json", ".npy"]
    np.testing.assert_array_equal(np.load(next(cache.glob("*.npy"))), expected.images)


def test_cached_grey_images_have_one_channel(tmp_path, cache):
    for seed, name in enumerate(("cat", "dog")):
        write(tmp_path / "grey" / name / "1.png", pixels(seed, (6, 5)))
    assert read_folder(tmp_path / "grey", cache=cache).images.shape == (2, 6, 5, 1)


@pytest.mark.parametrize("change", ["content", "time", "name", "more", "image_size", "fit", "subset"])
def test_a_change_makes_it_again(split, cache, decodings, change):
    options = {"image_size": (4, 9)}
    read_folder(split, cache=cache, **options)
    path = split / "train/cat/0.png"
    if change == "content":
        write(path, pixels(77, (8, 8, 3)))
    elif change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "name":
        path.rename(path.with_name("00.png"))
    elif change == "more":
        write(split / "train/cat/2.png", pixels(77))
    else:
        options |= {"image_size": {"image_size": (9, 4)}, "fit": {"fit": "pad"}, "subset": {"subset": "all"}}[change]
    again = read_folder(split, cache=cache, **options)
    np.testing.assert_array_equal(again.images, read_folder(split, **options).images)
    assert len(decodings) == 2


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "emptied", "not an array", "deleted", "no description"])
def test_a_damaged_file_is_made_again(plain, cache, decodings, damage):
    expected = np.array(read_folder(plain, cache=cache).images)
    (path,) = cache.glob("*.npy")
    content = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    elif damage == "no description":
        next(cache.glob("*.json")).write_text('{"kept": ')
    else:
        changed = {
            "truncated": content[:-100],
            "overwritten": content[:-100] + b"x" * 100,
            "emptied": b"",
            "not an array": b"x" * len(content),
        }
        time.sleep(0.05)  # longer than a tick of the clock of files
        path.write_bytes(changed[damage])
    np.testing.assert_array_equal(read_folder(plain, cache=cache).images, expected)
    assert len(decodings) == 2
    assert names(cache) == [".json", ".npy"]


def test_skipped_files_are_remembered(plain, cache, decodings):
    (plain / "cat/3.png").write_bytes(b"damaged")
    whole = (plain / "dog/10.png").read_bytes()
    (plain / "dog/10.png").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        data = read_folder(plain, cache=cache, on_error="skip")
        assert data.skipped == ["cat/3.png", "dog/10.png"]
        np.testing.assert_array_equal(data.images, [pixels(seed) for seed in (1, 2, 10, 101, 102)])
        assert data.target.tolist() == [0, 0, 0, 1, 1]
    assert len(decodings) == 1
    expect_error("cat/3.png", plain, cache=cache)
    for path in (plain / "cat").iterdir():
        path.write_bytes(whole[: len(whole) // 2])
    expect_error("No image of class 'cat'", plain, cache=cache, on_error="skip")
    for path in (plain / "dog").iterdir():
        path.write_bytes(whole[: len(whole) // 2])
    expect_error("None of the 7 images", plain, cache=cache, on_error="skip")
    assert not list(cache.glob(f"*{_cache.UNFINISHED}"))


def test_mixed_sizes_are_refused(plain, cache):
    write(plain / "cat/3.png", pixels(3, (9, 7, 3)))
    expect_error("image_size=", plain, cache=cache)


def full_disk(images):
    for i, image in enumerate(images):
        if i == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield image


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("ending", ["", ".tar"])
def test_a_full_disk_is_warned_of_once_and_done_without(plain, cache, monkeypatch, ending, lazy):
    path = pack(plain, ending) if ending else plain
    write_images = _cache.write
    monkeypatch.setattr(
        _cache, "write", lambda folder, key, images, shape: write_images(folder, key, full_disk(images), shape)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = read_folder(path, cache=cache, lazy=lazy)
    (warning,) = caught
    assert "No space left" in str(warning.message)
    assert str(cache) in str(warning.message)
    assert not isinstance(data.images, np.memmap)
    np.testing.assert_array_equal(data.images, read_folder(plain).images)
    assert names(cache) == []


def test_a_limit_on_the_size_of_files(plain, cache):
    """A real error of the system in the middle of writing."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        with pytest.warns(UserWarning, match="cannot be cached"):
            data = read_folder(plain, cache=cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(data.images) == 6
    assert names(cache) == []


def test_a_folder_that_cannot_be_made(plain, tmp_path):
    (tmp_path / "file").write_text("no folder")
    for cache in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.warns(UserWarning, match="cannot be cached"):
            assert len(read_folder(plain, cache=cache).images) == 6


def make_old(cache):
    for path in cache.glob(f"*{_cache.UNFINISHED}"):
        os.utime(path, (1, 1))


def test_what_a_killed_run_left_is_removed(plain, cache):
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from sk_cifar_ovr.datasets.files import _cache\n"
        "def images():\n"
        "    yield None\n"
        "    os.kill(os.getpid(), 9)\n"
        "_cache.write(Path(sys.argv[1]), 'key', images(), (2, 2, 3))\n"
    )
    subprocess.run([sys.executable, "-c", code, cache], check=False)
    assert names(cache) == [_cache.UNFINISHED]
    # A new file is kept: its process may not have locked it yet.
    read_folder(plain, cache=cache)
    assert names(cache) == [".json", ".npy", _cache.UNFINISHED]
    make_old(cache)
    read_folder(plain, cache=cache, image_size=(3, 3))
    assert names(cache) == [".json", ".json", ".npy", ".npy"]


def test_the_unfinished_file_of_a_running_process_is_kept(plain, cache):
    pytest.importorskip("fcntl")
    seen = []

    def images():
        make_old(cache)
        read_folder(plain, cache=cache)
        seen.extend(cache.glob(f"*{_cache.UNFINISHED}"))
        yield np.zeros((2, 2, 3), np.uint8)

    _cache.write(cache, "key", images(), (2, 2, 3))
    assert len(seen) == 1
    assert _cache.find(cache, "key", 1)[0].shape == (1, 2, 2, 3)


def test_another_process_makes_the_same_file(plain, cache, decodings, monkeypatch):
    """The file is replaced between its completion and its description."""
    identity, others = _cache._identity, []

    def identity_before(path):
        before = identity(path)
        if not others:
            others.append(None)
            others[0] = read_folder(plain, cache=cache).images
        return before

    monkeypatch.setattr(_cache, "_identity", identity_before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for images in (read_folder(plain, cache=cache).images, *others):
            assert isinstance(images, np.memmap)
            np.testing.assert_array_equal(images, read_folder(plain).images)
    read_folder(plain, cache=cache)
    assert len(decodings) == 2


def test_the_file_of_another_process_serves_if_this_one_cannot_write(plain, cache, monkeypatch):
    write_images = _cache.write

    def write_after_another(*args):
        write_images(*args)
        raise PermissionError("a file that is open cannot be replaced on Windows")

    monkeypatch.setattr(_cache, "write", write_after_another)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = read_folder(plain, cache=cache).images
    assert isinstance(images, np.memmap)
    np.testing.assert_array_equal(images, read_folder(plain).images)


def test_many_threads_make_the_same_file(plain, cache):
    together = threading.Barrier(6)

    def load(_):
        together.wait()
        return read_folder(plain, cache=cache).images

    with warnings.catch_warnings(), ThreadPoolExecutor(6) as pool:
        warnings.simplefilter("error")
        loaded = list(pool.map(load, range(6)))
    expected = read_folder(plain).images
    for images in loaded:
        assert isinstance(images, np.memmap)
        np.testing.assert_array_equal(images, expected)
    assert names(cache) == [".json", ".npy"]


@pytest.mark.parametrize(
    "change",
    [
        {"kept": None},
        {"shape": None},
        {"kept": [0, 1, 2, 3, 4, 6]},
        {"kept": [0, 1, 2, 3, 4, -1]},
        {"kept": [0, 1, 2, 3, 5, 4]},
        {"kept": [0, 1, 1, 2, 3, 4]},
        {"kept": [0, 1, 2, 3, 4, 5.5]},
        {"kept": [0, 1, 2, 3, 4, "5"]},
        {"kept": [0, 1, 2, 3, 4, [5]]},
        {"kept": [0, 1]},
        {"kept": 6},
        {"shape": [5, 6, 5, 3]},
    ],
    ids=str,
)
def test_a_damaged_description(plain, cache, decodings, change):
    read_folder(plain, cache=cache)
    (path,) = cache.glob("*.json")
    facts = json.loads(path.read_text()) | change
    path.write_text(json.dumps({name: value for name, value in facts.items() if value is not None}))
    np.testing.assert_array_equal(read_folder(plain, cache=cache).images, read_folder(plain).images)
    assert len(decodings) == 2
    path.write_text("[1, 2]")
    assert isinstance(read_folder(plain, cache=cache).images, np.memmap)


def test_the_folder_can_be_deleted(plain, cache, decodings):
    images = read_folder(plain, cache=cache).images
    shutil.rmtree(cache)
    assert images[0].shape == (6, 5, 3)
    read_folder(plain, cache=cache)
    assert len(decodings) == 2
