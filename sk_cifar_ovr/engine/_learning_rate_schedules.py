"""Learning-rate schedules: shares of the highest rate over a training.

A new schedule is a function here and an entry in `SCHEDULES`.
"""

from collections.abc import Callable

import numpy as np

WARM_UP = 0.2


def one_cycle(done: np.ndarray) -> np.ndarray:
    """Linear warm-up over the first fifth of a training, then linear decay to zero.

    Parameters
    ----------
    done : ndarray of float
        Share of the training's steps that are done, from 0 to below 1.

    Returns
    -------
    ndarray of float
        Share of the highest learning rate.

    References
    ----------
    Smith and Topin (2019), "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates".
    """
    return np.minimum(0.1 + 0.9 * done / WARM_UP, (1 - done) / (1 - WARM_UP))


def cosine(done: np.ndarray) -> np.ndarray:
    """Short linear warm-up, then half a cosine to zero; parameters as in `one_cycle`.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts".
    """
    return np.minimum(0.1 + 0.9 * done / (WARM_UP / 4), (1 + np.cos(np.pi * done)) / 2)


SCHEDULES: dict[str | None, Callable[[np.ndarray], np.ndarray]] = {
    None: np.ones_like,
    "one_cycle": one_cycle,
    "cosine": cosine,
}
