"""Images in: folders, archives and the digits, and every way they can be bad."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sk_cifar_ovr import fetch_cifar10, load_digit_images, load_image_folder
from sk_cifar_ovr.datasets import _cifar10 as _cifar
from sk_cifar_ovr.datasets import read_image_files
from sk_cifar_ovr.exceptions import DatasetError, ImageShapeError

SHARED = Path(__file__).parents[3] / "shared/data/cifar10-jpeg.tar.xz"
KINDS = (".zip", ".tar", ".tar.gz", ".tar.xz")
NAMES = ["cat", "dog"]

read_folder = partial(load_image_folder, verbose=0)


def pixels(seed, shape=(6, 5, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def plain(tmp_path):
    """A folder not split: 1.png, 2.png and 10.png of cats (seeds 1, 2, 10) and dogs (101, 102, 110)."""
    for first, name in ((100, "dog"), (0, "cat")):
        for number in (10, 2, 1):
            write(tmp_path / "plain" / name / f"{number}.png", pixels(first + number))
    return tmp_path / "plain"


@pytest.fixture
def split(tmp_path):
    """A folder with two training images and one test image a class."""
    for part, first in (("train", 0), ("test", 50)):
        for name, offset in (("cat", 0), ("dog", 100)):
            for number in range(2 if part == "train" else 1):
                write(tmp_path / "split" / part / name / f"{number}.png", pixels(first + offset + number))
    return tmp_path / "split"


def pack(folder, ending, *, top=""):
    """Pack a folder's content in an order of no use, so that nothing relies on it."""
    path = folder.with_name(f"{folder.name}{'-top' if top else ''}{ending}")
    files = sorted(folder.rglob("*"), reverse=True)
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, Path(top) / file.relative_to(folder))
    else:
        with tarfile.open(path, f"w:{ending.rpartition('.')[2].replace('tar', '')}") as archive:
            for file in files:
                archive.add(file, Path(top) / file.relative_to(folder), recursive=False)
    return path


# Digits


def test_digits_are_scikit_learns_spread_over_a_byte():
    from sklearn.datasets import load_digits

    data, original = load_digit_images(), load_digits()
    assert data.images.shape == (1797, 8, 8, 1)
    assert data.images.dtype == np.uint8
    assert data.target.dtype == np.int64
    np.testing.assert_array_equal(data.images[..., 0], np.rint(original.images * 255 / 16))
    np.testing.assert_array_equal(data.target, original.target)
    assert data.target_names == [str(i) for i in range(10)]
    assert data.sha256 == load_digit_images("all").sha256
    assert data.n_train is None


@pytest.mark.parametrize("subset", ["train", "test"])
def test_digits_have_no_parts(subset):
    with pytest.raises(DatasetError, match="not split"):
        load_digit_images(subset)


@pytest.mark.parametrize("read", [load_digit_images, lambda s: fetch_cifar10(subset=s)])
def test_unknown_subset_is_refused(read):
    with pytest.raises(ValueError, match="'validation'"):
        read("validation")


# Folders and archives


@pytest.mark.parametrize("top", ["", "photos"])
@pytest.mark.parametrize("ending", KINDS)
def test_archives_read_as_the_folder_does(plain, ending, top):
    folder, archive = read_folder(plain), read_folder(path := pack(plain, ending, top=top))
    np.testing.assert_array_equal(archive.images, folder.images)
    np.testing.assert_array_equal(archive.target, folder.target)
    assert archive.target_names == folder.target_names == NAMES
    assert archive.filenames == [str(Path(top) / name) for name in folder.filenames]
    assert archive.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert archive.n_train is None


def test_order_is_by_class_then_natural(plain):
    data = read_folder(plain)
    expected = [pixels(seed) for seed in (1, 2, 10, 101, 102, 110)]
    np.testing.assert_array_equal(data.images, expected)
    assert data.target.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.filenames[:3] == ["cat/1.png", "cat/2.png", "cat/10.png"]
    assert data.target.dtype == np.int64
    assert data.skipped == []


