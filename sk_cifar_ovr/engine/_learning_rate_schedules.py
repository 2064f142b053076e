"""Courses of the learning rate over a training, as shares of its highest value."""

from collections.abc import Callable

import numpy as np

WARM_UP = 0.2


def one_cycle(done: np.ndarray) -> np.ndarray:
    """Share of the highest learning rate: a line up over the first fifth of a training, a line down to zero.

    References
    ----------
    Smith and Topin (2019), "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates".
    """
    return np.minimum(0.1 + 0.9 * done / WARM_UP, (1 - done) / (1 - WARM_UP))


def cosine(done: np.ndarray) -> np.ndarray:
    """Share of the highest learning rate: half a cosine to zero after a short linear warm-up.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts".
    """
    return np.minimum(0.1 + 0.9 * done / (WARM_UP / 4), (1 + np.cos(np.pi * done)) / 2)


COURSES: dict[str | None, Callable[[np.ndarray], np.ndarray]] = {
    None: np.ones_like,
    "one_cycle": one_cycle,
    "cosine": cosine,
}
