"""The engine on one accelerator: time to the reference table, fits one after another, a search, share of the card.

    KERAS_BACKEND=jax python benchmarks/gpu.py                 # all steps; those done before are skipped
    KERAS_BACKEND=torch python benchmarks/gpu.py joint search
    python benchmarks/gpu.py --rows 640 --epochs 1             # a trial of the script itself, on any machine

Data: the JPEG q75 copy of CIFAR-10 (--data); hyperparameters are fixed here, F1 is read on 5,000 training images held
out (seed 0), never on the test images. Each step is one process's work of at most a few minutes, and its result is
kept in benchmarks/results/gpu_<backend>.json as soon as it is done, so that a stopped run goes on where it was.
"""

import argparse
import json

from _cifar import held_out
from _common import DATA, RESULTS, clock, interleaved, ratios, surroundings, write_result
from _sides import BATCH, mean_f1, our_classifier, our_ovr

REFERENCE_F1 = 0.763
STRONG = {"recipe": "strong", "loss__alpha": 0.65}


def data(arguments):
    """Training images and 5,000 held-out ones (fewer in a trial)."""
    return held_out(arguments.data, n_scored=min(5000, arguments.rows or 5000), n_train=arguments.rows)


def trained(arguments, strategy):
    """Seconds, images a second and held-out mean F1 of one fit, and whether it reached the reference."""
    part = data(arguments)
    epochs = arguments.epochs or (16 if strategy == "joint" else 12)
    ovr = our_ovr(strategy, epochs=epochs, **STRONG)
    seconds, _ = clock(lambda: ovr.fit(part.X, part.y))
    f1 = mean_f1(ovr.predict_ovr(part.X_scored), part.y_scored)
    networks = 1 if strategy == "joint" else 10
    return {
        **part.facts,
        "epochs": epochs,
        "seconds": seconds,
        "model_images_a_second": len(part.X) * epochs * networks / seconds,
        "held_out_mean_f1": f1,
        "reached_reference": f1 >= REFERENCE_F1,
    }


def joint(arguments):
    """Joint one-vs-rest."""
    return trained(arguments, "joint")


def independent(arguments):
    """Ten separate networks, one after another."""
    return trained(arguments, "independent")


def search(arguments):
    """GridSearchCV, 6 candidates x 3 folds, 5,000 images, 2 epochs, after one to warm up."""
    from sklearn.model_selection import GridSearchCV

    part = data(arguments)
    X, y = part.X[:5000], (part.y[:5000] == 3).astype(int)
    grid = {"loss__gamma": [0.0, 1.0, 2.0], "optimizer__learning_rate": [1e-3, 3e-3]}

    def run():
        return GridSearchCV(our_classifier(epochs=2), grid, cv=3, scoring="f1", refit=False).fit(X, y)

    first, _ = clock(run)
    return {**part.facts, "first_seconds": first, "seconds": [clock(run)[0] for _ in range(5)]}


def throughput(arguments):
    """Images a second of one network, and its share of the measured matrix-product rate."""
    import keras

    part = data(arguments)
    X, y = part.X, (part.y == 3).astype(int)
    result: dict = {**part.facts}
    for precision, dtype in (("float32", "float32"), ("mixed_bfloat16", "bfloat16")):
        for batch in (BATCH, 1024):
            clf = our_classifier(epochs=1, precision=precision, batch_size=batch)
            clf.fit(X, y)
            seconds = sorted(clock(lambda clf=clf: clf.fit(X, y))[0] for _ in range(5))[2]
            rate = len(X) / seconds
            result[f"{precision}, batch {batch}"] = {"images_a_second": rate, "flop_a_second": rate * 91e6}
        n = 4096 if arguments.rows is None else 512
        a = keras.ops.cast(keras.random.normal((n, n), seed=0), dtype)

        def product(a=a):
            return float(keras.ops.cast(keras.ops.matmul(a, a)[0, 0], "float32"))

        product()
        best = min(clock(product)[0] for _ in range(10))
        result[f"{dtype} matrix products, flop a second"] = 2 * n**3 / best
    return result


def side_by_side(arguments):
    """Ten networks in one program against one after another, 5,000 images, 1 epoch, after one to warm up."""
    import sk_cifar_ovr.one_vs_rest._joint_training as joint_training

    part = data(arguments)
    X, y = part.X[:5000], part.y[:5000]
    sides = {}
    for name, together in (("one after another", False), ("side by side", True)):

        def fit(together=together):
            joint_training.side_by_side_pays = lambda *_: together
            our_ovr("independent", epochs=1).fit(X, y)

        sides[name] = fit
    first = {name: clock(side)[0] for name, side in sides.items()}
    return {**part.facts, "first_seconds": first, "timed": ratios(interleaved(sides, 5), "one after another")}


STEPS = {f.__name__: f for f in (throughput, joint, search, side_by_side, independent)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", help=f"of {', '.join(STEPS)}; all without one")
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--rows", type=int, help="a trial on this many images")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--again", action="store_true", help="repeat steps that are done")
    arguments = parser.parse_args()
    where = surroundings()
    name = f"gpu_{where['backend']}" + ("_trial" if arguments.rows else "")
    path = RESULTS / f"{name}.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    for step in arguments.steps or STEPS:
        if step in result and not arguments.again:
            print(f"{step}: done before")
            continue
        print(f"{step}: {STEPS[step].__doc__}", flush=True)
        result[step] = {"surroundings": where, **STEPS[step](arguments)}
        write_result(name, result)
        print(f"  {result[step]}", flush=True)


if __name__ == "__main__":
    main()