@pytest.mark.parametrize("ending", ["", *KINDS])
@pytest.mark.parametrize(
    ("subset", "seeds", "n_train"),
    [
        (None, [0, 1, 100, 101], 4),
        ("train", [0, 1, 100, 101], 4),
        ("test", [50, 150], 0),
        ("all", [0, 1, 100, 101, 50, 150], 4),
    ],
)
def test_subsets_of_a_split_source(split, ending, subset, seeds, n_train):
    data = read_folder(pack(split, ending) if ending else split, subset=subset)
    np.testing.assert_array_equal(data.images, [pixels(seed) for seed in seeds])
    np.testing.assert_array_equal(data.target, np.array(seeds) >= 100)
    assert data.n_train == n_train


@pytest.mark.parametrize("subset", ["train", "test"])
def test_parts_of_an_unsplit_source_are_refused(plain, subset):
    assert len(read_folder(plain, subset="all").images) == 6
    with pytest.raises(DatasetError, match="not split"):
        read_folder(plain, subset=subset)


def test_a_training_part_alone(split):
    shutil.rmtree(split / "test")
    assert len(read_folder(split, subset="all").images) == 4
    assert read_folder(split).n_train is None
    with pytest.raises(DatasetError, match="no part 'test'"):
        read_folder(split, subset="test")


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "bus"):
        write(tmp_path / name / "1.png", pixels(0))
    assert read_folder(tmp_path).target_names == ["bus", "train"]


def test_sha256_of_a_folder_is_of_names_and_contents(split):
    whole = read_folder(split, subset="all").sha256
    assert read_folder(split, subset="test").sha256 == whole
    moved = split.rename(split.with_name("elsewhere"))
    assert read_folder(moved).sha256 == whole
    (moved / "test/dog/0.png").rename(moved / "test/dog/1.png")
    assert read_folder(moved).sha256 != whole


def test_clutter_is_passed_over(plain):
    (plain / "README.txt").write_text("hello")
    (plain / ".git").mkdir()
    (plain / ".git" / "x.png").write_bytes(b"")
    (plain / "cat" / ".DS_Store").write_bytes(b"")
    (plain / "__MACOSX" / "cat").mkdir(parents=True)
    (plain / "__MACOSX" / "cat" / "1.png").write_bytes(b"")
    for source in (plain, pack(plain, ".zip"), pack(plain, ".tar")):
        assert len(read_folder(source).images) == 6


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


def test_palette_and_alpha_become_colour(tmp_path):
    colours = np.zeros((6, 5, 3), np.uint8)
    colours[2:] = (10, 200, 30)
    write(tmp_path / "cat/1.png", np.dstack([colours, np.full((6, 5), 128, np.uint8)]))
    palette = Image.fromarray(colours).quantize(4)
    (tmp_path / "dog").mkdir()
    palette.save(tmp_path / "dog/1.png")
    palette.save(tmp_path / "dog/2.png", transparency=bytes([0, 128, 255]))
    for image in read_folder(tmp_path).images:
        np.testing.assert_array_equal(image, colours)


# Bad input


def bad(match, path, kind=DatasetError, **options):
    """Reading must fail, naming the fault; the folder of the test, named after the fault, does not count."""
    with pytest.raises(kind) as caught:
        read_folder(path, **options)
    message = str(caught.value).replace(str(path.parent), "")
    assert re.search(match, message), message
    return message


def test_missing_path(tmp_path):
    bad("nothing-here", tmp_path / "nothing-here", FileNotFoundError)


