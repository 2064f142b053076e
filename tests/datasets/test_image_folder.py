"""`load_image_folder` on the real images, its progress, and `read_image_files`."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from image_sources import expect_error, pack, pixels
from PIL import Image

from sk_cifar_ovr import load_image_folder
from sk_cifar_ovr.datasets import CLASS_NAMES, read_image_files
from sk_cifar_ovr.exceptions import DatasetError, ImageShapeError

SHARED = Path(__file__).parents[3] / "shared/data/cifar10-jpeg.tar.xz"
MEASURE = """
import json, sys, time
from pathlib import Path
from sk_cifar_ovr.datasets import load_image_folder

def peak_mb():
    status = Path("/proc/self/status")
    peak = [line for line in status.read_text().splitlines() if "VmHWM" in line] if status.exists() else []
    return int(peak[0].split()[1]) * 1024 / 1e6 if peak else 0

# Packages that pandas imports if they are installed, such as pyarrow, take 30 MB each.
before = peak_mb()
start = time.process_time()  # wall time depends on what else runs here
data = load_image_folder(sys.argv[1], subset="all", verbose=0)
seconds = time.process_time() - start
print(json.dumps({
    "seconds": seconds, "peak_mb": peak_mb() - before,
    "shape": data.images.shape, "dtype": str(data.images.dtype), "names": data.target_names,
    "counts": [[int((part == k).sum()) for k in range(10)]
               for part in (data.target[:data.n_train], data.target[data.n_train:])],
    "n_train": data.n_train, "sha256": data.sha256, "ends": [data.filenames[0], data.filenames[-1]],
    "first": data.images[0].tolist(), "in_order": data.filenames == sorted(data.filenames,
        key=lambda f: (f[:4] == "test", f)),
}))
"""


def test_unknown_on_error_is_refused(plain):
    expect_error("'ignore'", plain, ValueError, on_error="ignore")


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


@pytest.mark.parametrize("kind", [str, Path])
def test_read_image_files_takes_one_path(plain, kind):
    one = read_image_files(kind(plain / "cat"), shape=(6, 5, 3))
    assert one[0] == read_image_files([plain / "cat"], shape=(6, 5, 3))[0]


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
    (plain / "link.png").symlink_to("missing.png")
    with pytest.raises(FileNotFoundError, match="link to a file that does not exist"):
        read_image_files([plain / "link.png"], shape=(6, 5, 3))
    (plain / "link.png").unlink()
    with pytest.raises(DatasetError, match="Unpack it"):
        read_image_files([pack(plain, ".zip")], shape=(6, 5, 3))
    (tmp_path / "void").mkdir()
    with pytest.raises(DatasetError, match="no images"):
        read_image_files([tmp_path / "void"], shape=(6, 5, 3))
    (plain / "cat/1.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="1.png"):
        read_image_files([plain / "cat/1.png"], shape=(6, 5, 3))


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
    assert real["names"] == CLASS_NAMES
    assert real["sha256"] == "8b84805faa825e816f3b2a9d5628b2e436b20c27ef89fad4b1ebe72591f46566"
    assert real["ends"] == ["train/airplane/0000.jpg", "test/truck/0999.jpg"]
    assert real["in_order"]


def test_real_images_are_decoded_as_pillow_does(real):
    with tarfile.open(SHARED) as archive:
        member = next(member for member in archive if member.name == "train/airplane/0000.jpg")
        first = np.asarray(Image.open(archive.extractfile(member)))
    np.testing.assert_array_equal(real["first"], first)


def test_real_images_load_in_half_a_minute_and_250_mb(real):
    assert real["seconds"] < 30
    assert real["peak_mb"] < 250  # their pixels are 184


def test_importing_datasets_is_light():
    heavy = ("keras", "PIL", "pooch", "rich")
    code = f"import sys, sk_cifar_ovr.datasets; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
