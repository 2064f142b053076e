"""Images that are read on demand: what reading costs in training, and how much memory 20 GB of them take.

    python benchmarks/more_than_memory.py            # about an hour on 2 cores
    python benchmarks/more_than_memory.py --small    # a minute, to see that it runs

`speed`: one epoch of the custom CNN on a folder of JPEG files, batches of 128 (32 of photographs), seed 0, TensorFlow's
default threads. The same files in memory, decoded in every epoch (`lazy=True`), and decoded once into a file (`cache`).
All sides are timed in turn after one untimed fit each; the weights after it are the same, bit for bit. Data: 6,400
training images of CIFAR-10 (JPEG q75 copy) as files of 32 x 32 pixels, ten classes; and 640 pieces of 160 x 160 pixels
of the two photographs that come with scikit-learn, brought to 128 x 128, two classes.

`memory`: fit (one epoch), predict and CNNFeatures on 224 x 224 x 3 images of 20 GB together, by a network that averages
each image before its only layer, so that most of the time is reading. The images are a sparse memory-mapped file, and
an array-like that computes them, a process each. Peak memory, polled every 20 ms, above that after importing TensorFlow
and this package, and above that after the same calls on 512 images. Pages of a mapped file count as resident but are
given back when memory is short; `anonymous` leaves them out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _common import DATA, clock, described, interleaved, ratios, surroundings, write_result
from _sides import images, our_classifier

SIDES = ("memory-mapped file", "array-like")
SHAPE = (224, 224, 3)
WARM_UP = 512
POLL_SECONDS = 0.02


def speed(arguments):
    """Seconds an epoch of each side, on small images and on photographs."""
    n_small, n_photographs = (1280, 128) if arguments.small else (6400, 640)
    X, y, *_, sha256 = images(arguments.data, n_small)
    sets = {
        "32 pixels": (list(zip(X, y, strict=True)), None, 128),
        "photographs, 128 pixels": (pieces_of_photographs(n_photographs), (128, 128), 32),
    }
    found = {}
    for name, (labelled, image_size, batch_size) in sets.items():
        with tempfile.TemporaryDirectory() as folder:
            write_jpegs(labelled, Path(folder) / "files")
            found[name] = {"n": len(labelled), **sides_of(folder, image_size, batch_size, arguments.repeats)}
    return sha256, found


def pieces_of_photographs(n):
    """Pieces of scikit-learn's two photographs, with the number of the photograph."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    photographs = load_sample_images().images
    pieces = []
    for i in range(n):
        photograph = photographs[i % 2]
        top, left = (rng.integers(side - 160) for side in photograph.shape[:2])
        pieces.append((photograph[top : top + 160, left : left + 160], i % 2))
    return pieces


def write_jpegs(labelled, folder):
    """Write images with labels as JPEG files, in a folder for each class."""
    from PIL import Image

    for i, (image, label) in enumerate(labelled):
        path = folder / str(label) / f"{i:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=90)


def sides_of(folder, image_size, batch_size, repeats):
    """Time an epoch on the images of a folder from memory, from the files and from a cache."""
    from sk_cifar_ovr import load_image_folder

    settings = {"path": Path(folder) / "files", "image_size": image_size, "verbose": 0}
    cached = load_image_folder(**settings, cache=Path(folder) / "cache")
    lazy = load_image_folder(**settings, lazy=True)
    decoding, in_memory = clock(lambda: load_image_folder(**settings))
    sides, states = {}, {}
    for name, bunch in {"in memory": in_memory, "lazy": lazy, "cache": cached}.items():

        def epoch(bunch=bunch):
            return our_classifier(epochs=1, batch_size=batch_size).fit(bunch.images, bunch.target)

        sides[name], states[name] = epoch, epoch().network_.state
    for state in states.values():
        assert all(np.array_equal(a, b) for a, b in zip(state, states["in memory"], strict=True))
    return {"seconds_to_load_all": decoding, **ratios(interleaved(sides, repeats), "in memory")}


