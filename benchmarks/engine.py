"""The training engine against scikit-learn's one-vs-rest over SciKeras: time and memory.

Both sides train the custom CNN (288,162 parameters) with Adam (1e-3) and the focal loss (gamma 2), batches of 128,
on the same images in the same order of classes, seeds 0, with TensorFlow's default threads. Sides are timed in turn
in one process after one untimed fit each; figures are medians of the ratios of the pairs.

    python benchmarks/engine.py                       # everything, about 40 minutes on 2 cores
    python benchmarks/engine.py one_vs_rest --repeats 5
    python benchmarks/engine.py overhead search memory candidates throughput

Data: the JPEG q75 copy of CIFAR-10 (--data), training images only. Results go to benchmarks/results/engine_*.json.
"""

import argparse
import os
import resource
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _common import DATA, RESULTS, clock, interleaved, ratios, surroundings, write_result

BATCH = 128


def images(path, n, held_out=0):
    """`n` training images in a fixed shuffled order, then `held_out` others."""
    cache = os.environ.get("SK_CIFAR_OVR_BENCH_CACHE")
    if cache and os.path.exists(cache):
        stored = np.load(cache)
        X, y, sha256 = stored["X"], stored["y"], str(stored["sha256"])
    else:
        from sk_cifar_ovr import load_image_folder

        whole = load_image_folder(path, subset="train", verbose=0)
        X, y, sha256 = whole.images, whole.target, whole.sha256
        if cache:
            np.savez(cache, X=X, y=y, sha256=sha256)
    order = np.random.default_rng(0).permutation(len(X))[: n + held_out]
    return X[order[:n]], y[order[:n]], X[order[n:]], y[order[n:]], sha256


def scikeras_classifier(**settings):
    from scikeras.wrappers import KerasClassifier

    from sk_cifar_ovr import SparseCategoricalFocalLoss
    from sk_cifar_ovr.networks import cifar_cnn

    fixed = {"loss": SparseCategoricalFocalLoss, "optimizer": "adam", "batch_size": BATCH, "verbose": 0}
    return KerasClassifier(model=cifar_cnn, **{**fixed, **settings})


def our_classifier(**settings):
    from sk_cifar_ovr import CNNClassifier

    return CNNClassifier(**{"batch_size": BATCH, "random_state": 0, **settings})


def scikeras_ovr(epochs=2):
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(scikeras_classifier(epochs=epochs))


def our_ovr(strategy, epochs=2, **settings):
    from sk_cifar_ovr import OneVsRestCNNClassifier

    return OneVsRestCNNClassifier(our_classifier(epochs=epochs, **settings), strategy=strategy)


def mean_f1(answers, y):
    from sklearn.metrics import f1_score

    return float(np.mean([f1_score(y == k, answers[:, k], zero_division=0) for k in range(10)]))


def one_vs_rest(arguments):
    """Fit and predict of ten classes, 10,000 images, 2 epochs."""
    X, y, X_held, y_held, sha256 = images(arguments.data, arguments.n, 2000)
    sides = {
        "scikeras": scikeras_ovr,
        "joint": lambda: our_ovr("joint"),
        "independent float32": lambda: our_ovr("independent", precision="float32"),
        "independent auto": lambda: our_ovr("independent"),
    }
    fitted, first = {}, {}
    for name, make in sides.items():
        first[name], fitted[name] = clock(lambda make=make: make().fit(X, y))
        print(f"  first fit, {name}: {first[name]:.1f} s", flush=True)
    result = {"surroundings": surroundings(), "data_sha256": sha256, "n": len(X), "epochs": 2, "first_fit": first}
    result["held_out_mean_f1_of_2000"] = {
        name: mean_f1(np.stack([e.predict_proba(X_held)[:, 1] for e in model.estimators_], axis=1) >= 0.5, y_held)
        for name, model in fitted.items()
    }
    X_new = images(arguments.data, 10_000, 0)[0]
    predictors = {name: (lambda model=model: model.predict(X_new)) for name, model in fitted.items()}
    for predict in predictors.values():
        predict()
    result["predict_10000"] = ratios(interleaved(predictors, arguments.repeats), "scikeras")
    write_result("engine_one_vs_rest", result)
    fits = {name: (lambda make=make: make().fit(X, y)) for name, make in sides.items()}
    result["fit"] = ratios(interleaved(fits, arguments.repeats), "scikeras")
    return result


def overhead(arguments):
    """256 images, 2 epochs: the second and later fits, and the first."""
    X, y, *_, sha256 = images(arguments.data, 256)
    y = (y == 3).astype(int)
    sides = {
        "scikeras": lambda: scikeras_classifier(epochs=2).fit(X, y),
        "ours float32": lambda: our_classifier(epochs=2, precision="float32").fit(X, y),
        "ours auto": lambda: our_classifier(epochs=2).fit(X, y),
    }
    first = {name: clock(side)[0] for name, side in sides.items()}
    seconds = interleaved(sides, max(arguments.repeats, 9))
    return {
        "surroundings": surroundings(),
        "data_sha256": sha256,
        "first_fit": first,
        "fit": ratios(seconds, "scikeras"),
    }


def search(arguments):
    """GridSearchCV: 6 candidates x 3 folds, 1,000 images, 2 epochs, refit off."""
    from sklearn.model_selection import GridSearchCV

    X, y, *_, sha256 = images(arguments.data, 1000)
    y = (y == 3).astype(int)
    grid = {"loss__gamma": [0.0, 1.0, 2.0], "optimizer__learning_rate": [1e-3, 3e-3]}

    def run(estimator):
        return GridSearchCV(estimator, grid, cv=3, scoring="f1", refit=False, error_score="raise").fit(X, y)

    sides = {
        "scikeras": lambda: run(scikeras_classifier(epochs=2)),
        "ours float32": lambda: run(our_classifier(epochs=2, precision="float32")),
        "ours auto": lambda: run(our_classifier(epochs=2)),
    }
    for side in sides.values():
        side()
    seconds = interleaved(sides, arguments.repeats)
    return {"surroundings": surroundings(), "data_sha256": sha256, "search": ratios(seconds, "scikeras")}


