"""Images, labels and weights of one training."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._batches import BalancedBatches

MIN_SHARE = 1e-4
CELLS_AT_ONCE = 2**22


@dataclass(frozen=True)
class TrainingData:
    """Images, labels and weights of one training, and which of the images are for what.

    Attributes
    ----------
    X : ndarray or LazyArray, shape (n, ...)
    labels : ndarray of int, shape (n,) or (n, K)
        K columns for K tasks trained together.
    weights : ndarray of float, shape (n,) or (n, K), or None
        Sample weights.
    class_weights : ndarray of float, shape (C,) or (K, C), or None
    train, validation : ndarray of int
        Indices of the images to train on, which may repeat, and of those held out.
    scale : float
        Factor of the pixels on their way into the network.
    balance : BalancedBatches or None
        How batches are drawn from the classes; None takes every image once an epoch.
    n_networks : int
        Networks trained side by side: their losses are summed, those of heads on one trunk averaged.
    """

    X: Any
    labels: np.ndarray
    weights: np.ndarray | None
    class_weights: np.ndarray | None
    train: np.ndarray
    validation: np.ndarray
    scale: float = 1.0
    balance: BalancedBatches | None = None
    n_networks: int = 1

    def weights_of(self, index: np.ndarray) -> np.ndarray:
        """Weight of each image, or of each image and task, shape (b,) or (b, K)."""
        labels = self.labels[index]
        weights = np.ones(len(index)) if self.weights is None else self.weights[index].astype("float64")
        if labels.ndim > weights.ndim:
            weights = np.repeat(weights[:, None], labels.shape[1], axis=1)
        if self.class_weights is not None:
            tasks = np.arange(labels.shape[1]) if labels.ndim == 2 else ()
            weights = weights * (self.class_weights[tasks, labels] if labels.ndim == 2 else self.class_weights[labels])
        return weights

    def mean_weight(self) -> np.ndarray | float:
        """Mean weight of the training images, for each task; the weights of a batch are divided by it.

        It is 1 for a task of which no training image has a sample weight, as in a call of `partial_fit`.

        Raises
        ------
        ValueError
            If class weights leave a task without weight, or all training images have weight 0.
        """
        if self.weights is None and self.class_weights is None:
            return 1.0
        total = sum(weights.sum(axis=0) for _, weights in self._weighted_parts())
        if self.weights is not None and self.weights.ndim == 2:
            total = np.where(self.weights[self.train].any(axis=0), total, len(self.train))
        idle = np.flatnonzero(np.atleast_1d(total) <= 0)
        if len(idle):
            which = f" of tasks {idle.tolist()}" if np.ndim(total) else ""
            raise ValueError(
                f"All training images{which} have weight 0: look at class_weight and sample_weight together."
            )
        return total / len(self.train)

    def class_shares(self, n_classes: int, alpha: np.ndarray | float = 1.0) -> np.ndarray:
        """Share of each class in the weight of the training images, for each task, (K, C); none is 0.

        They are equal in a task without weight. `alpha` is the loss's own weight of each class.
        """
        shares = np.zeros((self.labels.shape[1], n_classes))
        for labels, weights in self._weighted_parts():
            for c in range(n_classes):
                shares[:, c] += np.where(labels == c, weights, 0.0).sum(axis=0)
        shares *= alpha
        total, equal = shares.sum(axis=1, keepdims=True), np.full_like(shares, 1 / n_classes)
        return np.maximum(np.divide(shares, total, out=equal, where=total > 0), MIN_SHARE)

    def _weighted_parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Labels and weights of the training images, as often as they are drawn, in parts of bounded size."""
        frequency = None if self.balance is None else self.balance.frequency()
        size = max(1, CELLS_AT_ONCE // math.prod(self.labels.shape[1:]))
        for start in range(0, len(self.train), size):
            part = slice(start, start + size)
            labels, weights = self.labels[self.train[part]], self.weights_of(self.train[part])
            if frequency is not None:
                weights = weights * frequency[part].reshape(-1, *[1] * (weights.ndim - 1))
            yield labels, weights
