"""F1 of each class on the JPEG q75 copy of CIFAR-10, one training a seed.

    python benchmarks/accuracy.py joint --validate          # train on 45,000, score on 5,000 other training images
    python benchmarks/accuracy.py joint --seeds 0 1 2       # train on 50,000, read the test images once a seed
    python benchmarks/accuracy.py --list

Settings are chosen with --validate, whose figures at chosen thresholds flatter: the images they were chosen on are
those that are scored. Thresholds of a final run are chosen on the training images that its plan holds back, or are
those of the validation run of the same name and seed, where there is one. --set and --epochs try other settings,
under a name of their own (--as). Every finished seed is a file benchmarks/results/accuracy/NAME_seedN.json, and is
skipped when the command is given again. An epoch is a line on standard output. SK_CIFAR_OVR_BENCH_CACHE names a
folder for decoded images.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _cifar import CLASSES, held_out, whole
from _common import DATA, PLAIN, RESULTS, surroundings, write_result

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, ovr_report, save
from sk_cifar_ovr.classifier import with_recipe
from sk_cifar_ovr.metrics import positive_probabilities
from sk_cifar_ovr.one_vs_rest._thresholds import tuned_threshold

RUNS = {
    "independent": {
        "strategy": "independent",
        "epochs": 18,
        "held_back": 2500,
        "settings": {"recipe": "strong", "loss__alpha": 0.65},
    },
    "joint": {
        "strategy": "joint",
        "epochs": 120,
        "settings": {
            "recipe": "long",
            "loss__gamma": 0.0,
            "loss__alpha": 0.6,
            "optimizer__weight_decay": 0.05,
            "test_shift": 1,
        },
    },
    "small_resnet": {
        "strategy": "joint",
        "epochs": 90,
        "held_back": 2500,
        "settings": {
            "model": "small_resnet",
            "recipe": "long",
            "loss__gamma": 0.0,
            "loss__alpha": 0.6,
            "optimizer__weight_decay": 0.1,
            "test_shift": 1,
        },
    },
    "whitened_cnn": {
        "strategy": "joint",
        "epochs": 30,
        "held_back": 2500,
        "settings": {
            "model": "whitened_cnn",
            "recipe": "long",
            "batch_size": 256,
            "loss__gamma": 0.0,
            "loss__alpha": 0.6,
            "optimizer__weight_decay": 0.5,
            "optimizer__ema_momentum": 0.99,
            "test_shift": 1,
        },
    },
}


class EpochLines(keras.callbacks.Callback):
    """One line an epoch, for the log of an unattended run."""

    def on_train_begin(self, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        minutes = (time.perf_counter() - self.began) / 60
        print(f"  epoch {epoch + 1}: loss {logs['loss']:.5f}, {minutes:.1f} min", flush=True)


def main():
    arguments = parsed()
    if arguments.list:
        for name, plan in RUNS.items():
            print(f"{name}: {plan}")
        return
    plan = RUNS[arguments.run]
    plan = {
        "strategy": plan["strategy"],
        "epochs": arguments.epochs or plan["epochs"],
        "settings": {**plan["settings"], **dict(arguments.set)},
        "held_back": 0 if arguments.validate else plan.get("held_back", 0),
    }
    name = arguments.as_ or arguments.run
    part = None
    for seed in arguments.seeds:
        stem = f"accuracy/{name}{'_validation' if arguments.validate else ''}_seed{seed}"
        if result_path(stem).exists():
            check_plan(stem, plan, arguments)
            print(f"{stem}: already there")
            continue
        if part is None:
            part = images_of(plan, arguments)
        chosen = None if arguments.validate else chosen_thresholds(name, seed, plan, arguments)
        print(f"{stem}: {plan}", flush=True)
        result, fitted = run(part, plan, seed, chosen)
        path = write_result(stem, result)
        if arguments.save:
            save(fitted, arguments.save.format(seed=seed))
        print(f"  -> {path.name}: {json.dumps(result['mean'])}", flush=True)


def images_of(plan, arguments):
    """The images to train on, those to score, and those held back."""
    if arguments.validate:
        return held_out(arguments.data, n_train=arguments.n)
    return whole(arguments.data, plan["held_back"])


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", default="joint", choices=RUNS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--set", action="append", default=[], type=setting, metavar="NAME=VALUE")
    parser.add_argument("--as", dest="as_", help="name of the result files")
    parser.add_argument("--save", help="where to save the model; {seed} is replaced")
    parser.add_argument("--n", type=int, help="training images of --validate; all 45,000 without it")
    parser.add_argument("--data", default=DATA, type=Path)
    parser.add_argument("--list", action="store_true", help="the runs and their settings")
    arguments = parser.parse_args()
    if arguments.n is not None and not arguments.validate:
        parser.error("--n is of --validate: a final run trains on all images, or all but those held back.")
    if (arguments.set or arguments.epochs) and not arguments.as_:
        parser.error("--set and --epochs are other settings: give their results a name, --as.")
    return arguments


def setting(text):
    """NAME=VALUE, the value JSON where it is."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def result_path(stem):
    return RESULTS / f"{stem}.json"


