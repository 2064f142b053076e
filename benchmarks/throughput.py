"""One network's training against a bare loop over one compiled step, and the machine's own matrix-product rate.

    python benchmarks/throughput.py        # about 3 minutes on 2 cores

Both sides train the custom CNN (288,162 parameters) on the same 6,400 images in batches of 128, with TensorFlow, its
default threads, seed 0; epochs are timed in turn after one untimed call each. One training image costs 91 MFLOP. F1 is
of both sides after four epochs, on 2,000 other training images, of ships against the rest.
Data: the JPEG q75 copy of CIFAR-10, training images only.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from _common import DATA, clock, described, interleaved, ratios, surroundings, write_result
from _sides import bare_loop, images, our_classifier
from sklearn.metrics import f1_score

SHIP = 8


def throughput(arguments):
    """Images a second of both sides in both precisions, and the share of the matrix-product rate."""
    X, y, X_held, y_held, sha256 = images(arguments.data, 6400, 2000)
    y, y_held = (y == SHIP).astype("int32"), y_held == SHIP
    result = described(surroundings(), sha256, n=len(X), flop_an_image=91e6)
    for precision in ("float32", "mixed_bfloat16"):
        bare = bare_loop(X, y, precision)

        def ours(precision=precision, epochs=1):
            return our_classifier(epochs=epochs, precision=precision).fit(X, y)

        sides = {"bare loop": bare, "ours": ours}
        for side in sides.values():
            side()
        figures = ratios(interleaved(sides, max(arguments.repeats, 7)), "bare loop")
        rate = _matrix_rate("float32" if precision == "float32" else "bfloat16")
        learned = {"bare loop": bare_loop(X, y, precision, epochs=4)(), "ours": ours(epochs=4)}
        figures["held_out_f1"] = {
            name: float(f1_score(y_held, model.predict_proba(X_held)[:, 1] >= 0.5)) for name, model in learned.items()
        }
        images_a_second = len(X) / figures["ours"]["median_seconds"]
        figures["images_a_second"] = images_a_second
        figures["matrix_flop_a_second"] = rate
        figures["share_of_matrix_rate"] = images_a_second * 91e6 / rate
        result[precision] = figures
    return result


def _matrix_rate(dtype):
    n = 2048
    a = tf.cast(tf.random.stateless_normal((n, n), (0, 0)), dtype)
    product = tf.function(lambda x: tf.matmul(x, x))
    product(a)
    return 2 * n**3 / min(clock(lambda: product(a).numpy().shape)[0] for _ in range(9))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--repeats", type=int, default=7, help="7 at least")
    print(write_result("engine_throughput", throughput(parser.parse_args())))
