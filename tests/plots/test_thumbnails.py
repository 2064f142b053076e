"""Images of an embedding at their points."""

import numpy as np
import pytest

from sk_cifar_ovr.plots import EmbeddingDisplay
from sk_cifar_ovr.plots._thumbnails import farthest_points


@pytest.mark.parametrize("panels", ["all", "classes"])
def test_thumbnails_are_images_of_their_samples_and_do_not_overlap(panels, synthetic):
    y, _, points, images = synthetic
    display = EmbeddingDisplay.from_predictions(y, points, panels=panels, images=images, n_thumbnails=12)
    for k, ax in enumerate(display.axes_):
        assert 1 < len(ax.images) <= 12
        corners = []
        for image in ax.images:
            left, right, bottom, top = image.get_extent()
            place = np.array([(left + right) / 2, (bottom + top) / 2])
            row = np.abs(points - place).sum(axis=1).argmin()
            np.testing.assert_allclose(place, points[row])
            np.testing.assert_allclose(image.get_array(), images[row, ..., 0] / 255)
            assert panels == "all" or y[row] == k
            corners.append((left, bottom))
        side = right - left
        gaps = np.abs(np.array(corners)[:, None] - np.array(corners)).max(axis=2)
        assert gaps[~np.eye(len(corners), dtype=bool)].min() > side


def test_a_class_without_points_has_no_thumbnails(synthetic):
    y, _, points, images = synthetic
    display = EmbeddingDisplay.from_predictions(y, points, classes=[0, 1, 2, 3], panels="classes", images=images)
    assert [len(ax.images) > 0 for ax in display.axes_] == [True, True, True, False]


def test_farthest_points_selects_no_point_twice():
    selected, distance = farthest_points(np.array([[0.0, 0], [0, 0], [0, 0]]), 5, min_distance=0)
    assert selected == [0]
    assert distance == np.inf
    selected, distance = farthest_points(np.array([[0.0, 0], [1, 0], [3, 0], [1.1, 0]]), 3, min_distance=0.5)
    assert sorted(selected) == [0, 2, 3]
    assert distance == pytest.approx(1.1)
