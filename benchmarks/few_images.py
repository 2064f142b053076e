"""Few images, all defaults: against support vector machines, HOG features, forests, and other wrappers of Keras.

    python benchmarks/few_images.py                    # every row; hours on 2 cores, goes on where it was
    python benchmarks/few_images.py digits_100         # one row
    python benchmarks/few_images.py --methods svc hog_svc random_forest logistic_regression

A row is a number of training images of a dataset: stratified draws, one a split, and images to score on that are
never trained on. Of CIFAR-10 (the JPEG q75 copy, --data) these are 2,000 of its test images. "rare" is 500 digits of
which 5 show an eight. The classical methods choose their settings by a small grid in 3-fold cross-validation;
``OneVsRestClassifier`` with these settings gives their one-vs-rest predictions. Their F1 is, class by class, the better
of that of their labels and that of these predictions; ours is that of `predict_ovr`. SciKeras and Keras' wrapper train
the same network for as many epochs in batches of the same size, with Keras' Adam. Beside the seconds of a fit stands
the machine's load before it: above 2 they are those of a shared machine.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _cifar import read
from _common import DATA, RESULTS, surroundings, write_result
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images
from sk_cifar_ovr.networks import cifar_cnn

NAME = "few_images"
SIZES = {"digits": (50, 100, 200, 500, 1297), "cifar10": (200, 1000, 5000)}
ROWS = [f"{data}_{n}" for data, sizes in SIZES.items() for n in sizes] + ["digits_rare"]
N_SPLITS = 5
N_TEST = {"digits": 500, "cifar10": 2000}
WRAPPERS = ("scikeras", "keras")
METHODS = (
    *("svc", "hog_svc", "random_forest", "logistic_regression"),
    *("ours_joint", "ours_independent", *WRAPPERS),
)
RARE, N_RARE = 8, 5


def draw(row, split, path):
    """Training images and images to score on."""
    data, n = row.split("_")
    if data == "digits":
        digits = load_digit_images()
        X, X_test, y, y_test = train_test_split(
            digits.images, digits.target, test_size=N_TEST[data], stratify=digits.target, random_state=split
        )
    else:
        X, y, _ = read(path, "train")
        X_test, y_test, _ = read(path, "test")
        _, X_test, _, y_test = train_test_split(
            X_test, y_test, test_size=N_TEST[data], stratify=y_test, random_state=split
        )
    if n == "rare":
        rare = np.flatnonzero(y == RARE)[N_RARE:]
        X, y = np.delete(X, rare, axis=0), np.delete(y, rare)
        # All of the rare class, and 495 of the rest.
        rest = np.random.default_rng(split).permutation(np.flatnonzero(y != RARE))[: 500 - N_RARE]
        chosen = np.concatenate([np.flatnonzero(y == RARE), rest])
        return X[chosen], y[chosen], X_test, y_test
    if int(n) < len(X):
        X, _, y, _ = train_test_split(X, y, train_size=int(n), stratify=y, random_state=split)
    return X, y, X_test, y_test


def flat(X):
    """Pixels from 0 to 1 as rows."""
    return X.reshape(len(X), -1) / 255.0


def hog_and_colours(X):
    """Histograms of oriented gradients, and of larger images the mean colours of 8x8 blocks."""
    from skimage.feature import hog

    side = X.shape[1]
    cell = 2 if side < 16 else 4
    grey = X.mean(axis=3)
    features = [hog(image, orientations=9, pixels_per_cell=(cell, cell), cells_per_block=(2, 2)) for image in grey]
    if side < 16:
        return np.array(features)
    blocks = X.reshape(len(X), side // 8, 8, side // 8, 8, -1).mean(axis=(2, 4)).reshape(len(X), -1)
    return np.hstack([features, blocks / 255.0])


def classical(balanced):
    """Pipelines with their grids."""
    weight = "balanced" if balanced else None
    svc = {"svc__C": [1, 10, 100], "svc__gamma": ["scale", 0.01]}
    hog_svc = {"svc__C": [1, 10, 100], "svc__gamma": ["scale", 0.0003]}
    pixels = FunctionTransformer(flat)
    hog = FunctionTransformer(hog_and_colours)
    return {
        "svc": (make_pipeline(pixels, SVC(class_weight=weight)), svc),
        "hog_svc": (make_pipeline(hog, StandardScaler(), SVC(class_weight=weight)), hog_svc),
        "random_forest": (
            make_pipeline(pixels, RandomForestClassifier(300, class_weight=weight, random_state=0)),
            {"randomforestclassifier__max_features": ["sqrt", 0.2]},
        ),
        "logistic_regression": (
            make_pipeline(pixels, StandardScaler(), LogisticRegression(max_iter=500, class_weight=weight)),
            {"logisticregression__C": [0.001, 0.01, 0.1, 1]},
        ),
    }


def fit_classical(method, X, y, X_test, balanced):
    """Labels, one-vs-rest predictions, and what was chosen."""
    pipeline, grid = classical(balanced)[method]
    n_folds = min(3, np.bincount(np.unique(y, return_inverse=True)[1]).min())
    search = GridSearchCV(pipeline, grid, cv=n_folds, n_jobs=2).fit(X, y)
    *features, (_, classifier) = search.best_estimator_.steps
    before = make_pipeline(*(step for _, step in features))
    ovr = OneVsRestClassifier(classifier, n_jobs=2).fit(before.transform(X), np.eye(10, dtype=int)[y])
    return search.predict(X_test), ovr.predict(before.transform(X_test)).astype(bool), search.best_params_


def fit_ours(method, X, y, X_test, split):
    """Labels, one-vs-rest predictions, and what "auto" chose."""
    ovr = OneVsRestCNNClassifier(CNNClassifier(random_state=split), strategy=method.removeprefix("ours_")).fit(X, y)
    choices = {"epochs": ovr.epochs_, "batch_size": ovr.batch_size_, "recipe": ovr.recipe_}
    return ovr.predict(X_test), ovr.predict_ovr(X_test), choices


def fit_wrapper(method, X, y, X_test, length):
    """Labels of the same network through another wrapper, trained as long; as one-vs-rest predictions too."""
    import keras

    keras.utils.set_random_seed(0)
    if method == "scikeras":
        from scikeras.wrappers import KerasClassifier

        loss = "sparse_categorical_crossentropy"
        classifier = KerasClassifier(model=cifar_cnn, loss=loss, optimizer="adam", verbose=0, **length)
        X, X_test = X.astype("float32"), X_test.astype("float32")
    else:
        shape = X.shape[1:]

        def network(X, y):
            network = cifar_cnn({"image_shape_": shape, "n_classes_": y.shape[1]})
            model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Reshape(shape), network])
            model.compile("adam", "categorical_crossentropy")
            return model

        # It refuses images, which have four dimensions.
        classifier = keras.wrappers.SKLearnClassifier(network, fit_kwargs={"verbose": 0, **length})
        X, X_test = X.reshape(len(X), -1).astype("float32"), X_test.reshape(len(X_test), -1).astype("float32")
    labels = np.asarray(classifier.fit(X, y).predict(X_test)).ravel()
    return labels, labels[:, None] == np.arange(10), length


def measured(row, method, split, path, length=None):
    """Figures of one fit; `length` is that of another method's training."""
    X, y, X_test, y_test = draw(row, split, path)
    began, load = time.perf_counter(), os.getloadavg()[0]
    if method.startswith("ours"):
        labels, ovr, settings = fit_ours(method, X, y, X_test, split)
    elif method in WRAPPERS:
        labels, ovr, settings = fit_wrapper(method, X, y, X_test, length)
    else:
        labels, ovr, settings = fit_classical(method, X, y, X_test, balanced=row.endswith("rare"))
    seconds = time.perf_counter() - began
    truth = y_test[:, None] == np.arange(10)
    of_ovr, of_labels = (
        f1_score(truth, predicted, average=None, zero_division=0)
        for predicted in (ovr, labels[:, None] == np.arange(10))
    )
    best = of_ovr if method.startswith("ours") else np.maximum(of_ovr, of_labels)
    return {
        "accuracy": round(float((labels == y_test).mean()), 4),
        "f1": round(float(best.mean()), 4),
        "f1_of_labels": round(float(of_labels.mean()), 4),
        "f1_of_the_rare_class": round(float(best[RARE]), 4),
        "seconds": round(seconds, 1),
        "load_before": round(load, 1),
        "settings": settings,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all without one")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--splits", type=int, default=N_SPLITS)
    parser.add_argument("--data", default=DATA)
    arguments = parser.parse_args()
    path = RESULTS / f"{NAME}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else {}
    for row in arguments.rows or ROWS:
        for method in arguments.methods:
            done = rows.setdefault(row, {}).setdefault(method, [])
            for split in range(len(done), arguments.splits):
                length = None
                if method in WRAPPERS:
                    like = rows[row]["ours_joint"][split]["settings"]
                    length = {"epochs": like["epochs"], "batch_size": like["batch_size"]}
                done.append(measured(row, method, split, arguments.data, length))
                write_result(NAME, {"surroundings": surroundings(), "n_test": N_TEST, "rows": rows})
            if done:
                means = {name: np.mean([fit[name] for fit in done]) for name in ("accuracy", "f1", "seconds")}
                print(row, method, ", ".join(f"{name} {mean:.3f}" for name, mean in means.items()), flush=True)


if __name__ == "__main__":
    main()
