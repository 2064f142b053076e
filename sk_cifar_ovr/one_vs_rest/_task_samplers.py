"""Resample the training images of each class-vs-rest task, with their sample weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import pairwise_distances_argmin

from .._shared.label_matrices import UNKNOWN
from ..classifier import LabelledImages
from ..exceptions import ResamplingError
from ..imbalance import (
    ImageSampler,
    check_enough_images,
    check_sampler,
    check_strategy,
    checked_clone,
    resample,
    selected_indices,
    selects_samples,
)


@dataclass(frozen=True)
class ImageTaskSampler:
    """Sampler of imbalanced-learn for the task of one class.

    Attributes
    ----------
    sampler : sampler of imbalanced-learn
        It is cloned before each use.
    label : object
        Label of the class, for error messages.
    """

    sampler: Any
    label: Any

    @property
    def selects(self) -> bool:
        """Whether the sampler only selects images, and does not generate new ones."""
        return selects_samples(self.sampler)

    def check(self, labels: np.ndarray) -> None:
        """Check before training that the labels can be resampled.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            1 for the class, 0 for the rest.

        Raises
        ------
        ResamplingError
            If they cannot be resampled. The message names the class.
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
        """Select images for training.

        Parameters
        ----------
        X : ndarray, shape (n, ...)
        labels : ndarray of int, shape (n,)
        among : ndarray of int
            Indices of the images to select from.

        Returns
        -------
        ndarray of int
            Indices into `X`; an index may occur several times.
        """
        self.check(labels[among])
        try:
            selected = selected_indices(clone(self.sampler), X, labels, among)
        except (ValueError, RuntimeError) as error:
            raise self._error(error) from error
        self._check_left(labels[selected])
        return selected

    def generate(self, X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None):
        """Resample images with a sampler that may generate new ones.

        Returns
        -------
        X : ndarray, shape (n_new, ...)
        labels : ndarray of int, shape (n_new,)
        weights : ndarray of float, shape (n_new,), or None
            See `inherited_weights`.
        """
        self.check(labels)
        try:
            X_new, labels_new = resample(clone(self.sampler), X, labels)
        except (ValueError, RuntimeError) as error:
            raise self._error(error) from error
        self._check_left(labels_new)
        if weights is not None:
            weights = inherited_weights(X_new, labels_new, np.asarray(X), labels, weights)
        return X_new, labels_new, weights

    def _check_left(self, labels):
        if not np.array_equal(np.unique(labels), (0, 1)):
            name, left = type(self.sampler).__name__, np.unique(labels).tolist()
            raise self._error(f"of the labels 0 and 1 that training needs, {name} left {left}.")

    def _error(self, reason) -> ResamplingError:
        return ResamplingError(f"Class {self.label!r} (1) against the rest (0) cannot be resampled: {reason}")


def task_samplers(sampler, strategy: str, images: LabelledImages) -> list[ImageTaskSampler] | None:
    """Create the sampler of each task.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn, ImageSampler or None
    strategy : {"joint", "independent"}
    images : LabelledImages

    Returns
    -------
    list of ImageTaskSampler, or None
        None if `sampler` is None.

    Raises
    ------
    ResamplingError
        If the sampler generates images and the strategy is joint.
    """
    if sampler is None:
        return None
    check_sampler(sampler, "OneVsRestCNNClassifier")
    while isinstance(sampler, ImageSampler):
        sampler = sampler.sampler
        check_sampler(sampler, "ImageSampler")
    sampler = checked_clone(sampler)
    samplers = [ImageTaskSampler(sampler, label) for label in images.task_classes.tolist()]
    if strategy == "joint" and len(samplers) > 1 and not samplers[0].selects:
        raise ResamplingError(
            f"{type(sampler).__name__} generates images for each task, and the heads of strategy='joint' share every "
            "batch. Use strategy='independent', or a sampler that selects images, such as RandomOverSampler or "
            "RandomUnderSampler."
        )
    return samplers


def check_resampling(samplers: list[ImageTaskSampler] | None, images: LabelledImages, index, tasks) -> None:
    """Check as far as possible, before training, that tasks can be resampled.

    Parameters
    ----------
    samplers : list of ImageTaskSampler, or None
    images : LabelledImages
    index : ndarray of int
        The images of one training, such as those of a fold.
    tasks : ndarray of bool, shape (K,)
        Tasks that are resampled in it.

    Raises
    ------
    ResamplingError
        If a task cannot be resampled.
    """
    if samplers is None:
        return
    labels = images.binary_labels[index[images.has_weight[index]]]
    for k in np.flatnonzero(tasks):
        samplers[k].check(labels[labels[:, k] != UNKNOWN, k].astype(int))


def inherited_weights(X_new, labels_new, X, labels, weights) -> np.ndarray:
    """Weights of resampled images: each image gets the weight of the nearest original image with the same label.

    Samplers do not return which images a new image was generated from. Over-samplers return the original images first;
    these keep their own weights.

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
    weights_new = np.concatenate([weights[:kept], np.zeros(len(X_new) - kept)])
    for label in np.unique(labels_new[kept:]):
        new, original = kept + np.flatnonzero(labels_new[kept:] == label), np.flatnonzero(labels == label)
        nearest = pairwise_distances_argmin(_flat(X_new[new]), _flat(X[original]))
        weights_new[new] = weights[original[nearest]]
    return weights_new


def _flat(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1).astype(np.result_type(X.dtype, "float32"), copy=False)
