"""How the cost of one-vs-rest grows: with the number of images, and with the number of classes.

    python benchmarks/growth.py        # about 10 minutes on 2 cores
    python benchmarks/growth.py --plot docs/images/growth.png      # draws what was measured before

One epoch of the custom CNN, batches of 128, focal loss, Adam, precision "auto", seed 0, TensorFlow's default threads;
each size after one untimed fit that traces its program, all sizes in turn, five times.
Data: the JPEG q75 copy of CIFAR-10, training images only. More than ten classes are made by dividing each of the ten
into equal parts: what is timed does not depend on what the labels mean. F1 is the mean at 0.5 over the classes, on
2,000 training images that no size but the largest contains, which has none therefore.
"""

import argparse
import json
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _common import DATA, RESULTS, described, interleaved, surroundings, write_result
from _sides import images, mean_f1, our_ovr

ROWS = (5_000, 10_000, 20_000, 50_000)
CLASSES = (2, 10, 20, 50, 100)
ROWS_PER_CLASS_COUNT = 2_000
HELD_OUT = 2_000


def divided(y, n_classes):
    """Labels of `n_classes` classes: the ten merged, or each of them in equal parts."""
    if n_classes <= 10:
        return y % n_classes
    return y * (n_classes // 10) + np.arange(len(y)) % (n_classes // 10)


def growth(arguments):
    """Seconds of an epoch at each size, and what was learned in it."""
    X, y, *_, sha256 = images(arguments.data, max(ROWS))
    sizes = [("joint", 10, n) for n in ROWS]
    sizes += [("joint", k, ROWS_PER_CLASS_COUNT) for k in CLASSES]
    sizes += [("independent", k, ROWS_PER_CLASS_COUNT) for k in CLASSES[:3]]
    figures, sides = {}, {}
    for strategy, k, n in sizes:
        name, labels = f"{strategy}, {k} classes, {n} images", divided(y, k)

        def side(strategy=strategy, n=n, labels=labels):
            return our_ovr(strategy, epochs=1).fit(X[:n], labels[:n])

        sides[name] = side
        if n < max(ROWS):
            answers = side().predict_ovr(X[-HELD_OUT:])
            figures[name] = {"held_out_f1": mean_f1(answers, labels[-HELD_OUT:])}
    for name, times in interleaved(sides, arguments.repeats).items():
        figures.setdefault(name, {}).update(seconds=times, median=statistics.median(times))
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
    left.set(title="Ten classes, joint", xlabel="images", ylabel="seconds per epoch", xlim=0, ylim=0)
    for strategy, color, marker in (("joint", "#0072B2", "o-"), ("independent", "#D55E00", "s-")):
        few = [(int(k), s) for name, k, n, s in points if name == strategy and int(n) == ROWS_PER_CLASS_COUNT]
        right.plot(*zip(*few, strict=True), marker, color=color, label=strategy)
    right.set(title=f"{ROWS_PER_CLASS_COUNT:,} images", xlabel="classes", ylabel="seconds per epoch", ylim=0)
    right.legend()
    left.xaxis.set_major_formatter("{x:,.0f}")
    left.set_xlim(right=1.1 * max(ROWS))
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
