"""Formats, channels and sizes of images, and images that cannot be decoded."""

from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from image_sources import KINDS, NAMES, expect_error, pack, pixels, read_folder, write
from PIL import Image


@pytest.mark.parametrize("ending", ["bmp", "gif", "webp", "ppm", "jpg", "jpeg", "PNG", "tiff"])
def test_formats(tmp_path, ending):
    for name in NAMES:
        write(tmp_path / name / f"1.{ending}", np.full((8, 8, 3), 77, np.uint8))
    assert abs(read_folder(tmp_path).images.astype(int) - 77).max() <= 3


def test_grey_images_have_one_channel(tmp_path):
    for seed, name in enumerate(NAMES):
        write(tmp_path / name / "1.png", pixels(seed, (6, 5)))
        Image.fromarray(pixels(seed, (6, 5)) > 99).save(tmp_path / name / "2.png")
    data = read_folder(tmp_path)
    assert data.images.shape == (4, 6, 5, 1)
    np.testing.assert_array_equal(data.images[0, ..., 0], pixels(0, (6, 5)))
    np.testing.assert_array_equal(data.images[1, ..., 0], 255 * (pixels(0, (6, 5)) > 99))


@pytest.mark.parametrize("grey_at", [1, 3])
def test_grey_among_colour_becomes_colour(tmp_path, grey_at):
    for number in (1, 2, 3):
        write(tmp_path / "cat" / f"{number}.png", pixels(number, (6, 5) if number == grey_at else (6, 5, 3)))
    write(tmp_path / "dog/1.png", pixels(9))
    images = read_folder(tmp_path).images
    assert images.shape == (4, 6, 5, 3)
    for channel in range(3):
        np.testing.assert_array_equal(images[grey_at - 1, ..., channel], pixels(grey_at, (6, 5)))
    np.testing.assert_array_equal(images[3], pixels(9))


@pytest.mark.parametrize("ending", ["", ".zip", ".tar.xz"])
def test_mixed_sizes_name_both_images(plain, ending):
    write(plain / "cat/3.png", pixels(3, (9, 7, 3)))
    (plain / "cat/0.png").write_bytes(b"")  # skipped, so not the first
    message = expect_error("mixed sizes", pack(plain, ending) if ending else plain, on_error="skip")
    assert all(part in message for part in ("cat/1.png", "5x6", "cat/3.png", "7x9", "image_size="))


@pytest.mark.parametrize("ending", ["", *KINDS])
@pytest.mark.parametrize("damage", ["truncated", "not an image", "empty", "text"])
def test_unreadable_images_are_named_or_skipped(plain, ending, damage):
    write(plain / "cat/3.jpg", pixels(3, (64, 64, 3)))
    whole = (plain / "cat/3.jpg").read_bytes()
    name = "cat/3.txt" if damage == "text" else "cat/3.jpg"
    contents = {
        "truncated": whole[: len(whole) // 2],
        "not an image": b"hello",
        "empty": b"",
        "text": b"hello",
    }
    (plain / "cat/3.jpg").unlink()
    (plain / name).write_bytes(contents[damage])
    path = pack(plain, ending) if ending else plain
    assert "on_error='skip'" in expect_error(name, path)
    data = read_folder(path, on_error="skip")
    assert data.skipped == [name]
    np.testing.assert_array_equal(data.images, [pixels(seed) for seed in (1, 2, 10, 101, 102, 110)])
    assert data.filenames == [f"{c}/{i}.png" for c in NAMES for i in (1, 2, 10)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lazy", [False, True])
def test_decompression_bombs_respect_pillows_limit(plain, monkeypatch, lazy):
    """Pillow warns above its limit and refuses above twice the limit; an image here has 30 pixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15)
    assert np.asarray(read_folder(plain, lazy=lazy).images).shape == (6, 6, 5, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 14)
    expect_error("DecompressionBomb.*PIL.Image.MAX_IMAGE_PIXELS.*cache=FOLDER", plain, lazy=lazy)


@pytest.mark.parametrize("grey", [False, True])
def test_more_images_than_memory_holds(plain, monkeypatch, grey):
    """500 bytes would hold the six grey images, but not with three channels."""
    if grey:
        write(plain / "cat/1.png", pixels(1, (6, 5)))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=500))
    remedies = "lazy=True.*cache=FOLDER.*smaller image_size"
    expect_error(rf"\(6, 6, 5, 3\) takes.*{remedies}", plain, MemoryError)
    (plain / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="cannot be cached"):
        expect_error(remedies, plain, MemoryError, cache=plain / "file")
    assert read_folder(plain, lazy=True).images.shape == (6, 6, 5, 3)


@pytest.mark.parametrize("way", [{}, {"lazy": True}, {"cache": "cache"}], ids=["memory", "lazy", "cache"])
@pytest.mark.parametrize("image_size", [None, (4, 4)])
@pytest.mark.parametrize("first", [True, False])
def test_damaged_files_do_not_change_the_shape(tmp_path, way, image_size, first):
    """A large colour image with a sound header among small grey ones."""
    for seed, name in enumerate(NAMES * 2):
        write(tmp_path / "images" / name / f"{seed}.png", pixels(seed, (6, 5)))
    damaged = tmp_path / "images/cat" / ("-1.png" if first else "9.png")
    write(damaged, pixels(9, (60, 60, 3)))
    damaged.write_bytes(damaged.read_bytes()[:4000])
    way = {option: tmp_path / value if option == "cache" else value for option, value in way.items()}
    data = read_folder(tmp_path / "images", on_error="skip", image_size=image_size, **way)
    assert data.images.shape == (4, *(image_size or (6, 5)), 1)
    assert data.skipped == [f"cat/{damaged.name}"]
    assert np.asarray(data.images).shape == data.images.shape
    write(damaged, pixels(9, (60, 60, 3)))
    if image_size is None:
        expect_error("mixed sizes", tmp_path / "images", on_error="skip", **way)
    else:
        assert read_folder(tmp_path / "images", on_error="skip", image_size=image_size, **way).images.shape[3] == 3
