"""`TSNETransformer` against scikit-learn's `TSNE`: seconds, divergence, trustworthiness; and where unseen rows land.

    python benchmarks/tsne.py 1k                      # against scikit-learn at 1,000 rows of 128 features
    python benchmarks/tsne.py 10k
    python benchmarks/tsne.py 50k --repeats 1
    python benchmarks/tsne.py unseen --model MODEL    # MODEL: a file of `sk_cifar_ovr.save`

Both sides get the same rows (float32), the same start (principal components), perplexity 30 and 1,000 iterations, 250
of them exaggerated by 12, and as many threads as OpenMP has; all else is each side's default. They are timed in turn,
after an untimed run of both on 500 rows, and the order changes from one repetition to the next. At 1k and 10k each
repetition draws other rows; at 50k all rows are taken, and repetitions differ in time alone.

Neither side's own account of its result is used. The divergence is that from scikit-learn's affinities (91 neighbours)
with the sum over all pairs of points, the trustworthiness that of 5 neighbours over all rows.

Rows: 128 principal components of the pixels of CIFAR-10's training images (JPEG q75 copy, --data), or with --model the
128 features of its network, of test images in `unseen`. Results go to benchmarks/results/tsne_*.json.
"""

import argparse
import os
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _cifar import read
from _common import DATA, clock, surroundings, write_result
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _joint_probabilities_nn
from sklearn.metrics import euclidean_distances
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

SIZES = {"1k": 1_000, "10k": 10_000, "50k": 50_000}
SETTINGS = {"perplexity": 30.0, "early_exaggeration": 12.0, "max_iter": 1000}
# Values in one block of distances.
BLOCK = 1 << 24


def ours(X, start, **settings):
    from sk_cifar_ovr import TSNETransformer

    return TSNETransformer(**SETTINGS, initialization=start, random_state=0, **settings).fit_transform(X)


def theirs(X, start):
    return TSNE(**SETTINGS, init=start.astype(np.float32), random_state=0, n_jobs=-1).fit_transform(X)


SIDES = {"scikit-learn": theirs, "sk_cifar_ovr": ours}


def principal_start(X):
    """Two principal components, as small as scikit-learn makes them."""
    places = PCA(2, random_state=0).fit_transform(X)
    return places / places[:, 0].std() * 1e-4


