"""Formats, channels and sizes of images, and images that cannot be decoded."""

import numpy as np
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
@pytest.mark.parametrize("limit", [10, 20])
def test_decompression_bombs_respect_pillows_limit(plain, monkeypatch, limit):
    """Pillow warns above its limit and refuses above twice the limit; an image here has 30 pixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    expect_error("DecompressionBomb", plain)
