"""What a run chooses from its images if the user does not: network and image size."""

import numpy as np
from numpy.typing import NDArray

# Sides of the images that a run chooses from; what a CPU can train on.
SIDES = (32, 64, 96)
# Images of one size are left as they are up to this side.
LARGE_SIDE = 128


def choose_network(name: str | None = None) -> str:
    """Return the network of a run.

    Parameters
    ----------
    name : str or None, default=None
        Network that the user asked for.

    Returns
    -------
    str
    """
    return "cifar_cnn" if name is None else name


def choose_image_size(sizes: NDArray[np.integer]) -> tuple[int, int] | None:
    """Choose the size to which images are brought.

    Parameters
    ----------
    sizes : ndarray of int, shape (n, 2)
        Height and width of each image.

    Returns
    -------
    tuple of int or None
        ``(height, width)``: the largest of 32, 64 and 96 pixels that is not above the median of the shorter sides.
        None if all images have one size and no side is longer than 128 pixels: they are taken as they are.
    """
    if (sizes == sizes[0]).all() and sizes.max() <= LARGE_SIDE:
        return None
    median = np.median(sizes.min(axis=1))
    side = max((side for side in SIDES if side <= median), default=SIDES[0])
    return side, side
