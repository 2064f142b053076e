"""The training engine against scikit-learn's one-vs-rest over SciKeras: time and memory.

What both sides train is said in `_sides.py`; TensorFlow, default threads, seed 0. What is timed is timed in turn in one
process after one fit each that is timed apart as the first; figures are medians of the ratios of the pairs. `memory`,
`candidates` and `quality` time nothing.

    python benchmarks/engine.py                       # everything, about 50 minutes on 2 cores
    python benchmarks/engine.py one_vs_rest --repeats 5
    python benchmarks/engine.py overhead search candidates memory peers quality

`peers` times skorch on PyTorch (`pip install skorch torch`) and a loop over classes of plain Keras models instead.

Data: the JPEG q75 copy of CIFAR-10 (--data), training images only. Results go to benchmarks/results/engine_*.json.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _common import DATA, RESULTS, clock, described, interleaved, ratios, surroundings, write_result
from _sides import (
    BATCH,
    KerasByHand,
    bare_loop,
    channels_first,
    held_out_f1,
    images,
    our_classifier,
    our_ovr,
    scikeras_classifier,
    scikeras_ovr,
    skorch_ovr,
)

from sk_cifar_ovr.engine.compiled import trace_count
from sk_cifar_ovr.one_vs_rest._tasks import FittedTasks


def compared(sides, baseline, repeats, score, made_later=dict) -> dict:
    """The first call of each side, what `score` makes of its answer, programs traced; then all timed in turn.

    `made_later` makes further sides to be timed, which are not to come before the first calls of the others.
    """
    first, scores, traced = {}, {}, {}
    for name, side in sides.items():
        before = trace_count()
        first[name], answer = clock(side)
        scores[name] = score(answer)
        traced[name] = trace_count() - before
        print(f"  first, {name}: {first[name]:.1f} s", flush=True)
    further = made_later()
    before = trace_count()
    timed = ratios(interleaved({**sides, **further}, repeats), baseline)
    facts = {"first_seconds": first, "held_out_f1": scores, "programs_traced_first": traced}
    return {**facts, "programs_traced_later": trace_count() - before, "timed": timed}


def one_vs_rest(arguments):
    """Fit of ten classes, 10,000 images, 2 epochs; then prediction of 10,000 images.

    Sides that train class after class are timed class by class in turn, and the joint fit once for each class, so
    that all ten pairs of times lie close together; "whole" is the sum over the classes against the median joint fit.
    """
    X, y, X_held, y_held, sha256 = images(arguments.data, arguments.n, 2000)
    sides = {
        "scikeras": lambda: scikeras_ovr().estimator,
        "independent float32": lambda: our_classifier(epochs=2, precision="float32"),
        "independent auto": lambda: our_classifier(epochs=2),
        "joint float32": lambda: our_ovr("joint", precision="float32"),
        "joint auto": lambda: our_ovr("joint"),
    }
    first = {}
    for name, make in sides.items():
        labels = y[:BATCH] if name.startswith("joint") else y[:BATCH] % 2
        first[name] = clock(lambda make=make, labels=labels: make().fit(X[:BATCH], labels))[0]
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    fitted: dict[str, list] = {name: [] for name in sides}
    before = trace_count()
    for k in range(10):
        for name, make in sides.items():
            labels = y if name.startswith("joint") else (y == k).astype(int)
            elapsed, estimator = clock(lambda make=make, labels=labels: make().fit(X, labels))
            seconds[name].append(elapsed)
            fitted[name].append(estimator)
            print(f"  class {k}, {name}: {elapsed:.2f} s", flush=True)
    traced = trace_count() - before
    theirs = np.array(seconds["scikeras"])
    fits = {}
    for name, times in seconds.items():
        joint = name.startswith("joint")
        fits[name] = {
            "seconds": np.round(times, 3).tolist(),
            "whole_seconds": float(np.median(times) if joint else np.sum(times)),
            "times_faster": float(np.median((theirs.sum() if joint else theirs) / times)),
        }
    joint = fitted["joint auto"][-1]
    models = {name: m[-1].estimators_ if name.startswith("joint") else m for name, m in fitted.items()}
    f1 = {name: held_out_f1(estimators, X_held, y_held) for name, estimators in models.items()}
    predictions = _predictions(arguments, models["scikeras"], joint, models["independent auto"])
    facts = {"n": len(X), "epochs": 2, "first_fit_of_one_batch_seconds": first, "programs_traced_later": traced}
    return described(surroundings(), sha256, **facts, held_out_f1=f1, fit=fits, predict_10000=predictions)


def _predictions(arguments, theirs, joint, independent):
    """Ten classes for 10,000 images: by scikit-learn's one-vs-rest over SciKeras, by our two strategies."""
    X = images(arguments.data, 10_000)[0]
    sides = {
        "scikeras": lambda: np.stack([model.predict_proba(X)[:, 1] for model in theirs], axis=1).argmax(axis=1),
        "joint": lambda: joint.predict(X),
        "independent": lambda: FittedTasks(independent, None).outputs(X)[..., 1].argmax(axis=1),
    }
    for side in sides.values():
        side()
    return ratios(interleaved(sides, arguments.repeats), "scikeras")


