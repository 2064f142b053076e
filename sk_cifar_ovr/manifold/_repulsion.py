"""Repulsion between all pairs of points of a t-SNE embedding, computed on a grid by Fourier transforms."""

from functools import lru_cache

import numpy as np
from scipy import fft

# Largest side of a grid cell. The forces change over a length of 1.
MAX_CELL = 0.4
# Minimum number of cells along the longest axis: points that are closer together get smaller cells.
MIN_CELLS = 32
# Sides of grids are multiples of this, so that several iterations share the kernels of one grid.
GRID_STEP = 32


def repulsion(positions: np.ndarray, n_threads: int = 1) -> tuple[np.ndarray, float]:
    """Compute the repulsive forces of t-SNE and the sum that normalizes the similarities.

    Cubic B-splines spread a unit charge of each point over the nodes of a regular grid. The grid is convolved with
    the force of one charge, and the same splines interpolate the forces at the points. The kernels compensate for the
    smoothing by the splines. This is the particle-mesh method of molecular dynamics [1]_. In t-SNE it replaces the
    interpolation by piecewise polynomials [2]_, with a coarser grid and 3 transforms instead of 9.

    Parameters
    ----------
    positions : ndarray of shape (n_samples, n_components)
        Points in one or two dimensions.
    n_threads : int, default=1
        Number of threads. The result does not depend on it.

    Returns
    -------
    forces : ndarray of shape (n_samples, n_components)
        For each point, the sum of ``(y - y_j) / (1 + |y - y_j|^2)^2`` over all points j.
    total : float
        Sum of ``1 / (1 + |y_i - y_j|^2)`` over all pairs of different points.

    References
    ----------
    .. [1] U. Essmann et al., "A smooth particle mesh Ewald method", Journal of Chemical Physics 103, 1995.
    .. [2] G. C. Linderman et al., "Fast interpolation-based t-SNE for improved visualization of single-cell RNA-seq
       data", Nature Methods 16, 2019.
    """
    low = positions.min(axis=0)
    extent = positions.max(axis=0) - low
    longest = max(extent.max(), np.finfo(float).tiny)
    # An embedding of n points is about 1.5 sqrt(n) wide. The last bound limits memory if points are far apart.
    cell = max(min(MAX_CELL, longest / MIN_CELLS), longest / (512 + 4 * np.sqrt(len(positions))))
    # Splines use one more node below the points and two above.
    shape = tuple(GRID_STEP * int(np.ceil((side / cell + 4) / GRID_STEP)) for side in extent)
    nodes, weights = _splines((positions - low) / cell + 1, shape)
    charges = np.bincount(nodes.ravel(), weights.ravel(), minlength=int(np.prod(shape))).reshape(shape)
    padded = tuple(fft.next_fast_len(2 * side, real=True) for side in shape)
    similarity, *axis_forces = _kernels(padded, cell)
    spectrum = fft.rfftn(charges, padded, workers=n_threads)
    inside = tuple(slice(side) for side in shape)
    forces = np.empty_like(positions)
    for axis, axis_force in enumerate(axis_forces):
        field = fft.irfftn(spectrum * axis_force, padded, workers=n_threads)[inside]
        forces[:, axis] = (field.ravel()[nodes] * weights).sum(axis=1)
    # Parseval's theorem, less the similarity of each point to itself.
    total = (similarity * (spectrum.real**2 + spectrum.imag**2)).sum() - len(positions)
    return forces, float(total)


def _splines(points: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """For points in units of cells, compute the indices and weights of the 4^d nodes around each."""
    n = len(points)
    nodes, weights = np.zeros((n, 1), np.intp), np.ones((n, 1))
    for column, side in zip(points.T, shape, strict=True):
        below = np.floor(column).astype(np.intp)
        t = column - below
        cubic = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1)
        around = below[:, None] + np.arange(-1, 3)
        nodes = (nodes[:, :, None] * side + around[:, None]).reshape(n, -1)
        weights = (weights[:, :, None] * (cubic[:, None] / 6)).reshape(n, -1)
    return nodes, weights


@lru_cache(maxsize=2)
def _kernels(padded: tuple[int, ...], cell: float) -> list[np.ndarray]:
    """Compute the spectra of ``1 / (1 + r^2)`` and, for each axis, of ``x / (1 + r^2)^2``, without spline smoothing.

    The first is scaled so that the sum of its products with the power of a real spectrum covers all frequencies.
    """
    steps = [fft.fftfreq(side, 1 / side) for side in padded]
    offsets = np.meshgrid(*(cell * step for step in steps), indexing="ij", sparse=True)
    near = 1 / (1 + sum(offset**2 for offset in offsets))
    # A real transform leaves out the negative frequencies of the last axis: their positive counterparts count twice.
    halves = [*steps[:-1], np.arange(padded[-1] // 2 + 1.0)]
    twice = np.where((halves[-1] == 0) | (2 * halves[-1] == padded[-1]), 1.0, 2.0)
    smoothing = np.ones(1)
    for step, side in zip(np.meshgrid(*halves, indexing="ij", sparse=True), padded, strict=True):
        smoothing = smoothing * np.sinc(step / side) ** 8
    similarity, *axis_forces = (fft.rfftn(kernel) / smoothing for kernel in (near, *(o * near**2 for o in offsets)))
    return [similarity.real * twice / np.prod(padded), *axis_forces]
