"""`near_duplicates` on real photographs, digits and images that show nothing."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from sklearn.datasets import load_sample_images

from sk_cifar_ovr import load_image_folder
from sk_cifar_ovr.datasets import LazyArray, load_digit_images, near_duplicates

MODULE = "sk_cifar_ovr.datasets.duplicates._near_duplicates"
N = 60


def encoded(image, quality):
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(BytesIO(file.getvalue()))


def cropped(image, share):
    width, height = image.size
    x, y = width * share / 2, height * share / 2
    return image.resize(image.size, box=(x, y, width - x, height - y))


COPIES = {
    "quality 95": lambda image: encoded(image, 95),
    "quality 30": lambda image: encoded(image, 30),
    "smaller": lambda image: image.resize([round(0.9 * side) for side in image.size]),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "cropped": lambda image: cropped(image, 0.02),
    "gray": lambda image: image.convert("L").convert("RGB"),
    "all": lambda image: encoded(cropped(ImageEnhance.Brightness(image).enhance(1.05), 0.02), 60),
}


def arrays(images, side=48):
    return np.stack([np.asarray(image.resize((side, side))) for image in images])


@pytest.fixture(scope="module")
def photographs():
    """Patches of two photographs, at least 70 pixels apart, but for those of clear sky."""
    patches = []
    for pixels in load_sample_images().images:
        for y in range(0, 300, 71):
            patches += [Image.fromarray(pixels[y : y + 120, x : x + 120]) for x in range(0, 500, 83)]
    patches = [patch for patch in patches if np.asarray(patch.convert("L")).std() > 10]
    assert len(patches) == N
    return patches


@pytest.fixture(scope="module")
def images(photographs):
    """The patches, and copies of three of them: of 4 once, and of 9 twice."""
    changed = [cropped(photographs[4], 0.02), encoded(photographs[9], 40), photographs[9]]
    return arrays([*photographs, *changed])


@pytest.mark.parametrize("copy", COPIES)
def test_copies_are_found_and_nothing_else(photographs, copy):
    found = near_duplicates(arrays(map(COPIES[copy], photographs), 40), arrays(photographs), n_closest=1)
    assert (found.pairs[:, 0] == found.pairs[:, 1]).all()
    assert len(found.pairs) >= N - 1
    assert "groups" not in found


def test_pairs_and_groups_of_one_array(images):
    before = images.copy()
    found = near_duplicates(images)
    assert found.pairs.tolist() == [[N, 4], [N + 1, 9], [N + 2, 9], [N + 2, N + 1]]
    assert (found.differences >= 0).all()
    assert found.differences[0] > 3 > found.differences[2]
    assert len(set(found.groups)) == N
    assert found.groups[N] == found.groups[4]
    assert found.groups[9] == found.groups[N + 1] == found.groups[N + 2] != found.groups[4]
    assert near_duplicates(images, n_closest=1).pairs.tolist() == [[N, 4], [N + 1, 9], [N + 2, 9]]
    assert near_duplicates(images, n_closest=1).groups.tolist() == found.groups.tolist()
    assert near_duplicates(images, max_difference=3).pairs.tolist() == [[N + 1, 9], [N + 2, 9], [N + 2, N + 1]]
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("convert", [LazyArray, lambda images: images / 255, lambda images: images.astype("float32")])
def test_arrays_of_any_kind(images, convert):
    found = near_duplicates(convert(images))
    assert found.pairs.tolist() == near_duplicates(images).pairs.tolist()


def test_files_read_on_demand(images, tmp_path):
    for i, pixels in enumerate(images):
        folder = tmp_path / "ab"[i % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    data = load_image_folder(tmp_path, lazy=True, verbose=0)
    found = near_duplicates(data.images)
    names = {frozenset(data.filenames[i] for i in pair) for pair in found.pairs}
    assert {frozenset({f"{'ab'[i % 2]}/{i}.png", f"{'ab'[j % 2]}/{j}.png"}) for i, j in ((4, N), (9, N + 1))} < names
    assert len(names) == 4


def test_blocks_give_the_same(images, monkeypatch):
    whole = near_duplicates(images), near_duplicates(images[:40], images[40:])
    for name, value in (("BLOCK", 7), ("MAX_CANDIDATES", 2), ("MAX_LINKS", 1)):
        monkeypatch.setattr(f"{MODULE}.{name}", value)
    monkeypatch.setattr("sk_cifar_ovr.datasets.duplicates._descriptors.MAX_BLOCK", 11)
    for before, after in zip(whole, (near_duplicates(images), near_duplicates(images[:40], images[40:])), strict=True):
        for field, value in before.items():
            np.testing.assert_allclose(after[field], value, atol=0.01)


def test_many_copies_of_one_image_are_one_group(images):
    """Their pairs are far more than what is listed."""
    rng = np.random.default_rng(0)
    frames = np.clip(images[9] + rng.integers(-4, 5, (700, *images[9].shape)), 0, 255).astype("uint8")
    found = near_duplicates(frames, n_closest=2)
    assert set(found.groups) == {0}
    assert len(found.pairs) == 2 * 700 - 3


def test_a_group_is_what_is_linked():
    """The first and the last image alone are not alike."""
    base = np.asarray(Image.fromarray(load_sample_images().images[0]).resize((96, 64)))
    moved = np.stack([base[:, i : i + 64] for i in range(8)])
    found = near_duplicates(moved)
    assert set(found.groups) == {0}
    assert not len(near_duplicates(moved[:1], moved[-1:]).pairs)


@pytest.mark.parametrize("side", [8, 32])
def test_digits_are_not_alike(side):
    images = np.stack(
        [np.asarray(Image.fromarray(image[..., 0]).resize((side, side))) for image in load_digit_images().images]
    )
    assert len(near_duplicates(images).pairs) <= 20


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((50, 8, 8, 1), "uint8"),
        np.full((50, 6, 5, 3), 200, "uint8"),
        np.random.default_rng(0).integers(0, 4, (50, 16, 16, 3), dtype="uint8"),
        np.random.default_rng(0).integers(0, 256, (50, 6, 5, 3), dtype="uint8"),
    ],
    ids=["black", "gray", "dark", "noise"],
)
def test_images_that_show_nothing_are_no_copies(images):
    found = near_duplicates(images)
    assert found.pairs.shape == (0, 2)
    assert found.groups.tolist() == list(range(50))


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((3, 8)), {}, r"shape \(3, 8\); it must be \(n, h, w\)"),
        (np.zeros((0, 8, 8, 3)), {}, "not empty"),
        (np.zeros((8, 8, 1)), {}, r"shape \(8, 8, 1\) of one image; pass several"),
        (np.zeros((8, 8, 3)), {}, r"shape \(8, 8, 3\) of one image; pass several"),
        (np.ma.masked_equal(np.arange(192).reshape(3, 8, 8), 5), {}, "masked pixels; fill them first"),
        (np.full((3, 8, 8), np.nan), {}, "values from nan to nan"),
        (np.full((3, 8, 8), np.inf), {}, "values from inf to inf"),
        (np.full((3, 8, 8), -1), {}, "values from -1 to -1"),
        (np.full((3, 8, 8), 400), {}, "values from 400 to 400"),
        (np.full((3, 8, 8), 1j), {}, "dtype complex128"),
        (np.full((3, 8, 8), "x"), {}, "dtype <U1"),
        (np.zeros((3, 8, 8)), {"max_difference": 0}, "max_difference is 0; it must be above 0"),
        (np.zeros((3, 8, 8)), {"n_closest": 0}, "n_closest is 0; it must be at least 1"),
    ],
)
def test_bad_input(images, options, message):
    with pytest.raises(ValueError, match=message):
        near_duplicates(images, **options)