def peers(arguments):
    """Fit of ten classes, 2,000 images, 2 epochs, by skorch, by plain Keras models, and by ours, in float32."""
    X, y, X_held, y_held, sha256 = images(arguments.data, 2000, 2000)
    first, held = channels_first(X), channels_first(X_held)
    sides = {
        "keras by hand": lambda: KerasByHand().fit(X, y),
        "skorch": lambda: skorch_ovr().fit(first, y),
        "joint": lambda: our_ovr("joint", precision="float32").fit(X, y),
        "independent": lambda: our_ovr("independent", precision="float32").fit(X, y),
    }

    def score(ovr):
        on_pytorch = "Net" in type(getattr(ovr, "estimator", None)).__name__
        return held_out_f1(ovr.estimators_, held if on_pytorch else X_held, y_held)

    fits = compared(sides, "keras by hand", arguments.repeats, score)
    return described(surroundings(), sha256, n=len(X), epochs=2, precision="float32", fit=fits)


def one_class(arguments, n):
    """Images, and whether each is a cat; 2,000 others to score on."""
    from sklearn.metrics import f1_score

    X, y, X_held, y_held, sha256 = images(arguments.data, n, 2000)

    def score(classifier):
        return float(f1_score(y_held == 3, classifier.predict(X_held), zero_division=0))

    return X, (y == 3).astype(int), score, sha256


def overhead(arguments):
    """256 images, 2 epochs: the first fit, later ones, and what these take beyond a bare loop over the same steps."""
    X, y, score, sha256 = one_class(arguments, 256)
    sides = {
        "scikeras": lambda: scikeras_classifier(epochs=2).fit(X, y),
        "ours float32": lambda: our_classifier(epochs=2, precision="float32").fit(X, y),
        "ours auto": lambda: our_classifier(epochs=2).fit(X, y),
    }

    def bare_loops():
        loops = {f"bare loop {name}": bare_loop(X, y, name, epochs=2) for name in ("float32", "mixed_bfloat16")}
        for loop in loops.values():
            loop()
        return loops

    fits = compared(sides, "scikeras", max(arguments.repeats, 9), score, bare_loops)
    median = {name: timed["median_seconds"] for name, timed in fits["timed"].items()}
    beyond = {
        "scikeras": median["scikeras"] - median["bare loop float32"],
        "ours float32": median["ours float32"] - median["bare loop float32"],
        "ours auto": median["ours auto"] - median["bare loop mixed_bfloat16"],
    }
    return described(surroundings(), sha256, n=len(X), epochs=2, fit=fits, seconds_beyond_the_bare_loop=beyond)


def quality(arguments):
    """Held-out F1 of three classes after the work of `one_vs_rest`, five seeds: is speed paid for with answers?"""
    import keras
    from sklearn.metrics import f1_score

    from sk_cifar_ovr.metrics import mean_and_interval

    X, y, X_held, y_held, sha256 = images(arguments.data, arguments.n, 5000)
    classes = (0, 1, 8)

    def one_by_one(make):
        return [make().fit(X, (y == k).astype(int)).predict(X_held) for k in classes]

    def together(**settings):
        return our_ovr("joint", **settings).fit(X, y).predict_ovr(X_held)[:, classes].T

    def sides(seed):
        keras.utils.set_random_seed(seed)
        yield "scikeras", one_by_one(partial(scikeras_classifier, epochs=2))
        for precision in ("float32", "auto"):
            settings = {"precision": precision, "random_state": seed}
            yield f"independent {precision}", one_by_one(partial(our_classifier, epochs=2, **settings))
            yield f"joint {precision}", together(**settings)

    f1: dict[str, list[float]] = {}
    for seed in range(5):
        for name, answers in sides(seed):
            scores = [f1_score(y_held == k, answer) for k, answer in zip(classes, answers, strict=True)]
            f1.setdefault(name, []).append(round(float(np.mean(scores)), 4))
            print(f"  seed {seed}, {name}: {f1[name][-1]:.3f}", flush=True)
    theirs = np.array(f1.pop("scikeras"))
    minus = {name: mean_and_interval(np.array(ours) - theirs)._asdict() for name, ours in f1.items()}
    facts = {"n": len(X), "epochs": 2, "classes": classes, "seeds": list(range(5))}
    return described(
        surroundings(), sha256, **facts, held_out_f1={"scikeras": theirs.tolist(), **f1}, minus_scikeras=minus
    )


