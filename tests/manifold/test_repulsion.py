"""Repulsion on a grid against the sum over all pairs."""

import numpy as np
import pytest

from sk_cifar_ovr.manifold._repulsion import repulsion


def all_pairs(places):
    offsets = places[:, None] - places[None]
    near = 1 / (1 + (offsets**2).sum(axis=-1))
    return (offsets * near[..., None] ** 2).sum(axis=1), near.sum() - len(places)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("spread", [1e-4, 0.1, 1.0, 10.0, 25.0])
def test_forces_are_those_of_all_pairs(spread, d):
    places = np.random.default_rng(0).normal(size=(700, d)) * spread
    forces, total = repulsion(places)
    exact, exact_total = all_pairs(places)
    assert np.linalg.norm(forces - exact) < 0.02 * np.linalg.norm(exact)
    assert total == pytest.approx(exact_total, rel=2e-3)


def test_clusters_far_apart_need_no_larger_grid_than_memory_has():
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + 1e6])
    forces, total = repulsion(places)
    assert np.isfinite(forces).all()
    assert np.isfinite(total)


def test_threads_change_nothing():
    places = np.random.default_rng(0).normal(size=(3000, 2)) * 30
    one, two = repulsion(places, 1), repulsion(places, 2)
    np.testing.assert_array_equal(one[0], two[0])
    assert one[1] == two[1]


def test_one_place_pushes_nothing():
    forces, total = repulsion(np.ones((5, 2)))
    np.testing.assert_allclose(forces, 0, atol=1e-12)
    assert total == pytest.approx(20)
