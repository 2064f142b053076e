"""The sampler of a binary problem: what it picks or makes, and the weights that come with it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import pairwise_distances_argmin

from ..exceptions import ResamplingError
from ..imbalance import check_enough_images, check_strategy, picked_rows, picks_rows, resample


@dataclass(frozen=True)
class ProblemSampler:
    """The sampler of the problem "class or others".

    Attributes
    ----------
    sampler : sampler of imbalanced-learn
        A clone of it is fitted each time.
    label : object
        The class, for messages.
    """

    sampler: Any
    label: Any

    @property
    def picks(self) -> bool:
        """Whether it picks rows and makes none."""
        return picks_rows(self.sampler)

    def check(self, labels: np.ndarray) -> None:
        """Refuse rows that cannot be resampled, before anything is trained.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            0 and 1.

        Raises
        ------
        ResamplingError
            Naming the class.
        """
        present = np.unique(labels)
        if len(present) < 2:
            raise self._error(f"there are only {'others' if 0 in present else 'images of it'} to train on.")
        try:
            check_enough_images(self.sampler, labels)
            check_strategy(self.sampler, labels)
        except ValueError as error:
            raise self._error(error) from error

    def pick(self, X: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Rows picked among some, of `X` and `labels` as they are; a row may come several times."""
        self.check(labels[rows])
        try:
            picked = picked_rows(clone(self.sampler), X, labels, rows)
        except (ValueError, RuntimeError) as error:
            raise self._error(error) from error
        self._check_left(labels[picked])
        return picked

    def make(self, X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None):
        """New images, labels and weights in place of those given.

        Returns
        -------
        X : ndarray, shape (n_new, ...)
        labels : ndarray of int, shape (n_new,)
        weights : ndarray of float, shape (n_new,), or None
        """
        self.check(labels)
        try:
            X_new, labels_new = resample(clone(self.sampler), X, labels)
        except (ValueError, RuntimeError) as error:
            raise self._error(error) from error
        self._check_left(labels_new)
        return X_new, labels_new, None if weights is None else inherited_weights(X_new, labels_new, X, labels, weights)

    def _check_left(self, labels):
        if not np.array_equal(np.unique(labels), (0, 1)):
            name, left = type(self.sampler).__name__, np.unique(labels).tolist()
            raise self._error(f"of the labels 0 and 1 that training needs, {name} left {left}.")

    def _error(self, reason) -> ResamplingError:
        return ResamplingError(f"Class {self.label!r} (1) against the others (0) cannot be resampled: {reason}")


def inherited_weights(X_new, labels_new, X, labels, weights) -> np.ndarray:
    """Weights of resampled images: those of the nearest given image with the same label.

    Nothing says which images a new one was made of. Given images that come first, as over-samplers leave them, keep
    their own weights, also where two images are equal.

    Parameters
    ----------
    X_new : ndarray, shape (n_new, ...)
    labels_new : ndarray of int, shape (n_new,)
    X : ndarray, shape (n, ...)
    labels : ndarray of int, shape (n,)
    weights : ndarray of float, shape (n,)

    Returns
    -------
    ndarray of float, shape (n_new,)

    Examples
    --------
    >>> X, labels, weights = np.array([[0.0], [9.0], [10.0]]), np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0])
    >>> inherited_weights(np.array([[0.0], [1.0], [9.8]]), np.array([0, 1, 1]), X, labels, weights)
    array([1., 2., 3.])
    """
    n = len(X)
    kept = n if np.array_equal(labels_new[:n], labels) and np.array_equal(X_new[:n], X) else 0
    found = np.concatenate([weights[:kept], np.zeros(len(X_new) - kept)])
    for label in np.unique(labels_new[kept:]):
        new, given = kept + np.flatnonzero(labels_new[kept:] == label), np.flatnonzero(labels == label)
        nearest = pairwise_distances_argmin(_flat(X_new[new]), _flat(X[given]))
        found[new] = weights[given[nearest]]
    return found


def _flat(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1).astype(np.result_type(X.dtype, "float32"), copy=False)
