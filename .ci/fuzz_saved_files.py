"""Load many changed files: `python .ci/fuzz_saved_files.py --n 100000 --seed 0`.

Two kinds of changes are tried in turn. Damage leaves the checksums as they are, and has to be noticed. Forgery edits
documents, arrays and the manifest and computes all checksums again; such a file has to be refused, or to give an
estimator whose parameters and shapes are valid. Neither may run code, touch files or sockets, take more than 64 MB
above a usual load, or raise anything but a SavedFileError.

Prints a summary in JSON, and exits with 1 after a violation.
"""

import argparse
import copy
import json
import os
import random
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "persistence")]

import numpy as np  # noqa: E402
from archives import DOCUMENT, npy, parts_of, sealed, write_parts  # noqa: E402
from load_watched import Watch  # noqa: E402

MAX_MEGABYTES = 64
NAMES = ("os:system", "builtins:eval", "sk_cifar_ovr.networks:small_resnet", "keras.src.layers.core.dense:Dense")
VALUES = (
    *(None, True, False, 0, 1, -1, 2, 3, 8, 64, 1000, 10**6, 10**12, 10**30, 0.0, -0.5, 1e300, "", "a", "cifar_cnn"),
    *("Adam", "crossentropy", "float32", "mixed_bfloat16", "/etc/passwd", "model.keras", [], {}, [0], {"part": 0}),
    *({"part": 1}, {"array": 0}, {"array": 10**6}, {"list": []}, {"tuple": [1, 2]}, {"dict": [[1, 2]]}),
    *({"float": "nan"}, {"objects": [1], "shape": [1]}, {"class_name": "Dense", "config": {"units": 3}}),
    *({"import": name} for name in NAMES),
)


class Base:
    """A saved file, what it predicts and what it consists of."""

    def __init__(self, path, estimator, images):
        from sk_cifar_ovr import save

        save(estimator, path)
        self.images = images
        self.expected = estimator.predict_proba(images).tobytes()
        self.whole, self.parts = path.read_bytes(), parts_of(path)
        self.document = self.parts[DOCUMENT]
        self.arrays = [name for name in self.parts if name.endswith(".npy")]


def bases(folder):
    """Saved files of a one-vs-rest classifier, a Pipeline and a classifier on a Keras model."""
    from keras_networks import plain
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load_digit_images

    digits = load_digit_images()
    X, y = digits.images[:60], digits.target[:60] % 3
    tiny = CNNClassifier(model__filters=(2, 2, 4), epochs=1, recipe=None, random_state=0)
    neighbors = make_pipeline(CNNFeatures(tiny), KNeighborsClassifier(algorithm="brute"))
    ovr = OneVsRestCNNClassifier(tiny, calibration="sigmoid", cv=2)
    estimators = [ovr.fit(X, y), neighbors.fit(X, y), CNNClassifier.from_keras(plain(), classes=range(3))]
    return [Base(folder / str(i), estimator, X[:4]) for i, estimator in enumerate(estimators)]


def damaged(base, other, draw):
    """A file with bytes changed, lost, added or moved; its checksums stay."""
    data = bytearray(base.whole)
    place, length = draw.randrange(len(data)), draw.choice((1, 2, 4, 30, 64, 500))
    kind = draw.choice(("bits", "bytes", "cut", "remove", "insert", "zero", "splice", "move", "swap"))
    if kind == "bits":
        for _ in range(draw.choice((1, 1, 1, 2, 8, 64))):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == "bytes":
        data[place : place + length] = draw.randbytes(len(data[place : place + length]))
    elif kind == "cut":
        del data[place:]
    elif kind == "remove":
        del data[place : place + length]
    elif kind == "insert":
        data[place:place] = draw.randbytes(length)
    elif kind == "zero":
        data[place : place + length] = bytes(len(data[place : place + length]))
    elif kind == "splice":
        start = draw.randrange(len(other.whole))
        data[place:] = other.whole[start:]
    elif kind == "move":
        piece = data[place : place + length]
        del data[place : place + length]
        to = draw.randrange(len(data))
        data[to:to] = piece
    else:
        parts = dict(base.parts)
        a, b = draw.sample(base.arrays, 2)
        parts[a], parts[b] = parts[b], parts[a]
        return parts
    return bytes(data)


