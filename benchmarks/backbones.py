"""Pretrained backbones: what they cost, what storing features saves, and what a trained trunk is worth.

    python benchmarks/backbones.py cost
    python benchmarks/backbones.py features
    python benchmarks/backbones.py transfer
    python benchmarks/backbones.py imagenet    # needs ImageNet weights: from the internet, or --weights FOLDER

``cost``: parameters, floating-point operations, images a second in prediction and in training, at 32, 96 and 192
pixels, of every backbone beside the custom CNN, with random weights: speed does not depend on their values.
``features``: a frozen backbone whose features are computed once, against one that runs every epoch, for ten
one-vs-rest heads.
``transfer``: the custom CNN is trained on five classes; its layers but the last then go, frozen or not, into
one-vs-rest on the five others with few images a class, against the same network from random weights.
``imagenet``: F1 of the published weights, frozen and fine-tuned, beside the custom CNN. It has not been run where its
weights were out of reach, and writes a result only when it has.

Precision "auto", seed 0 unless a list of seeds is stated, each library's default threads.
Data: the JPEG q75 copy of CIFAR-10, training images only, but for ``imagenet``.
"""

import argparse
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _cifar import whole
from _common import DATA, PLAIN, clock, described, interleaved, ratios, surroundings, write_result
from _sides import BATCH, images, mean_f1

NAMES = (
    *("resnet50", "mobilenet", "mobilenet_v2", "densenet121"),
    *("efficientnet_b0", "efficientnet_v2_b0", "convnext_tiny"),
)
SIZES = (32, 96, 192)
FIRST_CLASSES, OTHER_CLASSES = (0, 2, 4, 6, 8), (1, 3, 5, 7, 9)
ROWS_PER_CLASS = (10, 50, 250)


# -- what they cost ------------------------------------------------------------------------------------------------


def cost(arguments):
    """Parameters, operations and speed of each network at each size, a row each."""
    X, y, *_, sha256 = images(arguments.data, n=arguments.rows)
    rows = []
    for name in ("cifar_cnn", *arguments.networks):
        for size in arguments.sizes:
            row = {"network": name, "size": size, **_cost(name, size, X, y, arguments.repeats)}
            rows.append(row)
            print(row, flush=True)
    facts = {"rows": arguments.rows, "batch_training": 32, "repeats": arguments.repeats}
    return described(surroundings(), sha256, **facts, networks=rows)


