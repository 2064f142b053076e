"""Image files and archives that are damaged, unusual or made to hurt: read right, or refused by name.

`.ci/hostile_images.py` reads more of them, the large ones included, and measures memory.
"""

import gzip
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from hostile_archives import archive_outcome, hostile_archives, png, tar_of, zip_of
from hostile_images import Case, encoded, hostile_images, many_scans, outcome, tiles, with_size, zlib_png
from image_sources import expect_error, pixels, read_folder, write
from PIL import Image

from sk_cifar_ovr import load_image_folder
from sk_cifar_ovr.datasets import read_images
from sk_cifar_ovr.datasets.files import Reading, SourceFile, _archive, _limits, _pixels, decode, decode_files
from sk_cifar_ovr.exceptions import DatasetError

# Pillow warns of damaged metadata.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cases():
    return list(hostile_images())


KINDS = ["sound", "truncated", "changed bytes", "wrong ending", "size", "no pixels", "junk"]


@pytest.mark.parametrize("image_size", [None, (32, 32)])
@pytest.mark.parametrize("kind", KINDS)
def test_images_are_read_right_or_refused_by_name(cases, kind, image_size, tmp_path):
    chosen = [case for case in cases if case.kind == kind]
    assert len(chosen) >= 15
    wrong = {case.name: outcome(case, tmp_path, image_size) for case in chosen}
    assert {name: result for name, result in wrong.items() if result.startswith("WRONG")} == {}


def test_there_are_no_other_kinds(cases):
    assert {case.kind for case in cases} == set(KINDS)


def test_archives_are_read_or_refused_by_name(tmp_path):
    results = {path.name: archive_outcome(path, expected) for path, expected in hostile_archives(tmp_path)}
    assert len(results) >= 50
    assert {name: result for name, result in results.items() if result.startswith("WRONG")} == {}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_archive_that_unpacks_to_many_times_its_size(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(_archive, "MIN_ALLOWED", 10_000)
    members = [("cat/zeros.png", bytes(2_000_000))]
    path = tmp_path / f"bomb.{kind}"
    path.write_bytes(zip_of(members) if kind == "zip" else tar_of(members))
    if kind == "tar.gz":
        with tarfile.open(path, "w:gz") as archive:
            (tmp_path / "zeros.png").write_bytes(bytes(2_000_000))
            archive.add(tmp_path / "zeros.png", "cat/zeros.png")
    if kind == "tar":
        assert "cat/zeros.png" in expect_error("no format of images", path)
        return
    assert "cat/zeros.png" in expect_error("more than 200 times the size", path)
    monkeypatch.undo()
    expect_error("", path)


def test_what_follows_the_end_of_a_tar_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(_archive, "MIN_ALLOWED", 2**20)
    path = tmp_path / "behind.tar.gz"
    path.write_bytes(gzip.compress(tar_of([]) + bytes(2**26)))
    expect_error("more than 200 times the size", path)


def test_an_archive_of_too_many_members(tmp_path, monkeypatch):
    path = tmp_path / "many.zip"
    path.write_bytes(zip_of([(f"cat/{i}.png", png(i)) for i in range(2, 12)]))
    assert len(read_folder(path).images) == 12
    monkeypatch.setattr(_archive, "MAX_MEMBERS", 11)
    assert "cat/11.png" in expect_error("more than 11 files", path)


def test_an_archive_that_does_not_fit_into_memory(tmp_path, monkeypatch):
    path = tmp_path / "large.zip"
    path.write_bytes(zip_of([(f"cat/{i}.png", bytes(3 * 2**20)) for i in range(2, 6)]))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=6 * 2**20))
    expect_error("more than half of the memory.*lazy=True", path, MemoryError)


def test_files_are_limited_in_bytes(plain, monkeypatch):
    with open(plain / "cat/1.png", "r+b") as stream:
        stream.truncate(_limits.MAX_FILE_SIZE + 1)  # takes no room on the disk
    assert "cat/1.png" in expect_error("268,435,457 bytes, and 268,435,456 are the limit", plain)
    assert read_folder(plain, on_error="skip").skipped == ["cat/1.png"]


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_devices_are_no_images(path):
    with pytest.raises(DatasetError, match=f"{path}.*no regular file"):
        read_images([path])