def forged(base, other, draw):
    """Parts with an edited document, array or manifest, and checksums that are theirs."""
    parts, change = dict(base.parts), lambda manifest: None
    kind = draw.choice(("document", "document", "document", "array", "exchange", "manifest"))
    if kind == "document":
        document = json.loads(base.document)
        for _ in range(draw.choice((1, 1, 1, 2, 5))):
            edit(document, draw)
        try:
            parts[DOCUMENT] = json.dumps(document).encode()
        except ValueError:
            parts[DOCUMENT] = b"[]"
    elif kind == "array":
        name = draw.choice(base.arrays)
        content = bytearray(parts[name])
        start = content.index(b"\n") + 1
        if draw.random() < 0.5 and len(content) > start + 4:
            content[-4:] = np.float32(draw.choice((np.nan, np.inf, 0, 1e30, draw.random()))).tobytes()
        else:
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        parts[name] = bytes(content)
    elif kind == "exchange":
        name = draw.choice(base.arrays)
        source = draw.choice((base, other))
        parts[name] = draw.choice((source.parts[draw.choice(source.arrays)], npy(np.zeros(draw.randrange(100)))))
    else:

        def change(manifest):
            edit(manifest, draw)

    return sealed(parts, change)


def edit(document, draw):
    """Change, remove or exchange one value somewhere in a document."""
    inner = document
    for _ in range(draw.randrange(1, 14)):
        children = [value for value in (inner.values() if isinstance(inner, dict) else inner) if value]
        children = [value for value in children if isinstance(value, (dict, list))]
        if not children:
            break
        inner = draw.choice(children)
    keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
    if not keys:
        return
    key, kind = draw.choice(keys), draw.choice(("value", "value", "value", "remove", "exchange", "repeat", "number"))
    if kind == "remove":
        del inner[key]
    elif kind == "exchange":
        with_key = draw.choice(keys)
        inner[key], inner[with_key] = inner[with_key], inner[key]
    elif kind == "repeat" and isinstance(inner, list):
        inner.extend(copy.deepcopy(inner * draw.choice((1, 3))))
    elif kind == "number" and type(inner[key]) in (int, float):
        inner[key] = draw.choice((inner[key] + 1, -inner[key], inner[key] * 2, inner[key] * 10**6))
    else:
        inner[key] = copy.deepcopy(draw.choice(VALUES))


def run(n, seed, seconds):
    """Load `n` changed files; the summary and the violations."""
    from sk_cifar_ovr import load
    from sk_cifar_ovr.exceptions import SavedFileError

    draw, outcomes, violations = random.Random(seed), Counter(), []
    slowest, largest, start = (0.0, 0), 0.0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "changed"
        known = bases(Path(folder))
        for i in range(len(known)):
            load(Path(folder) / str(i)).predict_proba(known[i].images)
        watch = Watch(folder)
        for number in range(n):
            if time.monotonic() - start > seconds:
                break
            base, other = draw.choice(known), draw.choice(known)
            kind = "forged" if number % 3 == 0 else "damaged"
            made = (forged if kind == "forged" else damaged)(base, other, draw)
            if isinstance(made, bytes):
                path.write_bytes(made)
            else:
                write_parts(path, made)
            whole, before = path.read_bytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began, estimator = time.process_time(), None
            try:
                with watch:
                    estimator = load(path)
                outcome = "loaded"
            except SavedFileError:
                outcome = "refused"
            except BaseException as error:
                outcome = f"failed: {type(error).__name__}: {error}"
            slowest = max(slowest, (time.process_time() - began, number))
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            largest = max(largest, grown)
            if estimator is not None:
                outcome = used(estimator, base, other, kind, whole)
            outcomes[f"{kind}: {outcome.partition(':')[0]}"] += 1
            if outcome.startswith("failed") or watch.events or grown > MAX_MEGABYTES:
                violations.append([number, kind, outcome[:300], watch.events[:5], round(grown, 1)])
                if os.environ.get("FUZZ_KEEP"):
                    (Path(os.environ["FUZZ_KEEP"]) / f"{seed}-{number}").write_bytes(whole)
    summary = {
        "files": sum(outcomes.values()),
        "seed": seed,
        "outcomes": dict(sorted(outcomes.items())),
        "slowest load: seconds of processors, number": [round(slowest[0], 2), slowest[1]],
        "largest growth, MB": round(largest, 1),
        "seconds": round(time.monotonic() - start),
        "violations": violations[:20],
        "n_violations": len(violations),
    }
    return summary, violations


def used(estimator, base, other, kind, whole):
    """What a file gives that was loaded."""
    if kind == "damaged":
        found = estimator.predict_proba(base.images).tobytes()
        same = found in (base.expected, other.expected) and whole in (base.whole, other.whole)
        return "loaded the same" if same else "failed: a damaged file was loaded"
    try:
        estimator.predict_proba(base.images)
    except Exception as error:
        return f"loaded, and refuses these images: {type(error).__name__}"
    return "loaded and predicts"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=1000, help="number of files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    summary, violations = run(options.n, options.seed, options.seconds)
    print(json.dumps(summary, indent=1))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