def _cost(name, size, X, y, repeats):
    from sk_cifar_ovr.engine.compiled._branches import multiply_adds

    from sk_cifar_ovr import CNNClassifier, clear_programs

    # The custom CNN takes images as they come; backbones enlarge them themselves, which is part of the cost.
    own = name == "cifar_cnn"
    X = np.repeat(np.repeat(X, size // 32, axis=1), size // 32, axis=2) if own else X
    n = max(len(X) // (size // 32) ** 2, 32)
    settings = {} if own else {"model__trainable": True, "model__image_size": size}
    clf = CNNClassifier(name, epochs=1, random_state=0, **{**PLAIN, "batch_size": 32, **settings})
    clf.fit(X[:32], y[:32])
    training = statistics.median(clock(lambda: clf.fit(X[:n], y[:n]))[0] for _ in range(repeats))
    clf.predict_proba(X[:n])
    predicting = statistics.median(clock(lambda: clf.predict_proba(X[:n]))[0] for _ in range(repeats))
    model = clf.model_
    found = {
        "parameters": model.count_params(),
        "gflop_per_image": 2 * multiply_adds(model) / 1e9,
        "predicted_per_second": n / predicting,
        "trained_per_second": n / training,
        "precision": clf.precision_,
    }
    clear_programs()
    return found


# -- features once, or the backbone every epoch --------------------------------------------------------------------


def features(arguments):
    """Seconds of one-vs-rest on a frozen backbone, features stored or not."""
    from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier

    X, y, *_, sha256 = images(arguments.data, n=arguments.rows)
    settings = {
        "model": "mobilenet_v2",
        "model__image_size": 64,
        "batch_size": BATCH,
        "random_state": 0,
        "epochs": arguments.epochs,
        "optimizer__learning_rate": 1e-3,
    }
    # An augmentation that changes nothing sends the images through the backbone in every epoch.
    unchanged = keras.layers.Identity()
    settings = {**PLAIN, **settings}
    sides = {
        "every epoch": lambda: OneVsRestCNNClassifier(CNNClassifier(**settings, augment=unchanged)).fit(X, y),
        "once": lambda: OneVsRestCNNClassifier(CNNClassifier(**settings)).fit(X, y),
    }
    answers = {name: side().decision_function(X[:500]) for name, side in sides.items()}
    seconds = interleaved(sides, arguments.repeats)
    difference = float(np.abs(answers["once"] - answers["every epoch"]).max())
    facts = {"rows": arguments.rows, "epochs": arguments.epochs, "classes": 10, "network": "mobilenet_v2 at 64 pixels"}
    return described(
        surroundings(), sha256, **facts, largest_difference_in_log_odds=difference, fit=ratios(seconds, "every epoch")
    )


# -- a trunk of one's own ------------------------------------------------------------------------------------------


def transferred(meta, *, values=None, frozen=False):
    """The custom CNN with all layers but the last from a file of arrays."""
    from sk_cifar_ovr.networks import cifar_cnn

    model = cifar_cnn(meta)
    if values is not None:
        arrays = np.load(values)
        for layer in model.layers[:-1]:
            layer.set_weights([arrays[f"{layer.name}/{i}"] for i in range(len(layer.weights))])
            layer.trainable = not frozen
    return model


def transfer(arguments):
    """Mean F1 over five one-vs-rest problems by rows a class, of each way to begin."""
    from sk_cifar_ovr import CNNClassifier
    from sk_cifar_ovr.metrics import mean_and_interval

    X, y, X_scored, y_scored, sha256 = images(arguments.data, n=40_000, held_out=10_000)
    found: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        known = np.isin(y, FIRST_CLASSES)
        source = CNNClassifier(
            epochs=arguments.epochs, batch_size=BATCH, random_state=0, recipe="strong", loss="crossentropy"
        )
        source.fit(X[known][: arguments.rows], y[known][: arguments.rows])
        scored = np.isin(y_scored, FIRST_CLASSES)
        accuracy = source.score(X_scored[scored], y_scored[scored])
        print(f"trunk: accuracy {accuracy:.3f} on its own classes", flush=True)
        path = Path(folder) / "trunk.npz"
        layers = source.model_.layers[:-1]
        np.savez(path, **{f"{each.name}/{i}": w for each in layers for i, w in enumerate(each.get_weights())})
        half = arguments.fine_epochs
        ways = {
            "from scratch": {"epochs": 2 * half},
            "frozen": {"epochs": 2 * half, "model__values": str(path), "model__frozen": True},
            "head, then all": {"epochs": half, "head_epochs": half, "model__values": str(path)},
        }
        others = {"train": np.isin(y, OTHER_CLASSES), "scored": np.isin(y_scored, OTHER_CLASSES)}
        for n_rows in arguments.rows_per_class:
            for seed in range(arguments.seeds):
                few = _few(y[others["train"]], n_rows, seed)
                for name, way in ways.items():
                    score = _f1(
                        way, seed, X[others["train"]][few], y[others["train"]][few],
                        X_scored[others["scored"]], y_scored[others["scored"]],
                    )  # fmt: skip
                    found.setdefault(str(n_rows), {}).setdefault(name, []).append(score)
                    print(f"{n_rows} a class, seed {seed}, {name}: F1 {score:.3f}", flush=True)
    table = {
        n_rows: {
            name: {"f1": scores, "mean_and_interval": [float(v) for v in mean_and_interval(scores)]}
            for name, scores in by_name.items()
        }
        for n_rows, by_name in found.items()
    }
    facts = {
        "trunk_classes": FIRST_CLASSES,
        "classes": OTHER_CLASSES,
        "trunk_rows": arguments.rows,
        "trunk_epochs": arguments.epochs,
        "epochs": 2 * half,
        "seeds": arguments.seeds,
        "trunk_accuracy": accuracy,
        "scored_rows": int(others["scored"].sum()),
    }
    return described(surroundings(), sha256, **facts, rows_per_class=table)


def _few(y, n_rows, seed):
    """`n_rows` rows of each class."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.choice(np.flatnonzero(y == label), n_rows, replace=False) for label in np.unique(y)])


def _f1(way, seed, X, y, X_scored, y_scored):
    from sklearn.metrics import f1_score

    from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier

    clf = CNNClassifier(transferred, random_state=seed, fine_tune_rate=0.3, **{**PLAIN, "batch_size": 32, **way})
    ovr = OneVsRestCNNClassifier(clf).fit(X, y)
    answers = ovr.predict_ovr(X_scored)
    return float(np.mean([f1_score(y_scored == k, answers[:, j], zero_division=0) for j, k in enumerate(ovr.classes_)]))


# -- published weights ---------------------------------------------------------------------------------------------


def imagenet(arguments):
    """Mean F1 on the test images of one-vs-rest on published weights, frozen and fine-tuned."""
    from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier

    part = whole(arguments.data)
    n = arguments.rows or len(part.X)
    found = {}
    for name in arguments.networks:
        weights = _weights(name, arguments.weights)
        settings = {"model__weights": weights, "model__image_size": arguments.size, "batch_size": 64, "random_state": 0}
        ways = {
            "frozen": {"epochs": 20},
            "last 20 layers": {"model__trainable": "last_20", "head_epochs": 10, "epochs": 3, "augment": "flip_shift"},
        }
        for way, more in ways.items():
            ovr = OneVsRestCNNClassifier(CNNClassifier(name, **{**PLAIN, **settings, **more}), verbose=1)
            seconds, ovr = clock(partial(ovr.fit, part.X[:n], part.y[:n]))
            score = mean_f1(ovr.predict_ovr(part.X_scored), part.y_scored)
            found[f"{name}, {way}"] = {"mean_f1": score, "seconds": seconds}
            print(f"{name}, {way}: mean F1 {score:.4f} in {seconds:.0f} s", flush=True)
    return {"surroundings": surroundings(), **part.facts, "image_size": arguments.size, "f1": found}


def _weights(name, folder):
    """Path of the network's file, under its published name, in a folder; or Keras' own download."""
    if folder is None:
        return "imagenet"
    from sk_cifar_ovr.networks._backbones import APPLICATIONS, BACKBONES
    from sk_cifar_ovr.networks._keras_applications import WEIGHT_FILES

    return Path(folder) / WEIGHT_FILES[APPLICATIONS[BACKBONES[name]]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA)
    commands = parser.add_subparsers(dest="command", required=True)
    cost_parser = commands.add_parser("cost")
    cost_parser.add_argument("--networks", nargs="+", default=NAMES)
    cost_parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    cost_parser.add_argument("--rows", type=int, default=1024, help="at 32 pixels; a ninth of them at 96")
    cost_parser.add_argument("--repeats", type=int, default=3)
    features_parser = commands.add_parser("features")
    features_parser.add_argument("--rows", type=int, default=1000)
    features_parser.add_argument("--epochs", type=int, default=20)
    features_parser.add_argument("--repeats", type=int, default=5)
    transfer_parser = commands.add_parser("transfer")
    transfer_parser.add_argument("--rows", type=int, default=20_000, help="to train the trunk on")
    transfer_parser.add_argument("--epochs", type=int, default=10, help="of the trunk")
    transfer_parser.add_argument("--fine-epochs", type=int, default=20, help="half of the epochs on few images")
    transfer_parser.add_argument("--rows-per-class", nargs="+", type=int, default=ROWS_PER_CLASS)
    transfer_parser.add_argument("--seeds", type=int, default=5)
    imagenet_parser = commands.add_parser("imagenet")
    imagenet_parser.add_argument("--networks", nargs="+", default=NAMES)
    imagenet_parser.add_argument("--size", type=int, default=96)
    imagenet_parser.add_argument("--rows", type=int, help="fewer training images")
    imagenet_parser.add_argument("--weights", help="folder with the files that Keras publishes")
    arguments = parser.parse_args()
    result = globals()[arguments.command](arguments)
    print(write_result(f"backbones_{arguments.command}", result))
