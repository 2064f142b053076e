"""Held-out F1 at tuned thresholds against 0.5: five seeds, one-vs-rest with ten heads and focal loss.

Each seed draws a split, trains `OneVsRestCNNClassifier(threshold="f1")` (5 folds, then all rows), and reads the
held-out images once. The same networks answer at 0.5, so the two figures of a seed differ by the thresholds alone.
Intervals are Student's t over the seeds' differences (95 %). F1 is that of `predict_ovr`: `class_f1` of the classes,
`macro_f1` the mean of class and others, each averaged over the ten problems; `argmax` is that of `predict`.

    python benchmarks/thresholds.py                  # both, about 10 minutes on 2 cores
    python benchmarks/thresholds.py digits --seeds 5

Data: scikit-learn's digits, 30 % held out; and 2,000 images to train on and 4,000 held out from the training images of
the JPEG q75 copy of CIFAR-10 (--data). Results go to benchmarks/results/thresholds_*.json.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _common import DATA, PLAIN, clock, surroundings, write_result
from sklearn.model_selection import train_test_split

SETTINGS = {
    "digits": {"train": 1257, "test": 540, "epochs": 10, "batch_size": 64},
    "cifar10_jpeg_q75": {"train": 2000, "test": 4000, "epochs": 6, "batch_size": 64},
}


def images(name, path):
    """All images that may be split."""
    from sk_cifar_ovr import load_digit_images, load_image_folder

    if name == "digits":
        return load_digit_images()
    return load_image_folder(path, subset="train", verbose=0)


def one_seed(X, y, seed, settings):
    """Figures of one split."""
    from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, ovr_report

    train, test = train_test_split(
        np.arange(len(X)), train_size=settings["train"], test_size=settings["test"], stratify=y, random_state=seed
    )
    base = CNNClassifier(
        **{**PLAIN, "batch_size": settings["batch_size"]}, epochs=settings["epochs"], random_state=seed
    )
    ovr = OneVsRestCNNClassifier(base, threshold="f1", cv=5).fit(X[train], y[train])
    scores = ovr.decision_function(X[test])
    answers = {
        "tuned": ovr.predict_ovr(X[test]),
        "at_half": scores >= 0,
        "argmax": ovr.classes_[scores.argmax(axis=1)],
    }
    figures = {name: ovr_report(y[test], a, classes=ovr.classes_).mean() for name, a in answers.items()}
    return {
        "seed": seed,
        "thresholds": ovr.thresholds_.round(4).tolist(),
        **{name: {f: round(float(figure[f]), 5) for f in ("class_f1", "macro_f1")} for name, figure in figures.items()},
    }


def benchmark(name, arguments):
    from sk_cifar_ovr.metrics import mean_and_interval

    settings, data = SETTINGS[name], images(name, arguments.data)
    runs = []
    for seed in range(arguments.seeds):
        seconds, run = clock(lambda seed=seed: one_seed(data.images, data.target, seed, settings))
        runs.append(run)
        print(f"{name} seed {seed}: {run['at_half']} at 0.5, {run['tuned']} tuned, {seconds:.0f} s", flush=True)
    summary = {}
    for figure in ("class_f1", "macro_f1"):
        gain = [run["tuned"][figure] - run["at_half"][figure] for run in runs]
        summary[figure] = {
            "at_half": round(float(np.mean([run["at_half"][figure] for run in runs])), 5),
            "tuned": round(float(np.mean([run["tuned"][figure] for run in runs])), 5),
            "gain": {part: round(value, 5) for part, value in mean_and_interval(gain)._asdict().items()},
        }
        print(f"{name} {figure}: {summary[figure]}", flush=True)
    result = {"data": {"name": name, "sha256": data.sha256}, "settings": settings, "summary": summary, "runs": runs}
    write_result(f"thresholds_{name}", {**result, **surroundings()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SETTINGS), metavar="|".join(SETTINGS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", default=DATA, help="the JPEG copy of CIFAR-10")
    chosen = parser.parse_args()
    for each in chosen.names:
        benchmark(each, chosen)