@pytest.mark.parametrize("ending", ["", ".zip", ".tar.xz"])
def test_mixed_sizes_name_both_images(plain, ending):
    write(plain / "cat/3.png", pixels(3, (9, 7, 3)))
    (plain / "cat/0.png").write_bytes(b"")  # skipped, so not the first
    message = bad("mixed sizes", pack(plain, ending) if ending else plain, on_error="skip")
    assert all(part in message for part in ("cat/1.png", "5x6", "cat/3.png", "7x9"))


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
    assert "on_error='skip'" in bad(name, path)
    data = read_folder(path, on_error="skip")
    assert data.skipped == [name]
    np.testing.assert_array_equal(data.images, [pixels(seed) for seed in (1, 2, 10, 101, 102, 110)])
    assert data.filenames == [f"{c}/{i}.png" for c in NAMES for i in (1, 2, 10)]


def test_a_class_of_which_all_is_skipped(plain):
    for file in (plain / "dog").iterdir():
        file.write_bytes(b"")
    bad("'dog'", plain, on_error="skip")
    for file in (plain / "cat").iterdir():
        file.write_bytes(b"")
    bad("can be read", plain, on_error="skip")


def test_skipping_keeps_the_split_right(split):
    (split / "train/cat/0.png").write_bytes(b"")
    data = read_folder(split, subset="all", on_error="skip")
    assert (data.n_train, len(data.images)) == (3, 5)
    (split / "train/cat/1.png").write_bytes(b"")
    bad("'cat'", split, subset="all", on_error="skip")


def test_deep_pixels_are_refused(plain):
    Image.fromarray(np.full((6, 5), 40_000, np.uint16)).save(plain / "cat/1.png")
    bad("8 bits", plain)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("limit", [10, 20])
