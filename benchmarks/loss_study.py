"""Losses and class weights for one-vs-rest problems, at a size that fits: which answers best, and which learns first.

    python benchmarks/loss_study.py                        # everything that has no result file yet
    python benchmarks/loss_study.py --ratios 9 --strategies joint --seeds 0 1

The reference network, plain training (Adam, batches of 64, no augmentation), on 6,000 of CIFAR-10's training images
(JPEG q75 copy), drawn anew for each seed. 5,000 other training images choose the thresholds and 5,000 more are scored;
test images are not read. At 1:9 all classes are as frequent as they come. At 1:99 one class, another for each seed, is
thinned out in training to one in a hundred, and counts for as much in thresholds and scores. "joint" trains all ten
problems, and all are scored at 1:9, the thinned one at 1:99; "independent" trains and scores one network, that of the
seed's class.

One file a training: benchmarks/results/loss_study/STRATEGY_RATIO_LOSS_seedN.json. Finished ones are skipped.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _cifar import CLASSES, held_out, indices_digest
from _common import DATA, RESULTS, surroundings, write_result
from _losses_tried import NAMES, settings
from _study import f1
from sklearn.metrics import average_precision_score

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.metrics import positive_probabilities
from sk_cifar_ovr.one_vs_rest._thresholds import tuned_threshold

CLASS_OF_SEED = (3, 8, 0, 5, 2)
BATCH_SIZE = 64
WATCHED = 2000


def thinned(y, label, rng):
    """Rows left when a class is thinned out to one in a hundred."""
    positive, others = np.flatnonzero(y == label), np.flatnonzero(y != label)
    kept = rng.choice(positive, round(len(others) / 99), replace=False)
    return np.sort(np.concatenate([others, kept]))


def weights_of(truth, ratio):
    """Weights with which scored rows are as unbalanced as training rows: at 100, 99 negatives a positive."""
    if ratio == 9:
        return np.ones(len(truth))
    return np.where(truth, (~truth).sum() / 99 / truth.sum(), 1.0)


def counts(truth, answer, weight):
    """Weighted [tp, fn, fp, tn]."""
    cells = [truth & answer, truth & ~answer, ~truth & answer, ~truth & ~answer]
    return [round(float(weight[cell].sum()), 3) for cell in cells]


def average_precision(truth, p, weight):
    return round(float(average_precision_score(truth, p, sample_weight=weight)), 5)


def calibration_error(truth, p, weight, n_bins=15):
    """Expected calibration error of weighted rows, in equal bins."""
    place = np.minimum((p * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(place, weight * (p - truth), n_bins)
    return float(np.abs(gaps).sum() / weight.sum())


class Watch(keras.callbacks.Callback):
    """F1 at 0.5 and average precision on some scored rows after each epoch: how soon a loss learns."""

    def __init__(self, X, truths, ratio):
        super().__init__()
        self.X, self.truths, self.ratio = X, truths, ratio
        self.f1, self.average_precision = [], []

    def __deepcopy__(self, memo):
        return self

    def on_epoch_end(self, epoch, logs=None):
        p = np.asarray(self.model.predict(self.X, batch_size=1000, verbose=0)).reshape(len(self.X), -1, 2)[..., 1]
        columns = [(t, q, weights_of(t, self.ratio)) for t, q in zip(self.truths.T, p.T, strict=True)]
        self.f1.append([round(f1(counts(t, q >= 0.5, weight)), 4) for t, q, weight in columns])
        self.average_precision.append([average_precision(t, q, weight) for t, q, weight in columns])


def run(part, strategy, ratio, name, seed, epochs):
    """Train one estimator, and what it answered."""
    where = surroundings(seed)
    rng = np.random.default_rng([seed, ratio])
    rare = CLASS_OF_SEED[seed % len(CLASS_OF_SEED)]
    rows = np.arange(len(part.y)) if ratio == 9 else thinned(part.y, rare, rng)
    X, y = part.X[rows], part.y[rows]
    half = len(part.y_scored) // 2
    classes = tuple(range(10)) if strategy == "joint" else (rare,)
    shares = [float((y == k).mean()) for k in classes]
    watch = Watch(part.X_scored[half:][:WATCHED], part.y_scored[half:][:WATCHED, None] == np.array(classes), ratio)
    clf = CNNClassifier(
        epochs=epochs,
        batch_size=BATCH_SIZE,
        recipe=None,
        random_state=seed,
        callbacks=[watch],
        **settings(name, shares),
    )
    began = time.perf_counter()
    if strategy == "joint":
        ovr = OneVsRestCNNClassifier(clf).fit(X, y)
        p, precision = positive_probabilities(ovr, part.X_scored), ovr.estimators_[0].precision_
    else:
        clf.fit(X, y == rare)
        p, precision = clf.predict_proba(part.X_scored)[:, 1:].astype("float64"), clf.precision_
    minutes = (time.perf_counter() - began) / 60
    outcome = {}
    for column, k in enumerate(classes):
        if k == rare or ratio == 9:
            by_epoch = {
                "f1_by_epoch": [values[column] for values in watch.f1],
                "average_precision_by_epoch": [values[column] for values in watch.average_precision],
            }
            outcome[CLASSES[k]] = {**figures(part.y_scored == k, p[:, column], half, ratio), **by_epoch}
    return {
        "surroundings": where,
        **part.facts,
        "n_train": len(rows),
        "rows_sha256": indices_digest(rows),
        "strategy": strategy,
        "ratio": ratio,
        "loss": name,
        "settings": {key: plain(value) for key, value in settings(name, shares).items()},
        "positive_shares": [round(share, 6) for share in shares],
        "precision": precision,
        "seed": seed,
        "epochs": epochs,
        "batch_size": BATCH_SIZE,
        "minutes": round(minutes, 3),
        "classes": outcome,
    }


def check_size(stem, part, arguments):
    """Refuse a result of that name that was made at another size, or of other images."""
    result = json.loads((RESULTS / f"{stem}.json").read_text())
    asked = {"epochs": arguments.epochs} | {name: part.facts[name] for name in ("data_sha256", "indices_sha256")}
    if any(result[name] != value for name, value in asked.items()):
        raise SystemExit(f"{stem} was made with another size or other images: name another folder with --out.")


def plain(value):
    """A setting as JSON; of a loss its name."""
    return type(value).__name__ if isinstance(value, keras.losses.Loss) else value


def figures(truth, p, half, ratio):
    """Counts and scores of one problem; thresholds from the first half, scores from the second."""
    chosen = tuned_threshold(truth[:half].astype(int), p[:half], "f1", weights_of(truth[:half], ratio))
    truth, p = truth[half:], p[half:]
    weight = weights_of(truth, ratio)
    return {
        "threshold": round(chosen, 5),
        "at_half": counts(truth, p >= 0.5, weight),
        "at_chosen": counts(truth, p >= chosen, weight),
        "average_precision": average_precision(truth, p, weight),
        "calibration_error": round(calibration_error(truth, p, weight), 5),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", nargs="+", default=["joint", "independent"])
    parser.add_argument("--ratios", nargs="+", type=int, default=[9, 100], choices=[9, 100], help="100 is 1:99")
    parser.add_argument("--losses", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--n", type=int, default=6_000, help="training images")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", default="loss_study", help="folder of the result files")
    parser.add_argument("--data", default=DATA, type=Path)
    arguments = parser.parse_args()
    # Seeds outside, so that an interrupted study holds whole comparisons.
    for seed in arguments.seeds:
        part = held_out(arguments.data, n_scored=10_000, n_train=arguments.n, seed=seed)
        for ratio in arguments.ratios:
            for strategy in arguments.strategies:
                for name in arguments.losses:
                    stem = f"{arguments.out}/{strategy}_{ratio}_{name}_seed{seed}"
                    if (RESULTS / f"{stem}.json").exists():
                        check_size(stem, part, arguments)
                        continue
                    result = run(part, strategy, ratio, name, seed, arguments.epochs)
                    write_result(stem, result)
                    mean = np.mean([f1(values["at_half"]) for values in result["classes"].values()])
                    print(f"{stem}: F1 at 0.5 {mean:.3f}, {result['minutes']:.2f} min", flush=True)


if __name__ == "__main__":
    main()
