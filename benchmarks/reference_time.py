"""Time to the reference table: joint against independent one-vs-rest, one network after another.

    python benchmarks/reference_time.py joint --epochs 3 4 5 6     # about 1 minute an epoch, 2 cores
    python benchmarks/reference_time.py independent --epochs 7     # about 3 minutes an epoch
    python benchmarks/reference_time.py time                       # about 3 minutes; writes the ratio

The custom CNN with focal heads (`recipe="strong"`, `loss__alpha=0.65`), seed 0, is trained on 45,000 training images
of the JPEG q75 copy of CIFAR-10 for the number of epochs named, its learning rate scheduled for just so many, and
scored on the 5,000 others: mean positive F1 of ten classes at 0.5. What joint needs is the smallest number of epochs
tried that reaches 0.763, the reference's mean. Independent needs at least one more than the most tried that does not,
which makes the ratio a lower bound. `time` times one epoch of the joint network and of one separate network in turn,
five times; the ratio is that of ten networks' epochs to the joint one's. Results so far are kept in
benchmarks/results/reference_time.json, and not measured again.
"""

import argparse
import json
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _common import DATA, RESULTS, clock, described, interleaved, surroundings, write_result
from _sides import images, mean_f1, our_classifier, our_ovr

REFERENCE_F1 = 0.763
SETTINGS = {"recipe": "strong", "loss__alpha": 0.65}
NAME = "reference_time"


def so_far() -> dict:
    """Results of earlier runs."""
    path = RESULTS / f"{NAME}.json"
    return json.loads(path.read_text()) if path.exists() else {"f1": {"joint": {}, "independent": {}}}


def scored(strategy, epochs, parts):
    """Held-out mean F1 after so many epochs."""
    X, y, X_held, y_held, _ = parts
    seconds, ovr = clock(lambda: our_ovr(strategy, epochs=epochs, **SETTINGS).fit(X, y))
    f1 = mean_f1(ovr.predict_ovr(X_held), y_held)
    print(f"  {strategy}, {epochs} epochs: {f1:.4f} after {seconds / 60:.1f} min", flush=True)
    return f1


def fewest_that_reach(f1_by_epochs) -> int:
    """The fewest epochs that reached the reference."""
    reached = [int(epochs) for epochs, f1 in f1_by_epochs.items() if f1 >= REFERENCE_F1]
    if not reached:
        raise SystemExit("No number of epochs tried so far reached the reference: try more.")
    return min(reached)


def at_least(f1_by_epochs) -> int:
    """One more than the most epochs that did not reach the reference."""
    return 1 + max((int(epochs) for epochs, f1 in f1_by_epochs.items() if f1 < REFERENCE_F1), default=0)


def timed(parts, repeats):
    """Seconds of an epoch of either kind of network, in turn."""
    X, y = parts[:2]
    cats = (y == 3).astype(int)
    sides = {
        "joint": lambda: our_ovr("joint", epochs=1, **SETTINGS).fit(X, y),
        "one of ten": lambda: our_classifier(epochs=1, **SETTINGS).fit(X, cats),
    }
    for side in sides.values():
        side()
    return interleaved(sides, repeats)


def concluded(result) -> dict:
    """How much sooner joint is there, as far as has been measured."""
    f1, seconds = result["f1"], result.get("epoch_seconds")
    if seconds is None or not f1["independent"]:
        return {}
    epochs = {"joint": fewest_that_reach(f1["joint"]), "independent": at_least(f1["independent"])}
    pairs = zip(seconds["one of ten"], seconds["joint"], strict=True)
    per_epoch = statistics.median(10 * one / joint for one, joint in pairs)
    ratio = per_epoch * epochs["independent"] / epochs["joint"]
    return {"epochs_needed": epochs, "times_faster_at_least": ratio}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["joint", "independent", "time"])
    parser.add_argument("--epochs", type=int, nargs="+", default=[])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", default=DATA)
    arguments = parser.parse_args()
    parts = images(arguments.data, 45_000, 5000)
    facts = described(surroundings(), parts[-1], n=45_000, settings=SETTINGS)
    result = so_far()
    if arguments.what == "time":
        result |= {"epoch_seconds": timed(parts, arguments.repeats), "timed_in": facts["surroundings"]}
        write_result(NAME, result | facts)
    for epochs in arguments.epochs:
        f1 = result["f1"][arguments.what]
        if str(epochs) not in f1:
            f1[str(epochs)] = scored(arguments.what, epochs, parts)
            result.setdefault("scored_in", {})[f"{arguments.what} {epochs}"] = facts["surroundings"]["commit"]
            write_result(NAME, result | facts)
    print(write_result(NAME, result | facts | concluded(result)))


if __name__ == "__main__":
    main()