def check_plan(stem, plan, arguments):
    """The result of that name, if it was made by this plan from as many images of this source."""
    result = json.loads(result_path(stem).read_text())
    n_train = arguments.n or {"training images": 45_000, "test images": 50_000}[result["scored_on"]]
    asked = {**plan, "data": arguments.data.name, "n_train": n_train - result.get("n_held_back", 0)}
    if any({"held_back": 0, **result}[part] != value for part, value in asked.items()):
        raise SystemExit(f"{stem} was made with other settings: name this run with --as, or move the old result away.")
    return result


def chosen_thresholds(name, seed, plan, arguments):
    """Those of the validation run of that name and seed, or None."""
    if plan["held_back"]:
        return None
    stem = f"accuracy/{name}_validation_seed{seed}"
    if not result_path(stem).exists():
        return None
    return np.array(check_plan(stem, plan, arguments)["thresholds"]["chosen"])


def run(part, plan, seed, chosen):
    """Train once, ask once; all figures come from the same probabilities."""
    base = CNNClassifier(
        epochs=plan["epochs"], random_state=seed, callbacks=[EpochLines()], **{**PLAIN, **plan["settings"]}
    )
    ovr = OneVsRestCNNClassifier(base, strategy=plan["strategy"])
    names = np.array(CLASSES)
    where = surroundings(seed)
    began = time.perf_counter()
    ovr.fit(part.X, names[part.y])
    trained = time.perf_counter()
    p = positive_probabilities(ovr, part.X_scored)
    asked = time.perf_counter()
    if part.X_held_back is not None:
        chosen = best_thresholds(names[part.y_held_back], positive_probabilities(ovr, part.X_held_back))
    base.callbacks = None
    for each in ovr.estimators_:
        each.callbacks = None
    truth = names[part.y_scored]
    if chosen is None and part.facts["scored_on"] == "training images":
        chosen = best_thresholds(truth, p)
    reports = {
        "at_half": ovr_report(truth, p >= 0.5, classes=names),
        "at_chosen": None if chosen is None else ovr_report(truth, p >= chosen, classes=names),
        "argmax": ovr_report(truth, names[p.argmax(axis=1)], classes=names),
    }
    reports = {column: report for column, report in reports.items() if report is not None}
    network = ovr.estimators_[0]
    return {
        "surroundings": where,
        **part.facts,
        "seed": seed,
        **plan,
        "spelt_out": plain(with_recipe(base).get_params()),
        "precision": network.precision_,
        "parameters_each": network.model_.count_params(),
        "minutes": {"training": (trained - began) / 60, "prediction": (asked - trained) / 60},
        "loss": [round(value, 6) for value in ovr.history_["loss"]],
        "thresholds": {"half": 0.5, "chosen": None if chosen is None else chosen.tolist()},
        "classes": list(CLASSES),
        "confusion": {column: report.confusion.tolist() for column, report in reports.items()},
        "mean": {
            column: {name: round(float(report.mean()[name]), 4) for name in ("class_f1", "macro_f1")}
            for column, report in reports.items()
        },
    }, ovr


def best_thresholds(truth, p):
    """Of each class the threshold of the highest F1."""
    return np.array([tuned_threshold((truth == c).astype(int), p[:, k], "f1") for k, c in enumerate(CLASSES)])


def plain(params):
    """Parameters as JSON: those that differ from their defaults."""
    defaults = CNNClassifier().get_params()
    changed = {name: value for name, value in params.items() if name not in defaults or value != defaults[name]}
    return {
        name: value if isinstance(value, (int, float, str, bool, tuple)) else repr(value)
        for name, value in changed.items()
    }


if __name__ == "__main__":
    main()
