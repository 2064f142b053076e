"""How the cost of one-vs-rest grows: with the number of images, and with the number of classes.

    python benchmarks/growth.py        # about 10 minutes on 2 cores
    python benchmarks/growth.py --plot docs/images/growth.png      # draws what was measured before

One epoch of the custom CNN, batches of 128, focal loss, Adam, precision "auto", seed 0, TensorFlow's default threads;
each size after one untimed fit that traces its program, all sizes in turn, five times.
Data: the JPEG q75 copy of CIFAR-10, training images only. More than ten classes are made by dividing each of the ten
into equal parts: what is timed does not depend on what the labels mean.
"""

import argparse
import json
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _common import DATA, RESULTS, described, interleaved, surroundings, write_result
from _sides import images, our_ovr

ROWS = (5_000, 10_000, 20_000, 50_000)
CLASSES = (2, 10, 20, 50, 100)
ROWS_PER_CLASS_COUNT = 2_000


def divided(y, n_classes):
    """Labels of `n_classes` classes: the ten merged, or each of them in equal parts."""
    if n_classes <= 10:
        return y % n_classes
    return y * (n_classes // 10) + np.arange(len(y)) % (n_classes // 10)


def growth(arguments):
    """Seconds of an epoch at each size."""
    X, y, *_, sha256 = images(arguments.data, max(ROWS))
    few = slice(ROWS_PER_CLASS_COUNT)
    sides = {}
    for n in ROWS:
        sides[f"joint, 10 classes, {n} images"] = lambda n=n: our_ovr("joint", epochs=1).fit(X[:n], y[:n])
    for strategy, counts in (("joint", CLASSES), ("independent", CLASSES[:3])):
        for k in counts:
            labels = divided(y[few], k)
            sides[f"{strategy}, {k} classes, {ROWS_PER_CLASS_COUNT} images"] = lambda s=strategy, labels=labels: (
                our_ovr(s, epochs=1).fit(X[few], labels)
            )
    for name, side in sides.items():
        if not name.endswith(f"{max(ROWS)} images"):
            side()
    seconds = interleaved(sides, arguments.repeats)
    figures = {name: {"seconds": times, "median": statistics.median(times)} for name, times in seconds.items()}
    return described(surroundings(), sha256, epochs=1, fit=figures)


def plot(path):
    """Draw the committed result."""
    import matplotlib.pyplot as plt

    figures = json.loads((RESULTS / "growth.json").read_text())["fit"]
    points = [
        (*name.replace(" classes", "").replace(" images", "").split(", "), f["median"]) for name, f in figures.items()
    ]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    rows = [(int(n), s) for strategy, k, n, s in points if k == "10" and strategy == "joint" and int(n) in ROWS]
    left.plot(*zip(*rows, strict=True), "o-", color="#0072B2")
    left.set(title="Ten classes, joint", xlabel="images", ylabel="seconds an epoch", xlim=0, ylim=0)
    for strategy, color, marker in (("joint", "#0072B2", "o-"), ("independent", "#D55E00", "s-")):
        few = [(int(k), s) for name, k, n, s in points if name == strategy and int(n) == ROWS_PER_CLASS_COUNT]
        right.plot(*zip(*few, strict=True), marker, color=color, label=strategy)
    right.set(title=f"{ROWS_PER_CLASS_COUNT:,} images", xlabel="classes", ylabel="seconds an epoch", ylim=0)
    right.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--plot", help="draw the last result to this file instead")
    arguments = parser.parse_args()
    if arguments.plot:
        plot(arguments.plot)
    else:
        print(write_result("growth", growth(arguments)))
