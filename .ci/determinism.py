"""Fit the same estimators in fresh processes, and check that the same seed gives the same weights.

    python .ci/determinism.py --processes 20 --backend tensorflow

Processes come in pairs, of one thread and of two. Each pair fits, predicts or draws something else first and fits the
estimators in another order; one pair in `--workers-every` trains separate networks with ``n_jobs=2`` as well. Prints a
line for each process, and one for each estimator: the number of different results among processes of equal threads, and
the largest difference between the weights of one thread and of two. Exit status 1 if processes of equal threads differ,
or ``n_jobs`` 1 and 2.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

THREADS = (1, 2)
# TensorFlow, PyTorch and NumPy, JAX.
THREAD_VARIABLES = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NPROC",
)
SETTINGS = {"recipe": None, "epochs": 2, "batch_size": 32, "random_state": 0, "augment": "flip_shift"}
SMALL = {"model__filters": (8, 8, 8), "precision": "float32"}


def images():
    from sk_cifar_ovr import load_digit_images

    bunch = load_digit_images()
    kept = np.flatnonzero(bunch.target < 3)[:128]
    return bunch.images[kept], bunch.target[kept]


def classifier(**settings):
    from sk_cifar_ovr import CNNClassifier

    return CNNClassifier(**{**SETTINGS, **settings})


def one_vs_rest(strategy, **settings):
    from sk_cifar_ovr import OneVsRestCNNClassifier

    return OneVsRestCNNClassifier(classifier(**SMALL), strategy=strategy, **settings)


ESTIMATORS = {
    "one network": lambda: classifier(early_stopping=True),
    "joint": lambda: one_vs_rest("joint", threshold="f1", cv=2),
    "independent": lambda: one_vs_rest("independent"),
}
WITH_WORKERS = {"independent, n_jobs=2": lambda: one_vs_rest("independent", n_jobs=2)}


def nothing(X, y):
    """A process that fits nothing else."""


def another_network(X, y):
    classifier(model__filters=(4, 4, 4), random_state=5).fit(X, y).predict(X)


def the_same_network(X, y):
    """The same graph, with other images and another seed."""
    classifier(epochs=1, random_state=9).fit(255 - X[:64], y[:64]).predict(X)


def global_seeds(X, y):
    import keras

    keras.utils.set_random_seed(int(time.time()) % 1000)
    keras.random.normal((3,))


def plain_keras(X, y):
    import keras

    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    # Keras gives PyTorch's tensors to NumPy in a way that it warns of.
    model.fit(X[:64].astype("float32"), y[:64], verbose=0)


def a_failure(X, y):
    try:
        classifier(optimizer="sgd", optimizer__learning_rate=1e38, precision="float32").fit(X, y)
    except ArithmeticError:
        return
    raise RuntimeError("a fit with a learning rate of 1e38 ended normally")


BEFORE = (nothing, another_network, the_same_network, global_seeds, plain_keras, a_failure)


def weights(estimator):
    """All weights, statistics and thresholds in one array."""
    parts = [value.ravel() for each in getattr(estimator, "estimators_", [estimator]) for value in each.network_.state]
    return np.concatenate([*parts, getattr(estimator, "thresholds_", np.empty(0))]).astype("float64")


def child(pair, with_workers, path):
    """Fit everything and write the weights to a file."""
    X, y = images()
    BEFORE[pair % len(BEFORE)](X, y)
    makers = list({**ESTIMATORS, **(WITH_WORKERS if with_workers else {})}.items())
    first = pair % len(makers)
    found = {name: weights(make().fit(X, y)) for name, make in makers[first:] + makers[:first]}
    np.savez(path, **found)


def run(number, threads, arguments, folder):
    """The weights that one fresh process finds."""
    path = folder / f"{number}.npz"
    environment = {name: str(threads) for name in THREAD_VARIABLES}
    environment = {**os.environ, **environment, "KERAS_BACKEND": arguments.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    pair = number if arguments.threads else number // len(THREADS)
    with_workers = pair % arguments.workers_every == 0
    command = [sys.executable, "-W", "ignore", __file__, "--child", str(pair), "--file", str(path)]
    subprocess.run(command + ["--with-workers"] * with_workers, env=environment, check=True)
    with np.load(path) as file:
        return dict(file)


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:12]


def difference(one, other):
    return float(np.abs(one - other).max())


def summary(results):
    """Print what differs; whether processes of equal threads agree, and ``n_jobs`` 1 and 2."""
    agree = True
    for name in [*ESTIMATORS, *WITH_WORKERS]:
        of_threads = {
            threads: [each[name] for t, each in results if t == threads and name in each] for threads in THREADS
        }
        counts = {threads: len({digest(each) for each in found}) for threads, found in of_threads.items()}
        agree &= max(counts.values()) <= 1
        told = [f"{len(of_threads[t])} processes of {t} threads, {counts[t]} different" for t in THREADS if counts[t]]
        if all(of_threads.values()):
            told.append(f"1 and 2 threads differ by {difference(*(found[0] for found in of_threads.values())):.2g}")
        print(f"{name}: {'; '.join(told)}")
    for apart in WITH_WORKERS:
        pairs = [(each[apart], each["independent"]) for _, each in results if apart in each]
        if pairs:
            largest = max(difference(*pair) for pair in pairs)
            agree &= largest == 0
            print(f"n_jobs 1 and 2 differ by {largest:.2g}")
    return agree


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--backend", choices=["tensorflow", "jax", "torch"], default="tensorflow")
    parser.add_argument("--threads", type=int, choices=THREADS, help="threads of all processes; default both, in turn")
    parser.add_argument("--workers-every", type=int, default=5, help="pairs of processes of which one uses workers")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--with-workers", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.file:
        child(arguments.child, arguments.with_workers, arguments.file)
        return 0
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.processes):
            threads = arguments.threads or THREADS[number % len(THREADS)]
            start = time.perf_counter()
            results.append((threads, run(number, threads, arguments, Path(folder))))
            seconds = time.perf_counter() - start
            digests = ", ".join(f"{name} {digest(each)}" for name, each in sorted(results[-1][1].items()))
            print(f"process {number} ({threads} threads, {seconds:.0f} s): {digests}", flush=True)
    return 0 if summary(results) else 1


if __name__ == "__main__":
    sys.exit(main())
