"""The map of a run: the features of its test images, by t-SNE in the plane."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.frozen import FrozenEstimator

from ..features import CNNFeatures
from ..manifold import TSNETransformer
from ..plots import EmbeddingDisplay, class_names, class_titles, make_room, pyplot
from ._run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 10_000
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Map:
    """Places of test images.

    Attributes
    ----------
    rows : ndarray of int, shape (m,)
        Which of the test images, in random order.
    points : ndarray of float, shape (m, 2)
    title : str
        What it shows.
    """

    rows: np.ndarray
    points: np.ndarray
    title: str


def make_map(result: Run) -> Map:
    """Embed the test images, 10,000 of them at most, by what their networks say in front of the last layer.

    Separate networks have features of their own each: all of them count, side by side, so that the plane speaks
    of no class more than of another.

    Parameters
    ----------
    result : Run

    Returns
    -------
    Map

    Raises
    ------
    ValueError
        If too few images differ in their features.
    """
    estimator, images = result.estimator, result.data.X_test
    separate = estimator.strategy == "independent" and len(estimator.estimators_) > 1
    seed = estimator.estimator.random_state
    # Images of one class follow one another in a folder; drawn in that order, the last class would hide the others.
    rows = np.random.default_rng(seed).permutation(len(images))[:MOST_POINTS]
    features = CNNFeatures(FrozenEstimator(estimator), concatenate=separate).fit_transform(images[rows])
    # A third of the rows at most: small test sets have a map too.
    perplexity = max(1.0, min(PERPLEXITY, len(np.unique(features, axis=0)) / 3))
    tsne = TSNETransformer(perplexity=perplexity, random_state=seed, verbose=estimator.verbose)
    origin = f"of all {len(estimator.estimators_)} networks" if separate else "of the network"
    return Map(
        rows,
        tsne.fit_transform(features),
        f"t-SNE of the {features.shape[1]:,} features {origin}: {len(rows):,} test images",
    )


def draw_map(result: Run, found: Map) -> "Figure":
    """Draw all classes in one panel and each class in one of its own below."""
    display = EmbeddingDisplay(found.points, result.truth[found.rows], classes=result.estimator.classes_)
    _, room = class_titles(class_names(display.classes, None))
    below = (1.95 + room) * -(-len(display.classes) // 5)
    figure = pyplot().figure(figsize=(9.0, 6.0 + below), layout="constrained")
    # Room above a panel for its title.
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.06)
    whole, each = figure.subplots(2, 1, height_ratios=[6.0, below])
    display.plot(ax=whole, title=found.title)
    make_room(whole, 2.6)
    display.plot(ax=each, panels="classes")
    return figure