def memory(arguments):
    """Peak memory of each side, in a process of its own."""
    found = {}
    for side in SIDES:
        command = [sys.executable, __file__, "--child", side, "--gigabytes", str(arguments.gigabytes)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[side] = json.loads(done.stdout.splitlines()[-1])
        print(f"  {side}: {found[side]}", flush=True)
    return found


def memory_of(side, gigabytes):
    """Megabytes that the calls take on all images, above TensorFlow and above what they take on few."""
    import tensorflow  # noqa: F401

    import sk_cifar_ovr.features  # noqa: F401

    imported = memory_used()
    n = int(gigabytes * 1e9 / np.prod(SHAPE))
    with tempfile.TemporaryDirectory() as folder:
        X = images_of(side, n, Path(folder))
        y = np.arange(n) % 2
        calls(X[:WARM_UP] if side == SIDES[0] else Computed(WARM_UP), y[:WARM_UP])
        few = memory_used()
        with PeakMemory() as peak:
            seconds = calls(X, y)
    found = {"n": n, "gigabytes": n * float(np.prod(SHAPE)) / 1e9, "seconds": seconds}
    for name, base in {"tensorflow": imported, "few_images": few}.items():
        above = {kind: round((peak.most[kind] - base[kind]) / 1024, 1) for kind in base}
        found[f"megabytes_above_{name}"] = above
    return found


def images_of(side, n, folder):
    """`n` images that are not in memory."""
    if side == SIDES[1]:
        return Computed(n)
    # A file with holes takes no space on disk.
    return np.memmap(folder / "images.dat", "uint8", "w+", shape=(n, *SHAPE))


class Computed:
    """Images that are computed when they are read."""

    dtype = np.dtype("uint8")

    def __init__(self, n):
        self.shape = (n, *SHAPE)

    def __getitem__(self, key):
        rows = np.arange(self.shape[0])[key]
        found = np.empty((len(rows), *SHAPE), "uint8")
        found[:] = (rows * 37 % 251).astype("uint8")[:, None, None, None]
        return found


def calls(X, y):
    """Fit, predict and take features; the seconds of each."""
    from sklearn.frozen import FrozenEstimator

    from sk_cifar_ovr import CNNFeatures

    seconds = {}
    seconds["fit"], classifier = clock(lambda: our_classifier(model=averaging, epochs=1).fit(X, y))
    seconds["predict"], _ = clock(lambda: classifier.predict(X))
    features = CNNFeatures(FrozenEstimator(classifier))
    seconds["features"], values = clock(lambda: features.fit(X).transform(X))
    assert len(values) == X.shape[0]
    return {name: round(value, 1) for name, value in seconds.items()}


def averaging(meta):
    """A builder of a network that averages each image in large squares before its only layer."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(meta["image_shape_"]),
            layers.AveragePooling2D(56),
            layers.Flatten(),
            layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def memory_used():
    """Kilobytes of this process: all that is resident, and what is not of a file (Linux)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(lines[field].split()[0]) for name, field in (("resident", "VmRSS"), ("anonymous", "RssAnon"))}


class PeakMemory:
    """Polls the memory of this process."""

    def __enter__(self):
        self.most, self._done = memory_used(), threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _poll(self):
        while not self._done.wait(POLL_SECONDS):
            self.most = {name: max(self.most[name], value) for name, value in memory_used().items()}


def main():
    """Run both parts, or one side of the second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--small", action="store_true", help="few images, once; nothing is written")
    parser.add_argument("--child", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(memory_of(arguments.child, arguments.gigabytes)))
        return
    if arguments.small:
        arguments.repeats, arguments.gigabytes = 1, 0.5
    memory_found = memory(arguments)
    sha256, speed_found = speed(arguments)
    result = described(surroundings(), sha256, speed=speed_found, memory=memory_found)
    print(json.dumps(result, indent=1) if arguments.small else write_result("more_than_memory", result))


if __name__ == "__main__":
    main()
