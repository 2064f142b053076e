"""Independent one-vs-rest: K networks in one program against one network after another, by size of the step.

    python benchmarks/side_by_side.py        # about 4 minutes on 2 cores

Both sides end in the same weights. Each size is timed in turn after one fit of each side, timed apart as the first,
which traces its program. Default threads, seed 0, batches as named, precision float32 unless named; multiply-adds are
those of one step of one network. Data: scikit-learn's digits (8x8, enlarged to 32x32 inside convolutional networks).
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from _common import PLAIN, clock, described, interleaved, ratios, surroundings, write_result
from sk_cifar_ovr.engine.compiled._branches import multiply_adds

import sk_cifar_ovr.one_vs_rest._joint_training as joint_training
from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images


def dense(meta, *, units=32):
    """A small network of dense layers."""
    pixels = keras.Input(meta["image_shape_"])
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    x = keras.layers.Dense(units, activation="relu")(x)
    return keras.Model(pixels, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))


# Name, rows, settings.
SIZES = [
    ("dense(32), batch 32", 1797, {"model": dense, "batch_size": 32, "epochs": 3}),
    ("dense(256), batch 128", 1797, {"model": dense, "model__units": 256, "batch_size": 128, "epochs": 5}),
    ("cnn(2, 4, 8), batch 32", 1024, {"model__filters": (2, 4, 8), "batch_size": 32, "epochs": 1}),
    ("cnn(4, 8, 16), batch 32", 1024, {"model__filters": (4, 8, 16), "batch_size": 32, "epochs": 1}),
    ("cnn(8, 16, 32), batch 64", 1024, {"model__filters": (8, 16, 32), "batch_size": 64, "epochs": 1}),
    ("cnn(32, 64, 128), batch 32", 256, {"batch_size": 32, "epochs": 1}),
    ("cnn(32, 64, 128), batch 128", 512, {"batch_size": 128, "epochs": 1}),
    ("cnn(32, 64, 128), batch 128, bfloat16", 512, {"batch_size": 128, "epochs": 1, "precision": "mixed_bfloat16"}),
]


def side_by_side(arguments):
    """Both ways at each size, the engine's own choice overruled."""
    digits = load_digit_images()
    result = {}
    for name, n, settings in SIZES:
        X, y = digits.images[:n], digits.target[:n]
        base = CNNClassifier(**{**PLAIN, "precision": "float32", "random_state": 0, **settings})

        def fit(together, base=base, X=X, y=y):
            joint_training.side_by_side_pays = lambda *_: together
            return OneVsRestCNNClassifier(base, strategy="independent").fit(X, y)

        sides = {"one after another": lambda fit=fit: fit(False), "side by side": lambda fit=fit: fit(True)}
        first = {}
        for side, run in sides.items():
            first[side], fitted = clock(run)
        figures = ratios(interleaved(sides, arguments.repeats), "one after another")
        cost = multiply_adds(fitted.estimators_[0].model_) * base.batch_size
        result[name] = {"multiply_adds_a_step": cost, "first_seconds": first, "timed": figures}
        print(f"  {name}: {cost:.2g} multiply-adds, {figures['side by side']['times_faster']:.2f}x", flush=True)
    return described(surroundings(), digits.sha256, networks=10, sizes=result) | {"data": "scikit-learn's digits"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    print(write_result(f"side_by_side_{keras.backend.backend()}", side_by_side(parser.parse_args())))
