"""One network's training against a bare loop over one compiled step, and the machine's own matrix-product rate.

    python benchmarks/throughput.py        # about 3 minutes on 2 cores

Both sides train the custom CNN (288,162 parameters) on the same 6,400 images in batches of 128, with TensorFlow, its
default threads, seed 0; they are timed in turn after one untimed call each. One training image costs 91 MFLOP.
Data: the JPEG q75 copy of CIFAR-10, training images only.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from _common import DATA, clock, described, interleaved, ratios, surroundings, write_result
from _sides import BATCH, images, our_classifier


def throughput(arguments):
    """Images a second of both sides in both precisions, and the share of the matrix-product rate."""
    X, y, *_, sha256 = images(arguments.data, 6400)
    y = (y == 3).astype("int32")
    result = described(surroundings(), sha256, n=len(X), flop_an_image=91e6)
    for precision in ("float32", "mixed_bfloat16"):
        network = our_classifier(epochs=1, precision=precision).fit(X[:BATCH], y[:BATCH]).model_
        optimizer = keras.optimizers.Adam()
        optimizer.build(network.trainable_variables)

        @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int32)])
        def step(x, labels, network=network, optimizer=optimizer):
            with tf.GradientTape() as tape:
                answers = network(x, training=True)
                loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, answers))
            optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
            return loss

        def bare(step=step):
            order = np.random.default_rng(0).permutation(len(X))
            for start in range(0, len(X), BATCH):
                index = order[start : start + BATCH]
                step(X[index], y[index])

        def ours(precision=precision):
            our_classifier(epochs=1, precision=precision).fit(X, y)

        sides = {"bare loop": bare, "ours": ours}
        for side in sides.values():
            side()
        figures = ratios(interleaved(sides, max(arguments.repeats, 7)), "bare loop")
        rate = _matrix_rate("float32" if precision == "float32" else "bfloat16")
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
    parser.add_argument("--repeats", type=int, default=7)
    print(write_result("engine_throughput", throughput(parser.parse_args())))
