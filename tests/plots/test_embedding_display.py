"""Embeddings: points, panels and baseline pictures."""

from functools import partial

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr.plots import EmbeddingDisplay
from sk_cifar_ovr.plots._style import PALETTE


def test_embedding_draws_every_point_once_by_class(synthetic):
    y, _, points, _ = synthetic
    names = ["ant", "bee", "cow"]
    display = EmbeddingDisplay.from_predictions(y, points, display_labels=names, title="PCA")
    assert display.frame()[["x", "y"]].to_numpy().tolist() == points.tolist()
    for k in range(3):
        drawn = [dots for dots in display.ax_.collections if same_color(dots.get_facecolor()[0], PALETTE[k])]
        offsets = np.concatenate([dots.get_offsets() for dots in drawn])
        assert sorted(offsets.tolist()) == sorted(points[y == k].tolist())
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == names
    assert display.ax_.get_title() == "PCA"


def test_embedding_draws_no_class_over_all_others():
    y = np.repeat([0, 1, 2], 1000)
    display = EmbeddingDisplay.from_predictions(y, np.random.default_rng(0).uniform(size=(3000, 2)))
    drawn = np.concatenate(
        [[dots.get_facecolor()[0, :3]] * len(dots.get_offsets()) for dots in display.ax_.collections]
    )
    turns = [np.flatnonzero(np.all(drawn == to_rgba(PALETTE[k])[:3], axis=1)) for k in range(3)]
    assert [len(turn) for turn in turns] == [1000] * 3
    np.testing.assert_allclose([np.mean(turn) for turn in turns], 1500, atol=150)


def same_color(one, other):
    return np.allclose(one[:3], to_rgba(other)[:3])


def test_embedding_of_each_class_may_have_its_own_plane(synthetic):
    y, _, points, _ = synthetic
    planes = np.stack([points, points + 1, points * 2])
    display = EmbeddingDisplay.from_predictions(y, planes, panels="classes")
    for k, ax in enumerate(display.axes_):
        others, own = ax.collections
        np.testing.assert_array_equal(own.get_offsets(), planes[k][y == k])
        np.testing.assert_array_equal(others.get_offsets(), planes[k][y != k])
    table = display.frame()
    assert len(table) == 300
    assert table.loc[table["panel"] == 2, "x"].tolist() == planes[2][:, 0].tolist()
    with pytest.raises(ValueError, match='panels="classes"'):
        display.plot(panels="all")


def test_embedding_from_a_transformer(digits):
    _, X, y = digits
    pipeline = make_pipeline(StandardScaler(), PCA(2, random_state=0)).fit(X)
    display = EmbeddingDisplay.from_estimator(pipeline, X, y, panels="classes")
    np.testing.assert_array_equal(display.frame()[["x", "y"]], pipeline.transform(X))
    with pytest.raises(ValueError, match=r"\(600, 3\)"):
        EmbeddingDisplay.from_estimator(PCA(3).fit(X), X, y)


@pytest.mark.parametrize(("panels", "n_panels"), [("all", 1), ("classes", 3)])
def test_embedding_like_baseline(panels, n_panels, synthetic, assert_like_baseline):
    y, _, points, images = synthetic
    draw = partial(EmbeddingDisplay(points, y).plot, panels=panels, images=images, n_thumbnails=8)
    assert_like_baseline(draw, n_panels, f"embedding_{panels}")
