"""Order of the images in the batches of an epoch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BalancedBatches:
    """Shares of the classes in each batch.

    Attributes
    ----------
    groups : ndarray of int, shape (n,)
        Class of each training image, 0 to C - 1; each class has at least one image.
    shares : ndarray of float, shape (C,)
        Share of each class in every batch; they sum to 1.
    """

    groups: np.ndarray
    shares: np.ndarray

    def frequency(self) -> np.ndarray:
        """Expected number of times that each image is drawn in an epoch, shape (n,)."""
        return (len(self.groups) * self.shares / np.bincount(self.groups))[self.groups]


def balanced_batches(labels: np.ndarray, balance: bool | float) -> BalancedBatches | None:
    """Compute the shares of the classes in each batch.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Class of each training image.
    balance : bool or float
        True gives all classes the same share. A number is the share of the rarest class; the other classes keep
        their proportions. If several classes are equally rare, the last one counts as the rarest. False draws each
        image once per epoch.

    Returns
    -------
    BalancedBatches or None
        None if `balance` is False.

    Examples
    --------
    >>> labels = np.repeat(["cat", "dog", "eel"], [60, 30, 10])
    >>> balanced_batches(labels, True).shares.round(3)
    array([0.333, 0.333, 0.333])
    >>> balanced_batches(labels, 0.4).shares.round(3)
    array([0.4, 0.2, 0.4])
    """
    is_flag = isinstance(balance, (bool, np.bool_))
    if is_flag and not balance:
        return None
    classes, groups, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if is_flag or len(classes) == 1:
        return BalancedBatches(groups, np.full(len(classes), 1 / len(classes)))
    rarest = len(counts) - 1 - int(np.argmin(counts[::-1]))
    rest = np.where(np.arange(len(counts)) == rarest, 0, counts)
    shares = (1 - balance) * rest / rest.sum()
    shares[rarest] = balance
    return BalancedBatches(groups, shares)


def image_orders(
    n_images: int, balance: BalancedBatches | None, batch: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield an order of the images for each epoch, balanced if asked for."""
    return shuffled_orders(n_images, rng) if balance is None else balanced_orders(balance, batch, rng)


def shuffled_orders(n_images: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield an order of the images for each epoch, in which each image occurs once."""
    while True:
        yield rng.permutation(n_images)


def balanced_orders(balance: BalancedBatches, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield an order of the images for each epoch, in which every batch has the given shares of the classes.

    An epoch has n images. If a share is not a whole number of images, it is rounded up in some batches and down in
    others. Within a class, no image is repeated before all images of the class were drawn, also across epochs.

    Parameters
    ----------
    balance : BalancedBatches
    batch : int
        Batch size.
    rng : numpy.random.Generator

    Yields
    ------
    ndarray of int, shape (n,)
    """
    n_images, n_classes = len(balance.groups), len(balance.shares)
    draws = [_shuffled_rounds(np.flatnonzero(balance.groups == c), rng) for c in range(n_classes)]
    edges = np.append(np.cumsum(balance.shares)[:-1], 1.0)
    while True:
        batches = []
        for start in range(0, n_images, batch):
            size = min(batch, n_images - start)
            # Systematic sampling: each share is rounded up or down at random, and is exact on average.
            counts = np.diff(np.ceil(edges * size - rng.random()), prepend=0).astype(int)
            batches.append(rng.permutation(np.repeat(np.arange(n_classes), counts)))
        classes = np.concatenate(batches)
        order = np.empty(n_images, int)
        for draw, positions in zip(draws, _positions(classes, n_classes), strict=True):
            order[positions] = draw(len(positions))
        yield order


def _positions(classes: np.ndarray, n_classes: int) -> list[np.ndarray]:
    """Positions of each class in `classes`."""
    ends = np.cumsum(np.bincount(classes, minlength=n_classes))[:-1]
    return np.split(np.argsort(classes, kind="stable"), ends)


def _shuffled_rounds(index: np.ndarray, rng: np.random.Generator):
    """Return a function ``draw(n)`` that yields each of `index` once in random order, then again in a new order."""
    left = index[:0]

    def draw(n: int) -> np.ndarray:
        nonlocal left
        parts = [left]
        for _ in range(-(-(n - len(left)) // len(index))):
            parts.append(rng.permutation(index))
        drawn = np.concatenate(parts)
        left = drawn[n:]
        return drawn[:n]

    return draw


def wrapped(order: np.ndarray, start: int, size: int) -> tuple[np.ndarray, int]:
    """Indices of one batch; the last batch of an epoch is filled up with images from the start of the order.

    All batches then have one size, which needs one compiled graph, and batch normalisation gets full batches.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        Order of the images in the epoch.
    start : int
        Position of the first image of the batch.
    size : int
        Batch size.

    Returns
    -------
    index : ndarray of shape (size,)
    n_new : int
        Number of images of the batch that are new in this epoch.

    Examples
    --------
    >>> wrapped(np.array([3, 1, 2]), start=2, size=2)
    (array([2, 3]), 1)
    """
    index = order[start : start + size]
    n_new = len(index)
    return (index if n_new == size else np.concatenate([index, order[: size - n_new]])), n_new
