"""
============================================
Pictures of the features of trained networks
============================================

Draws what CIFAR-10's test images look like to networks that are trained already: by t-SNE, by the first two principal
components (PCA) and by linear discriminants (LDA), one picture for each class from that class's own network, and one
of all classes from a network that they share.

    python examples/embeddings_cifar10.py --independent ten.skovr --joint one.skovr --data cifar10-jpeg.tar.xz \\
        --out docs/images

Both models are files of ``save``: of ``OneVsRestCNNClassifier(strategy="independent")`` and of ``strategy="joint"``.
Beside the pictures, ``embeddings.csv`` says how well five neighbours tell a class from the others in each of them.

t-SNE and PCA see no labels, so they are fitted on the test images that are drawn. LDA looks for the directions that
tell the labels apart, and would find some in noise: it is fitted on training images, and the test images are only
placed by it.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from sk_cifar_ovr import CNNFeatures, EmbeddingDisplay, TSNETransformer, load, load_image_folder

NEIGHBORS = 5
BLUE, GREY = "#0072B2", "#b8b8b8"


def placements(features, train, y_train, test):
    """Points of test images, (n, 2) or of two classes' only discriminant (n, 1), by the three methods."""
    seen, drawn = (features.transform(images) for images in (train, test))
    return {
        "t-SNE": TSNETransformer(random_state=0).fit_transform(drawn),
        "PCA": PCA(2, random_state=0).fit_transform(drawn),
        "LDA": LinearDiscriminantAnalysis(n_components=min(2, len(np.unique(y_train)) - 1))
        .fit(seen, y_train)
        .transform(drawn),
    }


def neighbors_f1(points, y):
    """F1 of the vote of the nearest other points; its mean over the classes where there are more than two."""
    near = NearestNeighbors(n_neighbors=NEIGHBORS).fit(points).kneighbors(return_distance=False)
    classes, codes = np.unique(y, return_inverse=True)
    votes = np.stack([(codes[near] == k).sum(axis=1) for k in range(len(classes))], axis=1).argmax(axis=1)
    return f1_score(codes, votes, average="binary" if len(classes) == 2 else "macro")


def draw_class(points, is_class, name, path):
    """Three panels: the class in blue over the others in grey, and how they lie on the one discriminant."""
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 2.7), layout="constrained")
    for ax, method in zip(axes, ("t-SNE", "PCA"), strict=False):
        for rows, color in ((~is_class, GREY), (is_class, BLUE)):
            ax.scatter(*points[method][rows].T, s=1.2, color=color, linewidths=0)
        ax.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
        ax.set_title(method, fontsize=10)
    line = points["LDA"][:, 0]
    line = line if line[is_class].mean() > line[~is_class].mean() else -line
    bins = np.linspace(*np.quantile(line, [0.001, 0.999]), 50)
    axes[2].hist(line[~is_class], bins, density=True, color=GREY, label="others")
    axes[2].hist(line[is_class], bins, density=True, color=BLUE, alpha=0.75, label=name)
    axes[2].set(yticks=[], xlabel="discriminant", ylabel="share of each")
    axes[2].set_title("LDA", fontsize=10)
    axes[2].legend(frameon=False, fontsize=8)
    figure.suptitle(f"{name} among {len(is_class):,} test images, by its own network's features", fontsize=11)
    save_figure(figure, path)


def draw_all(points, y, names, path):
    """Three panels of all classes, with one legend."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.4), layout="constrained")
    for ax, (method, plane) in zip(axes, points.items(), strict=True):
        EmbeddingDisplay(plane, y, display_labels=names).plot(ax=ax, title=method)
        if ax is not axes[-1]:
            ax.get_legend().remove()
    figure.suptitle(f"{len(y):,} test images by the features that all classes share", fontsize=11)
    save_figure(figure, path)


def save_figure(figure, path):
    figure.savefig(path, dpi=110, pil_kwargs={"optimize": True})
    plt.close(figure)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def some(data, n):
    """`n` of the images and labels, of each class its share; all of them where `n` is None."""
    if n is None:
        return data.images, data.target
    images, _, labels, _ = train_test_split(
        data.images, data.target, train_size=n, stratify=data.target, random_state=0
    )
    return images, labels


def main(arguments):
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    train, test = (load_image_folder(arguments.data, subset=subset) for subset in ("train", "test"))
    X_train, y_train = some(train, arguments.n_lda)
    X, y = some(test, arguments.n)
    separate, shared = load(arguments.independent), load(arguments.joint)
    # Models may have been trained on names or on their numbers; the order is the same.
    if [str(label) for label in separate.classes_] not in (list(test.target_names), list(map(str, np.unique(y)))):
        raise SystemExit(f"The model knows the classes {separate.classes_}, and the data has {test.target_names}.")
    rows = []
    for k, (label, name) in enumerate(zip(separate.classes_, test.target_names, strict=True)):
        features = CNNFeatures(FrozenEstimator(separate), class_label=label).fit(X)
        points = placements(features, X_train, y_train == k, X)
        draw_class(points, y == k, name, out / f"embedding_{name}.png")
        rows.append({"class": name, **{method: neighbors_f1(p, y == k) for method, p in points.items()}})
    points = placements(CNNFeatures(FrozenEstimator(shared)).fit(X), X_train, y_train, X)
    draw_all(points, y, test.target_names, out / "embedding_all.png")
    rows.append({"class": "all, shared", **{method: neighbors_f1(p, y) for method, p in points.items()}})
    table = pd.DataFrame(rows)
    table.to_csv(out / "embeddings.csv", index=False, float_format="%.3f")
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--independent", required=True, help="a saved one-vs-rest of separate networks")
    parser.add_argument("--joint", required=True, help="a saved one-vs-rest of heads on one trunk")
    parser.add_argument("--data", required=True, help="folder or archive of images with a train and a test part")
    parser.add_argument("--out", required=True, help="folder for the pictures")
    parser.add_argument("--n", type=int, help="test images to draw; all unless given")
    parser.add_argument("--n-lda", type=int, default=10_000, help="training images for the discriminants")
    main(parser.parse_args())
