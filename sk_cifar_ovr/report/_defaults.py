"""What a run chooses from its images if the user does not: network, image size, epochs and batch size."""

import math

import numpy as np
from numpy.typing import NDArray

# Sides of the images that a run chooses from; what a CPU can train on.
SIDES = (32, 64, 96)
# Images of one size are left as they are up to this side.
LARGE_SIDE = 128
EPOCHS = 10
# Gradient steps that even a small training set gets.
MIN_STEPS = 300
# With few images batches are small, so that an epoch has about this many steps.
STEPS_PER_EPOCH = 30
BATCH_SIZES = (16, 32, 64, 128)


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


def choose_batch_size(n_images: int) -> int:
    """Choose the batch size for a number of training images: the largest with about 30 steps an epoch."""
    return max((size for size in BATCH_SIZES if n_images >= size * STEPS_PER_EPOCH), default=BATCH_SIZES[0])


def choose_epochs(n_images: int, batch_size: int) -> int:
    """Choose the number of epochs: 10, or as many as are needed for 300 steps."""
    return max(EPOCHS, math.ceil(MIN_STEPS / math.ceil(n_images / batch_size)))
