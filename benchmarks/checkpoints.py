"""Time and size of a checkpoint, against an epoch of the training that it belongs to.

    python benchmarks/checkpoints.py

The CIFAR-10 job: 50,000 training images (the JPEG q75 copy, --data), ten heads on one trunk, recipe "strong". Each
epoch is timed without its checkpoint, each checkpoint apart, in the same fit; the first epoch, which compiles, does not
count. Beside it, what the digest of the images costs once a fit.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _cifar import read
from _common import DATA, clock, described, surroundings, write_result

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.engine import _training_loop
from sk_cifar_ovr.engine.checkpoints import Checkpoints

NAME = "checkpoints"


def timed(owner, name, seconds):
    """Let a method write down how long it takes."""
    method = getattr(owner, name)

    def call(*args, **kwargs):
        took, answer = clock(lambda: method(*args, **kwargs))
        seconds.append(took)
        return answer

    setattr(owner, name, call)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    X, y, sha256 = read(arguments.data, "train")
    X, y = X[: arguments.images], y[: arguments.images]
    epochs, writes, descriptions = [], [], []
    timed(_training_loop._TrainingLoop, "epoch", epochs)
    timed(Checkpoints, "write", writes)
    timed(_training_loop, "describe", descriptions)
    with tempfile.TemporaryDirectory() as folder:
        clf = CNNClassifier(
            recipe="strong", epochs=arguments.epochs, batch_size=128, random_state=0, checkpoint=folder, verbose=1
        )
        OneVsRestCNNClassifier(clf, verbose=1).fit(X, y)
        size = max(path.stat().st_size for path in Path(folder).glob("*.checkpoint"))
    epoch, write = statistics.median(epochs[1:]), statistics.median(writes)
    facts = {
        "images": len(X),
        "epoch_seconds": [round(t, 2) for t in epochs],
        "checkpoint_seconds": [round(t, 4) for t in writes],
        "share_of_an_epoch": round(write / epoch, 5),
        "megabytes": round(size / 1e6, 2),
        "description_seconds": round(statistics.median(descriptions), 3),
    }
    path = write_result(NAME, described(surroundings(), sha256, **facts))
    print(facts, path, sep="\n")


if __name__ == "__main__":
    main()
