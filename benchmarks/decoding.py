"""How fast folders of photographs are read: on one core and on all, beside Keras, and the listing of many files.

    python benchmarks/decoding.py        # about 3 minutes on 2 cores

Two thousand JPEG files of 224 x 224 pixels, quality 85, cut from scikit-learn's two sample photographs, in four class
folders of a temporary folder. All sides read the same files to the same size, in turn, seven times; the first turn is
not counted. "decode" is the decoding alone, "load" is `load_image_folder` with its listing and hash: both end with all
images in one new array. "lazy" is `load_image_folder(lazy=True)`, read to the end in batches of 128 as the training
reads them, each forgotten before the next. "keras" does the same: `keras.utils.image_dataset_from_directory` in batches
of 128, without shuffling, with its default interpolation, which skips pixels when it reduces; "keras, area" averages
over all pixels, as ours does.

The listing is that of 100,000 empty files in ten class folders, with their order and classes; nothing is decoded.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _common import interleaved, ratios, surroundings, write_result
from PIL import Image

from sk_cifar_ovr import load_image_folder
from sk_cifar_ovr._shared.lazy_arrays import LazyArray, read_each
from sk_cifar_ovr.datasets import _class_folders, files
from sk_cifar_ovr.datasets.files import _threads

SIZES = {"128": (128, 128), "224": (224, 224)}
N_CLASSES = 4


def write_photographs(folder: Path, n: int) -> None:
    """JPEG files of 224 x 224 pixels."""
    from sklearn.datasets import load_sample_images

    photographs = [Image.fromarray(image) for image in load_sample_images().images]
    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / f"class{i % N_CLASSES}" / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        photograph = photographs[i % 2]
        side = int(rng.integers(224, 400))
        x, y = (int(rng.integers(0, limit - side)) for limit in photograph.size)
        photograph.resize((224, 224), box=(x, y, x + side, y + side)).save(path, quality=85)


def on_cores(n: int, function):
    """The same function, decoding by `n` threads."""

    def run():
        n_cores = _threads.n_cores
        _threads.n_cores = lambda: n
        _threads._pool.cache_clear()
        try:
            return function()
        finally:
            _threads.n_cores = n_cores
            _threads._pool.cache_clear()

    return run


def decoding(folder: Path, size: tuple[int, int], repeats: int) -> dict:
    """Seconds of each side."""
    import keras

    found = files.read_source(folder, files.is_image).files
    reading = files.Reading(size)
    n_cores = _threads.n_cores()

    def decode():
        return files.decode_files(found, reading)

    def read_lazily():
        images = LazyArray(load_image_folder(folder, image_size=size, lazy=True, verbose=0).images)
        for _ in read_each(images, (slice(start, start + 128) for start in range(0, len(images), 128))):
            pass

    def read_by_keras(interpolation):
        options = {"image_size": size, "batch_size": 128, "shuffle": False, "verbose": False}
        for _ in keras.utils.image_dataset_from_directory(folder, interpolation=interpolation, **options):
            pass

    sides = {
        "decode, 1 core": on_cores(1, decode),
        f"decode, {n_cores} cores": on_cores(n_cores, decode),
        "load": lambda: load_image_folder(folder, image_size=size, verbose=0),
        "lazy": read_lazily,
        "keras": lambda: read_by_keras("bilinear"),
        "keras, area": lambda: read_by_keras("area"),
    }
    seconds = {name: times[1:] for name, times in interleaved(sides, repeats + 1).items()}
    one, many = (seconds[f"decode, {label}"] for label in ("1 core", f"{n_cores} cores"))
    speedup = statistics.median(a / b for a, b in zip(one, many, strict=True))
    return {
        "sides": ratios(seconds, "keras"),
        "cores": n_cores,
        "share_of_linear": speedup / n_cores,
        "lazy_times_faster_than_keras": ratios(seconds, "keras")["lazy"]["times_faster"],
        "lazy_times_faster_than_keras_area": ratios(seconds, "keras, area")["lazy"]["times_faster"],
        "images_per_second": len(found) / statistics.median(seconds["load"]),
    }


def listing(folder: Path, n: int, repeats: int) -> dict:
    """Seconds in which many files are listed and grouped by class."""
    for k in range(10):
        (folder / f"class{k}").mkdir()
        for i in range(n // 10):
            (folder / f"class{k}" / f"{i}.jpg").touch()

    def list_files():
        return _class_folders.group_by_class(files.read_source(folder, files.is_image), "raise")

    seconds = interleaved({"listing": list_files}, repeats)["listing"]
    return {"files": n, "seconds": seconds, "median_seconds": statistics.median(seconds)}


def main(arguments) -> dict:
    """Run all parts in temporary folders."""
    result = {"surroundings": surroundings(), "images": arguments.images, "image": "224x224 JPEG, quality 85"}
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder), arguments.images)
        for name, size in SIZES.items():
            print(f"image_size={size}", flush=True)
            result[f"image_size_{name}"] = decoding(Path(folder), size, arguments.repeats)
    with tempfile.TemporaryDirectory() as folder:
        result["listing"] = listing(Path(folder), arguments.files, arguments.repeats)
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--dry-run", action="store_true", help="print the result instead of writing it")
    arguments = parser.parse_args()
    result = main(arguments)
    print(result if arguments.dry_run else write_result("decoding", result))
