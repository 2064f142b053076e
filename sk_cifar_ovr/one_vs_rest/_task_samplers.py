"""Samplers of binary tasks: the images that they select or generate, and the weights of these."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import pairwise_distances_argmin

from ..classifier import LabelledImages
from ..exceptions import ResamplingError
from ..imbalance import (
    ImageSampler,
    check_enough_images,
    check_strategy,
    checked_clone,
    resample,
    selected_indices,
    selects_samples,
)


@dataclass(frozen=True)
class ImageTaskSampler:
    """A sampler of imbalanced-learn for the task "class or rest".

    Attributes
    ----------
    sampler : sampler of imbalanced-learn
        A clone of it is fitted each time.
    label : object
        The class, for error messages.
    """

    sampler: Any
    label: Any

    @property
    def selects(self) -> bool:
        """Whether it selects given images and generates none."""
        return selects_samples(self.sampler)

    def check(self, labels: np.ndarray) -> None:
        """Refuse labels that cannot be resampled, before anything is trained.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            0 and 1.

        Raises
        ------
        ResamplingError
            With the class.
        """
        present = np.unique(labels)
        if len(present) < 2:
            raise self._error(f"there are only {'others' if 0 in present else 'images of it'} to train on.")
        try:
            check_enough_images(self.sampler, labels)
            check_strategy(self.sampler, labels)
        except ValueError as error:
            raise self._error(error) from error

    def select(self, X: np.ndarray, labels: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Indices selected among some, of `X` and `labels` as they are; one may come several times."""
        self.check(labels[among])
        try:
            selected = selected_indices(clone(self.sampler), X, labels, among)
        except (ValueError, RuntimeError) as error:
            raise self._error(error) from error
        self._check_left(labels[selected])
        return selected

    def generate(self, X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None):
        """Images, labels and weights in place of those given.

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


def task_samplers(sampler, strategy: str, images: LabelledImages, parts) -> list[ImageTaskSampler] | None:
    """One sampler a task, checked as far as possible before anything is trained.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn, ImageSampler or None
    strategy : {"joint", "independent"}
    images : LabelledImages
        Two classes make one task.
    parts : list of ndarray of int
        Indices of the images of each training that there will be.

    Returns
    -------
    list or None
        None if there is no sampler.

    Raises
    ------
    ResamplingError
        If a task cannot be resampled, or the sampler generates images and the strategy is joint.
    """
    if sampler is None:
        return None
    while isinstance(sampler, ImageSampler):
        sampler._validate_params()
        sampler = sampler.sampler
    sampler = checked_clone(sampler)
    samplers = [ImageTaskSampler(sampler, label) for label in images.classes[len(images.classes) == 2 :].tolist()]
    if strategy == "joint" and len(samplers) > 1 and not samplers[0].selects:
        raise ResamplingError(
            f"{type(sampler).__name__} makes images for each task, and the heads of strategy='joint' share every "
            "batch. Use strategy='independent', or a sampler that selects images, such as RandomOverSampler or "
            "RandomUnderSampler."
        )
    weights = images.sample_weight
    for index in parts:
        index = index if weights is None else index[weights[index] > 0]
        for each in samplers:
            each.check((images.y[index] == each.label).astype(int))
    return samplers


def inherited_weights(X_new, labels_new, X, labels, weights) -> np.ndarray:
    """Weights of resampled images: those of the nearest given image with the same label.

    A sampler does not tell which images a new one was made of. Given images that come first, as over-samplers leave
    them, keep their own weights, also if two images are equal.

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
