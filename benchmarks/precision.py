"""What bfloat16 costs in F1: five seeds, both precisions, the same images and settings.

    python benchmarks/precision.py        # about 10 minutes on 2 cores; results so far are kept

Joint one-vs-rest of the custom CNN, focal loss, one-cycle AdamW and flips and shifts (recipe "strong"), 6 epochs of
10,000 training images; positive F1 at 0.5, mean over ten classes, on 5,000 other training images.
Data: the JPEG q75 copy of CIFAR-10; the test images are not read.
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _common import DATA, RESULTS, described, surroundings, write_result
from _sides import held_out_f1, images, our_ovr

from sk_cifar_ovr.metrics import mean_and_interval

PRECISIONS = ("float32", "mixed_bfloat16")
SEEDS = range(5)


def precision(arguments):
    """Held-out F1 of each seed and precision, and the interval of the paired difference."""
    X, y, X_held, y_held, sha256 = images(arguments.data, 10_000, 5000)
    path = RESULTS / "precision.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    scores = result.get("held_out_f1", {name: {} for name in PRECISIONS})
    for seed in SEEDS:
        for name in PRECISIONS:
            if str(seed) in scores[name]:
                continue
            ovr = our_ovr("joint", epochs=6, precision=name, random_state=seed, recipe="strong").fit(X, y)
            scores[name][str(seed)] = held_out_f1(ovr.estimators_, X_held, y_held)
            print(f"  seed {seed}, {name}: {scores[name][str(seed)]:.4f}", flush=True)
            write_result("precision", described(surroundings(), sha256, n=len(X), epochs=6, held_out_f1=scores))
    differences = [scores["mixed_bfloat16"][str(seed)] - scores["float32"][str(seed)] for seed in SEEDS]
    interval = mean_and_interval(differences)._asdict()
    facts = {"n": len(X), "epochs": 6, "seeds": list(SEEDS), "held_out_f1": scores}
    return described(surroundings(), sha256, **facts, bfloat16_minus_float32=interval)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA)
    print(write_result("precision", precision(parser.parse_args())))
