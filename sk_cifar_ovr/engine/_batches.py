"""Which images make up the batches of an epoch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BalancedBatches:
    """How batches are drawn from the classes.

    Attributes
    ----------
    groups : ndarray of int, shape (n,)
        Class of each training image, 0 to C - 1; every class is present.
    shares : ndarray of float, shape (C,)
        Share of each class in every batch; they sum to 1.
    """

    groups: np.ndarray
    shares: np.ndarray

    def frequency(self) -> np.ndarray:
        """How often each image is drawn in an epoch on average, shape (n,)."""
        return (len(self.groups) * self.shares / np.bincount(self.groups))[self.groups]


def balanced_batches(labels: np.ndarray, balance: bool | float) -> BalancedBatches | None:
    """Shares of the classes in each batch.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Class of each training image.
    balance : bool or float
        True gives all classes the same share. A number is the share of the rarest class (the last of those
        that are equally rare); the other classes keep their proportions. False takes every image once.

    Returns
    -------
    BalancedBatches or None

    Examples
    --------
    >>> labels = np.repeat(["cat", "dog", "eel"], [60, 30, 10])
    >>> balanced_batches(labels, True).shares.round(3)
    array([0.333, 0.333, 0.333])
    >>> balanced_batches(labels, 0.4).shares.round(3)
    array([0.4, 0.2, 0.4])
    """
    evenly = isinstance(balance, (bool, np.bool_))
    if evenly and not balance:
        return None
    classes, groups, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if evenly or len(classes) == 1:
        return BalancedBatches(groups, np.full(len(classes), 1 / len(classes)))
    rarest = len(counts) - 1 - int(np.argmin(counts[::-1]))
    others = np.where(np.arange(len(counts)) == rarest, 0, counts)
    shares = (1 - balance) * others / others.sum()
    shares[rarest] = balance
    return BalancedBatches(groups, shares)


def shuffled_orders(n_rows: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Orders of the images, epoch after epoch: each image once an epoch."""
    while True:
        yield rng.permutation(n_rows)


def balanced_orders(balance: BalancedBatches, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Orders of the images, epoch after epoch, with the shares of the classes in every batch.

    An epoch has as many images as there are. If the share of a class is no whole number of images, some batches have
    one image more than others. The images of a class come in turn, in an order that is shuffled anew after each
    round, so that none comes twice before the others have come once; rounds continue from one epoch to the next.

    Parameters
    ----------
    balance : BalancedBatches
    batch : int
    rng : numpy.random.Generator

    Yields
    ------
    ndarray of int, shape (n,)
    """
    n_rows, n_classes = len(balance.groups), len(balance.shares)
    rounds = [_rounds(np.flatnonzero(balance.groups == c), rng) for c in range(n_classes)]
    edges = np.append(np.cumsum(balance.shares)[:-1], 1.0)
    while True:
        slots = []
        for start in range(0, n_rows, batch):
            size = min(batch, n_rows - start)
            # Systematic sampling: each class gets its share rounded up or down, and on average its share.
            counts = np.diff(np.ceil(edges * size - rng.random()), prepend=0).astype(int)
            slots.append(rng.permutation(np.repeat(np.arange(n_classes), counts)))
        classes = np.concatenate(slots)
        order = np.empty(n_rows, int)
        for rows, places in zip(rounds, _places(classes, n_classes), strict=True):
            order[places] = rows(len(places))
        yield order


def _places(classes: np.ndarray, n_classes: int) -> list[np.ndarray]:
    """Positions of each class."""
    ends = np.cumsum(np.bincount(classes, minlength=n_classes))[:-1]
    return np.split(np.argsort(classes, kind="stable"), ends)


def _rounds(rows: np.ndarray, rng: np.random.Generator):
    """A function ``take(n)`` that gives the next n indices of endless shuffled rounds."""
    left = rows[:0]

    def take(n: int) -> np.ndarray:
        nonlocal left
        parts = [left]
        for _ in range(-(-(n - len(left)) // len(rows))):
            parts.append(rng.permutation(rows))
        whole = np.concatenate(parts)
        left = whole[n:]
        return whole[:n]

    return take


def wrapped(order: np.ndarray, start: int, size: int) -> tuple[np.ndarray, int]:
    """Indices of one batch; the last batch is filled up from the start of the order.

    A batch of one size is one graph on every backend, and batch normalisation sees a full batch.

    Returns
    -------
    index : ndarray of shape (size,)
    n_new : int
        Number of images that this epoch has not seen before.

    Examples
    --------
    >>> wrapped(np.array([3, 1, 2]), start=2, size=2)
    (array([2, 3]), 1)
    """
    index = order[start : start + size]
    n_new = len(index)
    return (index if n_new == size else np.concatenate([index, order[: size - n_new]])), n_new