def test_decompression_bombs_respect_pillows_limit(plain, monkeypatch, limit):
    """Pillow warns above its limit and refuses above twice the limit; an image here has 30 pixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    bad("DecompressionBomb", plain)


@pytest.mark.parametrize("ending", ["", *KINDS])
def test_empty_class_folder(plain, ending):
    (plain / "emu").mkdir()
    bad("'emu'", pack(plain, ending) if ending else plain)


@pytest.mark.parametrize("top", ["", "photos"])
@pytest.mark.parametrize("ending", KINDS)
def test_one_class_only(plain, ending, top):
    shutil.rmtree(plain / "dog")
    bad("only one class, 'cat'", plain)
    bad("only one class, 'cat'", pack(plain, ending, top=top))


def test_no_images(tmp_path):
    (tmp_path / "void/cat").mkdir(parents=True)
    for path in (tmp_path / "void", pack(tmp_path / "void", ".zip"), pack(tmp_path / "void", ".tar")):
        bad("no images", path)


@pytest.mark.parametrize("stray", ["stray.png", "cat/siamese/stray.png"])
def test_images_outside_of_classes(plain, stray):
    write(plain / stray, pixels(0))
    bad(stray, plain)
    bad("<class>/<image>", pack(plain, ".tar"))


def test_a_third_part(split):
    write(split / "val/cat/1.png", pixels(0))
    bad("belongs to no class", split)


def test_different_classes_in_train_and_test(split):
    (split / "test/dog").rename(split / "test/emu")
    for subset in (None, "train", "test", "all"):
        message = bad("different classes", split, subset=subset)
        assert "['dog']" in message
        assert "['emu']" in message


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("ending", KINDS)
def test_truncated_archives(plain, ending, share):
    path = pack(plain, ending)
    content = path.read_bytes()
    if ending == ".tar":
        content = content.rstrip(b"\0")
    path.write_bytes(content[: int(share * len(content))])
    assert path.name in bad("truncated", path)


def test_a_tar_cut_between_two_files(plain):
    path = pack(plain, ".tar")
    with tarfile.open(path) as archive:
        cut = archive.getmembers()[4].offset
    path.write_bytes(path.read_bytes()[:cut])
    bad("truncated", path)


@pytest.mark.parametrize("ending", KINDS)
def test_corrupt_archives(plain, ending):
    """A few bytes changed in the middle; a plain tar has no checksums, so there a header is hit."""
    path = pack(plain, ending)
    content = bytearray(path.read_bytes())
    if ending == ".tar":
        with tarfile.open(path) as archive:
            at = archive.getmembers()[4].offset
    else:
        at = len(content) // 3
    content[at : at + 4] = bytes(byte ^ 0xFF for byte in content[at : at + 4])
    path.write_bytes(content)
    bad("corrupt", path)


def test_a_wrong_gzip_checksum(plain):
    path = pack(plain, ".tar.gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    bad("corrupt", path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4hello"])
def test_no_archive_at_all(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    bad("cannot be read as an archive", tmp_path / "x.zip")


@pytest.mark.parametrize("name", ["/etc/cat/1.png", "../cat/1.png", "cat/../../1.png", "..\\cat\\1.png", "C:\\1.png"])
@pytest.mark.parametrize("ending", KINDS)
def test_names_that_lead_out_are_refused(plain, ending, name):
    path = pack(plain, ".zip" if ending == ".zip" else ".tar")
    if ending == ".zip":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"")
    else:
        with tarfile.open(path, "a") as archive:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    bad("leads out", path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(plain, kind):
    path = pack(plain, ".tar")
    info = tarfile.TarInfo("cat/4.png")
    info.type, info.linkname = kind, "cat/1.png"
    with tarfile.open(path, "a") as archive:
        archive.addfile(info)
    bad("link or a device", path)


def test_links_in_a_zip_are_refused(plain):
    path = pack(plain, ".zip")
    info = zipfile.ZipInfo("cat/4.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    bad("link or a device", path)


def test_a_file_that_would_unpack_to_gigabytes_is_refused(plain):
    """The header alone promises 10 GB; nothing of it is read."""
    path = pack(plain, ".tar")
    info = tarfile.TarInfo("cat/4.png")
    info.size = 10 * 2**30
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content + b"\0" * (-len(content) % 512) + info.tobuf() + b"\0" * 1024)
    bad("would unpack to", path)


def test_a_file_twice_in_a_tar(plain):
    path = pack(plain, ".tar")
    with tarfile.open(path, "a") as archive:
        archive.add(plain / "cat/1.png", "cat/1.png")
    bad("twice", path)


def test_unknown_on_error_is_refused(plain):
    bad("'ignore'", plain, ValueError, on_error="ignore")


# Progress


@pytest.mark.parametrize("ending", ["", ".tar.xz", ".zip"])
def test_progress_is_on_standard_error_or_silent(plain, ending, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then draws although this is no terminal
    path = pack(plain, ending) if ending else plain
    load_image_folder(path, verbose=0)
    assert capfd.readouterr() == ("", "")
    load_image_folder(path, verbose=1)
    out, err = capfd.readouterr()
    assert out == ""
    assert "Decoding images" in err
    assert not ending or f"Reading {path.name}" in err


# Images to predict


def test_read_image_files(plain):
    names, images, skipped = read_image_files([plain / "dog/2.png", plain / "cat"], shape=(6, 5, 3))
    assert names == [str(plain / name) for name in ("dog/2.png", "cat/1.png", "cat/2.png", "cat/10.png")]
    np.testing.assert_array_equal(images, [pixels(seed) for seed in (102, 1, 2, 10)])
    assert skipped == []
    assert read_image_files([plain / "cat"], shape=(6, 5, 1))[1].shape == (3, 6, 5, 1)
    larger = read_image_files([plain / "cat"], shape=(12, 10, 3), resize=True)[1]
    assert larger.shape == (3, 12, 10, 3)
    with Image.open(plain / "cat/1.png") as image:
        np.testing.assert_array_equal(larger[0], image.resize((10, 12), Image.Resampling.BICUBIC))


def test_read_image_files_has_the_channels_that_are_asked_for(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "clear.png")
    np.testing.assert_array_equal(read_image_files([tmp_path], shape=(6, 5, 4))[1][0], pixels)
    assert read_image_files([tmp_path], shape=(6, 5, 2))[1].shape == (1, 6, 5, 2)
    with pytest.raises(ImageShapeError, match="1 to 4 channels"):
        read_image_files([tmp_path], shape=(6, 5, 5))


def test_read_image_files_names_those_that_it_cannot_read(plain):
    (plain / "cat/2.png").write_bytes(b"")
    names, images, skipped = read_image_files([plain / "cat"], shape=(6, 5, 3))
    assert names == [str(plain / "cat/1.png"), str(plain / "cat/10.png")]
    assert skipped == [str(plain / "cat/2.png")]
    np.testing.assert_array_equal(images, [pixels(1), pixels(10)])


def test_read_image_files_refuses(plain, tmp_path):
    with pytest.raises(ImageShapeError, match="5x6.*not 8x8"):
        read_image_files([plain / "cat"], shape=(8, 8, 3))
    with pytest.raises(FileNotFoundError, match="missing"):
        read_image_files([plain / "missing.png"], shape=(6, 5, 3))
    (tmp_path / "void").mkdir()
    with pytest.raises(DatasetError, match="no images"):
        read_image_files([tmp_path / "void"], shape=(6, 5, 3))
    (plain / "cat/1.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="1.png"):
        read_image_files([plain / "cat/1.png"], shape=(6, 5, 3))


# The real images

MEASURE = """
import json, sys, time
from pathlib import Path
from sk_cifar_ovr.datasets import load_image_folder
start = time.process_time()  # wall time depends on what else runs here
data = load_image_folder(sys.argv[1], subset="all", verbose=0)
seconds = time.process_time() - start
status = Path("/proc/self/status")
peak = [line for line in status.read_text().splitlines() if "VmHWM" in line] if status.exists() else []
print(json.dumps({
    "seconds": seconds, "peak_mb": int(peak[0].split()[1]) * 1024 / 1e6 if peak else 0,
    "shape": data.images.shape, "dtype": str(data.images.dtype), "names": data.target_names,
    "counts": [[int((part == k).sum()) for k in range(10)]
               for part in (data.target[:data.n_train], data.target[data.n_train:])],
    "n_train": data.n_train, "sha256": data.sha256, "ends": [data.filenames[0], data.filenames[-1]],
    "first": data.images[0].tolist(), "in_order": data.filenames == sorted(data.filenames,
        key=lambda f: (f[:4] == "test", f)),
}))
"""


@pytest.fixture(scope="module")
def real():
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not here")
    done = subprocess.run([sys.executable, "-c", MEASURE, SHARED], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_real_images_are_all_there(real):
    assert real["shape"] == [60_000, 32, 32, 3]
    assert real["dtype"] == "uint8"
    assert real["counts"] == [[5000] * 10, [1000] * 10]
    assert real["n_train"] == 50_000
    assert real["names"] == _cifar.CLASS_NAMES
    assert real["sha256"] == "8b84805faa825e816f3b2a9d5628b2e436b20c27ef89fad4b1ebe72591f46566"
    assert real["ends"] == ["train/airplane/0000.jpg", "test/truck/0999.jpg"]
    assert real["in_order"]


def test_real_images_are_decoded_as_pillow_does(real):
    with tarfile.open(SHARED) as archive:
        member = next(member for member in archive if member.name == "train/airplane/0000.jpg")
        first = np.asarray(Image.open(archive.extractfile(member)))
    np.testing.assert_array_equal(real["first"], first)


def test_real_images_load_in_half_a_minute_and_400_mb(real):
    assert real["seconds"] < 30
    assert real["peak_mb"] < 400


def test_importing_datasets_is_light():
    heavy = ("keras", "PIL", "pooch", "rich")
    code = f"import sys, sk_cifar_ovr.datasets; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