def blocks(n):
    step = max(1, BLOCK // n)
    return [slice(start, start + step) for start in range(0, n, step)]


def divergence(X, places):
    """Kullback-Leibler divergence, the same for both sides: all pairs of points, none approximated."""
    k = int(3 * SETTINGS["perplexity"] + 1)
    graph = NearestNeighbors(n_neighbors=k).fit(X).kneighbors_graph(mode="distance")
    graph.data **= 2
    P = _joint_probabilities_nn(graph, SETTINGS["perplexity"], 0).tocoo()
    places = places.astype(np.float64)
    squares = np.square(places[P.row] - places[P.col]).sum(axis=1)
    total = sum(float((1 / (1 + euclidean_distances(places[b], places, squared=True))).sum()) for b in blocks(len(X)))
    present = P.data > 0
    return float((P.data * (np.log(P.data, where=present, out=np.zeros(P.nnz)) + np.log1p(squares))).sum()) + float(
        np.log(total - len(X)) * P.data.sum()
    )


def trustworthiness(X, places, k=5):
    """`sklearn.manifold.trustworthiness`, block by block: the whole matrix of ranks would not fit for 50,000 rows."""
    n, penalty = len(X), 0
    neighbors = NearestNeighbors(n_neighbors=k).fit(places).kneighbors(return_distance=False)
    for block in blocks(n):
        distances = euclidean_distances(X[block], X, squared=True)
        rows = np.arange(n)[block]
        distances[np.arange(len(rows)), rows] = np.inf
        for column in neighbors[block].T:
            ranks = (distances < distances[np.arange(len(rows)), column][:, None]).sum(axis=1) + 1
            penalty += int(np.maximum(ranks - k, 0).sum())
    return 1 - penalty * 2 / (n * k * (2 * n - 3 * k - 1))


def features_of(path, images):
    """128 features of each image from a saved model's network, that of the first class where each has its own."""
    from sklearn.frozen import FrozenEstimator

    from sk_cifar_ovr import CNNFeatures, load

    model = load(path)
    of_one = {"class_label": model.classes_[0]} if getattr(model, "strategy", None) == "independent" else {}
    return CNNFeatures(FrozenEstimator(model), **of_one).fit(images).transform(images)


def rows_of(arguments, subset):
    """Rows of 128 features, labels, and what they are."""
    images, labels, sha256 = read(arguments.data, subset)
    facts = {"data": "CIFAR-10, JPEG q75 copy", "images": subset, "data_sha256": sha256}
    if arguments.model:
        return features_of(arguments.model, images), labels, {**facts, "features": "128 features of a trained network"}
    pixels = images.reshape(len(images), -1).astype(np.float32)
    rows = PCA(128, svd_solver="covariance_eigh").fit_transform(pixels)
    return rows.astype(np.float32), labels, {**facts, "features": "128 principal components of the pixels"}


def against_scikit_learn(size, arguments):
    X, _, facts = rows_of(arguments, "train")
    n = SIZES[size]
    for side in SIDES.values():
        side(X[:500], principal_start(X[:500]))
    runs = []
    for seed in range(arguments.repeats):
        rows = X if n == len(X) else X[np.random.default_rng(seed).choice(len(X), n, replace=False)]
        start = principal_start(rows)
        run = {"seed": seed}
        for name in sorted(SIDES, reverse=bool(seed % 2)):
            seconds, places = clock(partial(SIDES[name], rows, start))
            run[name] = {"seconds": round(seconds, 3)}
            # At 50k the places of the first repetition are those of all.
            if n < len(X) or seed == 0:
                run[name] |= {
                    "kl_divergence": round(divergence(rows, places), 5),
                    "trustworthiness": round(trustworthiness(rows, places), 5),
                }
            print(f"{size} {seed + 1}/{arguments.repeats} {name}: {run[name]}", flush=True)
        runs.append(run)
        write_result(f"tsne_{size}", {**result_head(facts), "n": n, "summary": summary(runs), "runs": runs})
    print(summary(runs))


def result_head(facts):
    around = surroundings()
    del around["seed"]
    return {
        "surroundings": {**around, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")},
        **facts,
        "settings": SETTINGS,
    }


def summary(runs):
    """Medians of the pairs: how much faster, and our divergence and trustworthiness beside theirs."""
    pairs = [(run["sk_cifar_ovr"], run["scikit-learn"]) for run in runs]
    scored = [(a, b) for a, b in pairs if "kl_divergence" in a]
    kl = [a["kl_divergence"] / b["kl_divergence"] - 1 for a, b in scored]
    trust = [a["trustworthiness"] - b["trustworthiness"] for a, b in scored]
    return {
        "repetitions": len(runs),
        "seconds": {name: round(float(np.median([run[name]["seconds"] for run in runs])), 3) for name in SIDES},
        "times_faster": round(float(np.median([b["seconds"] / a["seconds"] for a, b in pairs])), 2),
        "kl_higher_by_percent": {"median": round(100 * float(np.median(kl)), 3), "most": round(100 * max(kl), 3)},
        "trustworthiness_higher_by": {"median": round(float(np.median(trust)), 5), "least": round(min(trust), 5)},
    }


def placed(X, y, n_seen, seed):
    """Share of rows whose 5 nearest neighbours in the plane, other than themselves, vote for their class."""
    from sk_cifar_ovr import TSNETransformer

    seen, unseen = train_test_split(np.arange(len(X)), train_size=n_seen, stratify=y, random_state=seed)
    fit_seconds, tsne = clock(lambda: TSNETransformer(random_state=seed).fit(X[seen]))
    place_seconds, places = clock(lambda: tsne.transform(X[unseen]))
    plane = KNeighborsClassifier(5).fit(tsne.embedding_, y[seen])
    votes = y[seen][plane.kneighbors(return_distance=False)]
    own = np.array([np.bincount(row).argmax() for row in votes])
    return {
        "seed": seed,
        "seen": round(float((own == y[seen]).mean()), 4),
        "unseen": round(plane.score(places, y[unseen]), 4),
        "in_128_dimensions": round(KNeighborsClassifier(5).fit(X[seen], y[seen]).score(X[unseen], y[unseen]), 4),
        "fit_seconds": round(fit_seconds, 2),
        "place_seconds": round(place_seconds, 2),
    }


def unseen(arguments):
    """Digits, and the features of CIFAR-10's test images: no network was trained on either part of them."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    cifar, labels, facts = rows_of(arguments, "test")
    n_cifar = 7_500
    runs = {"digits": [], "cifar10": []}
    for seed in range(arguments.repeats):
        for name, data in (("digits", (digits.data, digits.target, 1_200)), ("cifar10", (cifar, labels, n_cifar))):
            runs[name].append(placed(*data, seed))
            print(f"{name}: {runs[name][-1]}", flush=True)
    means = {
        name: {figure: round(float(np.mean([run[figure] for run in of])), 4) for figure in ("seen", "unseen")}
        for name, of in runs.items()
    }
    write_result("tsne_unseen", {**result_head(facts), "five_neighbor_accuracy": means, "runs": runs})
    print(means)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="+", choices=[*SIZES, "unseen"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", help="a saved model whose network's features to take")
    parser.add_argument("--data", default=DATA, help="the JPEG copy of CIFAR-10")
    chosen = parser.parse_args()
    for step in chosen.steps:
        unseen(chosen) if step == "unseen" else against_scikit_learn(step, chosen)