def candidates(arguments):
    """100 candidates of one graph: programs traced, and memory after warm-up."""
    from sk_cifar_ovr._backends import trace_count

    X, y, *_, sha256 = images(arguments.data, 256)
    y = (y == 3).astype(int)
    before = trace_count()
    sizes = []
    for i in range(120):
        our_classifier(
            epochs=1,
            loss__gamma=i / 40,
            optimizer__learning_rate=1e-3 * (1 + i % 7),
            random_state=i,
            class_weight="balanced",
        ).fit(X, y)
        sizes.append(_resident_megabytes())
    return {
        "surroundings": surroundings(),
        "data_sha256": sha256,
        "programs_traced": trace_count() - before,
        "megabytes_after_20": sizes[19],
        "megabytes_after_120": sizes[-1],
        "megabytes_a_candidate": (sizes[-1] - sizes[19]) / 100,
    }


def _resident_megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def throughput(arguments):
    """One network: images a second against a bare loop over one compiled step, and the matrix-product rate."""
    import keras
    import tensorflow as tf

    X, y, *_, sha256 = images(arguments.data, 6400)
    y = (y == 3).astype("int32")
    result = {"surroundings": surroundings(), "data_sha256": sha256, "flop_an_image": 91e6}
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


def fused(arguments):
    """Ten separate networks: one program of ten branches against ten programs one after another, a step each."""
    import keras
    import tensorflow as tf

    from sk_cifar_ovr.networks import cifar_cnn

    X, y, *_, sha256 = images(arguments.data, 20 * BATCH)
    labels = (y[:, None] == np.arange(10)).astype("int32")
    result = {"surroundings": surroundings(), "data_sha256": sha256, "networks": 10}
    for batch in (32, BATCH):
        networks = [cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2}) for _ in range(10)]
        optimizers = [keras.optimizers.Adam() for _ in networks]
        for optimizer, network in zip(optimizers, networks, strict=True):
            optimizer.build(network.trainable_variables)

        def update(k, x, y, networks=networks, optimizers=optimizers):
            with tf.GradientTape() as tape:
                answers = networks[k](x, training=True)
                loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, answers))
            variables = networks[k].trainable_variables
            optimizers[k].apply(tape.gradient(loss, variables), variables)

        together = tf.function(lambda x, y, update=update: [update(k, x, y[:, k]) for k in range(10)] and None)
        apart = [tf.function(lambda x, y, k=k, update=update: update(k, x, y)) for k in range(10)]
        starts = range(0, len(X), batch)

        def one_program(together=together, starts=starts, batch=batch):
            for s in starts:
                together(X[s : s + batch], labels[s : s + batch])

        def one_after_another(apart=apart, starts=starts, batch=batch):
            for k in range(10):
                for s in starts:
                    apart[k](X[s : s + batch], labels[s : s + batch, k])

        sides = {"one after another": one_after_another, "one program": one_program}
        for side in sides.values():
            side()
        result[f"batch {batch}"] = ratios(interleaved(sides, arguments.repeats), "one after another")
    return result


def _matrix_rate(dtype):
    import tensorflow as tf

    n = 2048
    a = tf.cast(tf.random.stateless_normal((n, n), (0, 0)), dtype)
    product = tf.function(lambda x: tf.matmul(x, x))
    product(a)
    return 2 * n**3 / min(clock(lambda: product(a).numpy().shape)[0] for _ in range(9))


def memory(arguments):
    """Peak memory above the images: three one-vs-rest problems on 50,000 images, 1 epoch, a process each."""
    result = {"surroundings": surroundings(), "megabytes": {}}
    for side in ("nothing", "scikeras", "joint", "independent"):
        command = [sys.executable, __file__, "memory_of", "--side", side, "--data", str(arguments.data)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        result["megabytes"][side] = float(done.stdout.split()[-1])
        print(f"  {side}: {result['megabytes'][side]:.0f} MB", flush=True)
    base = result["megabytes"]["nothing"]
    theirs = result["megabytes"]["scikeras"] - base
    result["share_of_scikeras"] = {
        side: (result["megabytes"][side] - base) / theirs for side in ("joint", "independent")
    }
    return result


def memory_of(arguments):
    """Print the peak of one side; "nothing" holds the images and has trained 256 of them once."""
    X, y, *_ = images(arguments.data, 50_000)
    y = np.minimum(y, 2)
    our_classifier(epochs=1).fit(X[:256], (y[:256] == 0).astype(int))
    if arguments.side == "scikeras":
        scikeras_ovr(epochs=1).fit(X, y)
    elif arguments.side != "nothing":
        our_ovr(arguments.side, epochs=1).fit(X, y)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


BENCHMARKS = {f.__name__: f for f in (overhead, search, candidates, throughput, fused, memory, one_vs_rest)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--n", type=int, default=10_000, help="images of one_vs_rest")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.names == ["memory_of"]:
        memory_of(arguments)
        return
    for name in arguments.names or BENCHMARKS:
        print(f"{name}: {BENCHMARKS[name].__doc__}", flush=True)
        path = write_result(f"engine_{name}", BENCHMARKS[name](arguments))
        print(f"  -> {path.relative_to(RESULTS.parents[1])}", flush=True)


if __name__ == "__main__":
    main()
