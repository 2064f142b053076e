"""t-SNE embedding of the test images of a run."""

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

MAX_IMAGES = 10_000
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Embedding:
    """Test images as points in the plane.

    Attributes
    ----------
    indices : ndarray of int, shape (m,)
        Index of the test image of each point, in random order.
    points : ndarray of float, shape (m, 2)
    title : str
    """

    indices: np.ndarray
    points: np.ndarray
    title: str


def embed_test_images(run: Run) -> Embedding:
    """Embed the test images (at most 10,000) by the features of their networks.

    The features of independent networks are concatenated, so that all classes contribute to the embedding.

    Parameters
    ----------
    run : Run

    Returns
    -------
    Embedding

    Raises
    ------
    ValueError
        If too few images have distinct features.
    """
    estimator, images = run.estimator, run.data.X_test
    n_networks = len(estimator.estimators_)
    concatenate = estimator.strategy == "independent" and n_networks > 1
    seed = estimator.estimator.random_state
    # In a folder the images of a class are adjacent: drawn in that order, the last class would cover the rest.
    indices = np.random.default_rng(seed).permutation(len(images))[:MAX_IMAGES]
    features = CNNFeatures(FrozenEstimator(estimator), concatenate=concatenate).fit_transform(images[indices])
    # t-SNE needs about three times as many points as the perplexity: reduce it for small test sets.
    perplexity = max(1.0, min(PERPLEXITY, len(np.unique(features, axis=0)) / 3))
    tsne = TSNETransformer(perplexity=perplexity, random_state=seed, verbose=estimator.verbose)
    networks = f"of all {n_networks} networks" if concatenate else "of the network"
    title = f"t-SNE of the {features.shape[1]:,} features {networks}: {len(indices):,} test images"
    return Embedding(indices, tsne.fit_transform(features), title)


def draw_embedding(run: Run, embedding: Embedding) -> "Figure":
    """Draw all classes in one panel, and each class in a panel of its own below."""
    display = EmbeddingDisplay(embedding.points, run.y_true[embedding.indices], classes=run.estimator.classes_)
    _, title_height = class_titles(class_names(display.classes, None))
    height_below = (1.95 + title_height) * -(-len(display.classes) // 5)
    figure = pyplot().figure(figsize=(9.0, 6.0 + height_below), layout="constrained")
    # Space above a panel for its title.
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.06)
    above, below = figure.subplots(2, 1, height_ratios=[6.0, height_below])
    display.plot(ax=above, title=embedding.title)
    make_room(above, 2.6)
    display.plot(ax=below, panels="classes")
    return figure