def test_scans_are_limited():
    content = many_scans(30, side=64)
    assert decode(content, Reading(), None).shape == (64, 64, 1)
    with pytest.raises(ValueError, match="scans, and 500 are the limit"):
        decode(many_scans(501, side=64), Reading(), None)


def test_webp_images_count_twice(monkeypatch):
    """They take about twice the memory of other formats."""
    content = encoded(Image.new("RGB", (10, 10)), "WEBP")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(content, Reading(), None).shape == (10, 10, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 99)
    with pytest.raises(ValueError, match="it has 100 pixels, and 99 are the limit for WEBP"):
        decode(content, Reading(), None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert decode(content, Reading(), None).shape == (10, 10, 3)


def test_tiles_are_limited(tmp_path):
    case = Case("tiles.tiff", tiles(60_000), "", must_be_refused=True)
    assert outcome(case, tmp_path, None) == "refused"


@pytest.mark.parametrize(("size", "fit"), [((1, 20_000), "pad"), ((20_000, 1), "pad"), ((1, 20_000), "stretch")])
def test_very_long_images_are_not_lost(size, fit):
    found = decode(encoded(Image.new("RGB", size, (9, 99, 199)), "PNG"), Reading((32, 32), fit), None)
    assert (found == (9, 99, 199)).all(axis=-1).sum() >= 32


def test_a_long_image_takes_no_memory_when_it_is_stretched(monkeypatch):
    """Pillow alone would first make it 1,000 times as wide."""
    sizes = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda self, size, *rest: sizes.append(size) or resize(self, size, *rest)
    )
    decode(encoded(Image.new("L", (1, 20_000), 99), "PNG"), Reading((32, 1000), "stretch"), None)
    assert sizes == [(1, 32), (1000, 32)]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16"])
def test_bands_make_no_difference(mode, monkeypatch):
    image = Image.fromarray(pixels(0, (40, 30, 4))).convert("RGBA" if mode == "I;16" else mode)
    if mode == "P":
        image.info["transparency"] = 3
    if mode == "I;16":
        image = Image.fromarray(pixels(0, (40, 30)).astype(np.uint16) * 200)
    content = encoded(image, "PNG")
    whole = decode(content, Reading(None, "crop", "scale"), None)
    monkeypatch.setattr(_pixels, "BAND_PIXELS", 100)
    np.testing.assert_array_equal(decode(content, Reading(None, "crop", "scale"), None), whole)


def test_threads_decode_no_more_pixels_at_a_time_than_one_image_may_have(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    lock, now, most = threading.Lock(), [0], [0]

    def work(n):
        with _limits.room_for(n):
            with lock:
                now[0] += n
                most[0] = max(most[0], now[0])
            time.sleep(0.005)
            with lock:
                now[0] -= n

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [30, 60, 100, 10] * 10))
        assert 60 <= most[0] <= 100
        # One image that the user allowed has room when it is alone, and without a limit all have.
        list(pool.map(work, [1000]))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        list(pool.map(work, [10**12] * 4))


def test_pixels_that_a_small_file_promises(tmp_path):
    """A file of 30 kB of 5,000 x 5,000 pixels is read at the size that is wanted."""
    (tmp_path / "large.png").write_bytes(zlib_png((5000, 5000), 2, 3))
    images = decode_files([SourceFile("large.png", str(tmp_path / "large.png"))], Reading((4, 4)))[0]
    assert images.shape == (1, 4, 4, 3)
    for name in ("a", "b"):
        write(tmp_path / "photos" / name / "1.png", pixels(1))
        (tmp_path / "photos" / name / "2.png").write_bytes(with_size("png", (30_000, 30_000)))
    expect_error("2.png.*DecompressionBomb", tmp_path / "photos", image_size=(4, 4))
    data = load_image_folder(tmp_path / "photos", image_size=(4, 4), on_error="skip", verbose=0)
    assert data.skipped == ["a/2.png", "b/2.png"]
