"""Accuracy with Keras' moving averages of batch normalisation and with exact ones, and what the exact ones cost.

    python benchmarks/batch_statistics.py                  # all rows, about 15 minutes on 2 cores; goes on where it was
    python benchmarks/batch_statistics.py digits_500_2     # some rows

Each row: the same fits with ``batch_statistics="moving"`` and "exact", whose weights are equal, on images that were not
trained on. "share" is the time of the passes in that of the whole fit, without the first fit, which compiles.
Data: scikit-learn's digits, and training images of the JPEG q75 copy of CIFAR-10 (--data), 5,000 of them to score on.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _cifar import held_out
from _common import DATA, PLAIN, RESULTS, clock, surroundings, write_result

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images
from sk_cifar_ovr.engine._batch_statistics import BatchStatistics

NAME = "batch_statistics"
# Images, epochs, seeds, further parameters.
ROWS = {
    "digits_100_10": ("digits", 100, 10, 5, {}),
    "digits_200_2": ("digits", 200, 2, 5, {}),
    "digits_200_5": ("digits", 200, 5, 5, {}),
    "digits_500_2": ("digits", 500, 2, 5, {}),
    "digits_500_5": ("digits", 500, 5, 5, {}),
    "digits_500_5_joint": ("digits", 500, 5, 5, {"strategy": "joint"}),
    "digits_500_20_early_stopping": ("digits", 500, 20, 5, {"early_stopping": True}),
    "digits_1297_10": ("digits", 1297, 10, 3, {}),
    "digits_500_60_strong": ("digits", 500, 60, 3, {"recipe": "strong"}),
    "cifar10_2000_2": ("cifar10", 2000, 2, 3, {}),
    "cifar10_2000_5": ("cifar10", 2000, 5, 3, {}),
    "cifar10_2000_30_strong": ("cifar10", 2000, 30, 1, {"recipe": "strong"}),
    "cifar10_10000_2": ("cifar10", 10_000, 2, 2, {}),
    "cifar10_10000_5": ("cifar10", 10_000, 5, 2, {}),
}


def split(data, n, path):
    """Images to train on, and others to score on."""
    if data == "cifar10":
        part = held_out(path, n_train=n)
        return part.X, part.y, part.X_scored, part.y_scored
    digits = load_digit_images()
    order = np.random.default_rng(0).permutation(len(digits.images))
    train, scored = order[:n], order[-500:]
    return digits.images[train], digits.target[train], digits.images[scored], digits.target[scored]


def row(name, path):
    """Figures of one row."""
    data, n, epochs, n_seeds, settings = ROWS[name]
    X, y, X_scored, y_scored = split(data, n, path)
    seconds = []
    average = BatchStatistics._average

    def timed(self, *arguments):
        began = time.perf_counter()
        average(self, *arguments)
        seconds.append(time.perf_counter() - began)

    BatchStatistics._average = timed
    accuracy, shares = {"moving": [], "exact": []}, []
    settings = dict(settings)
    strategy = settings.pop("strategy", None)
    for seed in range(n_seeds):
        for kind, scores in accuracy.items():
            estimator = CNNClassifier(epochs=epochs, random_state=seed, batch_statistics=kind, **{**PLAIN, **settings})
            if strategy is not None:
                estimator = OneVsRestCNNClassifier(estimator, strategy=strategy)
            seconds.clear()
            whole, fitted = clock(lambda estimator=estimator: estimator.fit(X, y))
            scores.append(round(float(fitted.score(X_scored, y_scored)), 4))
            if kind == "exact" and (seed or n_seeds == 1):
                shares.append(round(sum(seconds) / whole, 4))
    BatchStatistics._average = average
    return {"images": n, "epochs": epochs, "settings": ROWS[name][-1], "accuracy": accuracy, "share_of_time": shares}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all without one")
    parser.add_argument("--data", default=DATA)
    arguments = parser.parse_args()
    path = RESULTS / f"{NAME}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else {}
    for name in arguments.rows or ROWS:
        if name not in rows or arguments.rows:
            rows[name] = row(name, arguments.data)
            write_result(NAME, {"surroundings": surroundings(), "rows": rows})
        means = {kind: statistics.mean(scores) for kind, scores in rows[name]["accuracy"].items()}
        share = statistics.median(rows[name]["share_of_time"])
        print(f"{name}: moving {means['moving']:.3f}, exact {means['exact']:.3f}, {share:.1%} of the time", flush=True)


if __name__ == "__main__":
    main()
