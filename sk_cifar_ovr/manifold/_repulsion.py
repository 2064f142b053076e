"""How points of a t-SNE map push each other apart: all pairs at once, on a grid, by Fourier transforms."""

from functools import lru_cache

import numpy as np
from scipy import fft

# Side of a cell, where points lie far apart; the forces change over a length of 1.
CELL = 0.4
# Cells along the longest axis at least: points that lie closer together get smaller cells.
LEAST_CELLS = 32
# Sides of grids in steps, so that the kernels of one serve for many iterations.
STEP = 32


def repulsion(places: np.ndarray, threads: int = 1) -> tuple[np.ndarray, float]:
    """Forces between all pairs of points, and the sum that normalises their similarities.

    The charge of each point goes to the nodes of a regular grid around it, by cubic B-splines; the grid is convolved
    with the forces of one charge; and forces are read off at the points by the same splines, whose smoothing the
    kernels undo. Particle-mesh methods of molecular dynamics work so [1]_; for t-SNE it takes the place of piecewise
    polynomials [2]_, on a coarser grid and with 3 transforms instead of 9.

    Parameters
    ----------
    places : ndarray of shape (n, d)
        d is 1 or 2.
    threads : int, default=1
        The result does not depend on their number.

    Returns
    -------
    forces : ndarray of shape (n, d)
        Of each point, the sum over all others j of ``(y - y_j) / (1 + |y - y_j|^2)^2``.
    total : float
        Sum over all pairs of different points of ``1 / (1 + |y_i - y_j|^2)``.

    References
    ----------
    .. [1] U. Essmann et al., "A smooth particle mesh Ewald method", Journal of Chemical Physics 103, 1995.
    .. [2] G. C. Linderman et al., "Fast interpolation-based t-SNE for improved visualization of single-cell RNA-seq
       data", Nature Methods 16, 2019.
    """
    low = places.min(axis=0)
    extent = places.max(axis=0) - low
    longest = max(extent.max(), np.finfo(float).tiny)
    # A map of n points is some 1.5 sqrt(n) wide; points that flew apart further must not fill the memory with a grid.
    cell = max(min(CELL, longest / LEAST_CELLS), longest / (512 + 4 * np.sqrt(len(places))))
    # A spline reaches one node further below and two above.
    shape = tuple(STEP * int(np.ceil((side / cell + 4) / STEP)) for side in extent)
    nodes, weights = _splines((places - low) / cell + 1, shape)
    charges = np.bincount(nodes.ravel(), weights.ravel(), minlength=int(np.prod(shape))).reshape(shape)
    padded = tuple(fft.next_fast_len(2 * side, real=True) for side in shape)
    similarity, *pushes = _kernels(padded, cell)
    spectrum = fft.rfftn(charges, padded, workers=threads)
    inside = tuple(slice(side) for side in shape)
    forces = np.empty_like(places)
    for axis, push in enumerate(pushes):
        field = fft.irfftn(spectrum * push, padded, workers=threads)[inside]
        forces[:, axis] = (field.ravel()[nodes] * weights).sum(axis=1)
    # By Parseval's theorem; each point is at a distance of 0 from itself.
    total = (similarity * (spectrum.real**2 + spectrum.imag**2)).sum() - len(places)
    return forces, float(total)


def _splines(at: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Of each point, given in cells, the numbers of the 4^d nodes around it and their weights."""
    n = len(at)
    nodes, weights = np.zeros((n, 1), np.intp), np.ones((n, 1))
    for column, side in zip(at.T, shape, strict=True):
        below = np.floor(column).astype(np.intp)
        t = column - below
        cubic = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1)
        around = below[:, None] + np.arange(-1, 3)
        nodes = (nodes[:, :, None] * side + around[:, None]).reshape(n, -1)
        weights = (weights[:, :, None] * (cubic[:, None] / 6)).reshape(n, -1)
    return nodes, weights


@lru_cache(maxsize=2)
def _kernels(padded: tuple[int, ...], cell: float) -> list[np.ndarray]:
    """Spectra of ``1 / (1 + r^2)`` and, for each axis, of ``x / (1 + r^2)^2``, freed from the smoothing of two splines.

    That of the first is scaled so that its sum with the power of a real spectrum is one over all frequencies.
    """
    steps = [fft.fftfreq(side, 1 / side) for side in padded]
    offsets = np.meshgrid(*(cell * step for step in steps), indexing="ij", sparse=True)
    near = 1 / (1 + sum(offset**2 for offset in offsets))
    # The last axis of a real transform has no negative frequencies; what has one counts twice.
    halves = [*steps[:-1], np.arange(padded[-1] // 2 + 1.0)]
    twice = np.where((halves[-1] == 0) | (2 * halves[-1] == padded[-1]), 1.0, 2.0)
    smoothing = np.ones(1)
    for step, side in zip(np.meshgrid(*halves, indexing="ij", sparse=True), padded, strict=True):
        smoothing = smoothing * np.sinc(step / side) ** 8
    similarity, *pushes = (fft.rfftn(kernel) / smoothing for kernel in (near, *(o * near**2 for o in offsets)))
    return [similarity.real * twice / np.prod(padded), *pushes]