def search(arguments):
    """GridSearchCV: 6 candidates x 3 folds, 1,000 images, 2 epochs."""
    from sklearn.model_selection import GridSearchCV

    X, y, _, sha256 = one_class(arguments, 1000)
    grid = {"loss__gamma": [0.0, 1.0, 2.0], "optimizer__learning_rate": [1e-3, 3e-3]}

    def run(estimator):
        return GridSearchCV(estimator, grid, cv=3, scoring="f1", refit=False, error_score="raise").fit(X, y)

    sides = {
        "scikeras": lambda: run(scikeras_classifier(epochs=2)),
        "ours float32": lambda: run(our_classifier(epochs=2, precision="float32")),
        "ours auto": lambda: run(our_classifier(epochs=2)),
    }
    searches = compared(sides, "scikeras", arguments.repeats, lambda s: s.cv_results_["mean_test_score"].tolist())
    return described(surroundings(), sha256, n=len(X), epochs=2, candidates=6, folds=3, search=searches)


def candidates(arguments):
    """120 candidates of one graph: programs traced, and memory from the 20th to the last."""
    X, y, _, sha256 = one_class(arguments, 256)
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
    return described(
        surroundings(),
        sha256,
        programs_traced=trace_count() - before,
        megabytes_after_20=sizes[19],
        megabytes_after_120=sizes[-1],
        megabytes_a_candidate=(sizes[-1] - sizes[19]) / 100,
    )


def _resident_megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def memory(arguments):
    """Peak memory of three one-vs-rest problems on all 50,000 training images, 1 epoch; a process a side, once.

    Beside them: a process that has imported TensorFlow and holds the images, and those that have also trained 256 of
    them once, each side by its own means. No image is left to score on; `one_vs_rest` has the F1 of the same work.
    """
    sha256 = images(arguments.data, 1)[-1]
    sides = ("images and imports", "scikeras, one small fit", "ours, one small fit", "scikeras", "joint", "independent")
    peak = {}
    for side in sides:
        command = [sys.executable, __file__, "memory_of", "--side", side, "--data", str(arguments.data)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak[side] = float(done.stdout.split()[-1])
        print(f"  {side}: {peak[side]:.0f} MB", flush=True)
    above_images = {side: peak[side] - peak["images and imports"] for side in sides[3:]}
    above_small_fit = {
        side: peak[side] - peak[f"{'scikeras' if side == 'scikeras' else 'ours'}, one small fit"] for side in sides[3:]
    }
    return described(
        surroundings(),
        sha256,
        n=50_000,
        classes=3,
        epochs=1,
        peak_megabytes=peak,
        megabytes_above_images_and_imports=above_images,
        megabytes_above_one_small_fit=above_small_fit,
    )


def memory_of(arguments):
    """Print the peak of one side, in megabytes."""
    X, y, *_ = images(arguments.data, 50_000)
    y = np.minimum(y, 2)
    # What reading the images took is nobody's peak: 5 sets the mark back to what is held now.
    Path("/proc/self/clear_refs").write_text("5")
    if arguments.side != "images and imports":
        classifier = scikeras_classifier if arguments.side.startswith("scikeras") else our_classifier
        classifier(epochs=1).fit(X[:256], (y[:256] == 0).astype(int))
    if arguments.side == "scikeras":
        scikeras_ovr(epochs=1).fit(X, y)
    elif arguments.side in ("joint", "independent"):
        our_ovr(arguments.side, epochs=1).fit(X, y)
    # The peak that getrusage knows counts in what the process that started this one had.
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6)


BENCHMARKS = {f.__name__: f for f in (overhead, search, candidates, memory, peers, quality, one_vs_rest)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--repeats", type=int, default=5, help="overhead takes 9 at least")
    parser.add_argument("--n", type=int, default=10_000, help="images of one_vs_rest and quality")
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
