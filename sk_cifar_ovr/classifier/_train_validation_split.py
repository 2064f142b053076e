"""Which images a fit trains on and which it holds out, and what samplers make of the former."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from sklearn.model_selection import train_test_split

VALIDATION_FRACTION = 0.1


class TaskSampler(Protocol):
    """A sampler of one binary task, with what it does to images as arrays."""

    @property
    def selects(self) -> bool:
        """Whether it selects given images and generates none."""

    def select(self, X: np.ndarray, labels: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Indices selected among some; one may come several times."""

    def generate(self, X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> tuple[Any, Any, Any]:
        """Images, labels and weights in place of those given."""


@dataclass(frozen=True)
class Targets:
    """What a network learns of its images.

    Attributes
    ----------
    labels : ndarray of int, shape (n,) or (n, K)
        Encoded; K columns for K tasks that are trained together.
    strata : ndarray of shape (n,)
        Labels whose shares a validation split keeps, and from which balanced batches are drawn.
    sample_weight : ndarray of float, shape (n,), or None
    class_weight : "balanced", dict or None, or a list of them for K tasks
    sampler : TaskSampler, a list of them for K tasks, or None
        Resamples the images to train on.
    """

    labels: np.ndarray
    strata: np.ndarray
    sample_weight: np.ndarray | None = None
    class_weight: Any = None
    sampler: Any = None


@dataclass(frozen=True)
class TrainValidationSplit:
    """Images, labels and weights, and which of the images are for what.

    Attributes
    ----------
    X : ndarray, shape (n, ...)
    labels : ndarray of int, shape (n,) or (n, K)
    weights : ndarray of float, shape (n,) or (n, K), or None
    strata : ndarray of shape (n,)
        As in `Targets`.
    train, validation : ndarray of int
        Indices of the images to train on, which may repeat, and of those held out.
    counts : ndarray of int, shape (n, K), or None
        How often each of K tasks has an image, if that differs; `weights` include it.
    """

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None
    strata: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    counts: np.ndarray | None = None


def train_validation_split(X, targets: Targets, settings, seed: int) -> TrainValidationSplit:
    """Hold images out if `validation_fraction` or `early_stopping` ask for it, and resample the others.

    Images without weight are left out.

    Parameters
    ----------
    X : ndarray, shape (n, ...)
    targets : Targets
    settings : CNNClassifier
        Its parameters count.
    seed : int

    Returns
    -------
    TrainValidationSplit

    Raises
    ------
    ValueError
        If the split cannot be made, or a part of it has no weight.
    ResamplingError
        If the sampler cannot resample the images.
    """
    train, validation = _indices(len(X), targets.strata, settings, seed)
    weights = targets.sample_weight
    if weights is not None:
        train, validation = train[weights[train] > 0], validation[weights[validation] > 0]
    if not len(train) or (settings.early_stopping and not len(validation)):
        raise ValueError(
            "The validation split left one part without an image that has weight: change validation_fraction or give "
            "more images a weight."
        )
    split = TrainValidationSplit(X, targets.labels, weights, targets.strata, train, validation)
    if targets.sampler is None:
        return split
    if isinstance(targets.sampler, list):
        return _resampled_for_heads(split, targets.sampler)
    if targets.sampler.selects:
        return replace(split, train=targets.sampler.select(X, targets.labels, train))
    return _with_generated(split, targets.sampler)


def _indices(n: int, strata, settings, seed: int) -> tuple[np.ndarray, np.ndarray]:
    everything = np.arange(n)
    fraction = settings.validation_fraction
    if fraction is None and settings.early_stopping:
        fraction = VALIDATION_FRACTION
    if fraction is None:
        return everything, everything[:0]
    try:
        return train_test_split(everything, test_size=fraction, stratify=strata, random_state=seed)
    except ValueError as error:
        raise ValueError(
            f"{error} This is the stratified split that validation_fraction={fraction} (early_stopping takes a tenth "
            "without it) asks for: use a larger share, more images, or neither."
        ) from error


def _with_generated(split: TrainValidationSplit, sampler: TaskSampler) -> TrainValidationSplit:
    """The split with generated images to train on, followed by those held out."""
    train, held_out = split.train, split.validation
    given = None if split.weights is None else split.weights[train]
    X, labels, weights = sampler.generate(split.X[train], split.labels[train], given)
    n_new = len(X)
    if len(held_out):
        X = np.concatenate([X, split.X[held_out]])
        labels = np.concatenate([labels, split.labels[held_out]])
        weights = weights if split.weights is None else np.concatenate([weights, split.weights[held_out]])
    return TrainValidationSplit(X, labels, weights, labels, np.arange(n_new), np.arange(n_new, len(X)))


def _resampled_for_heads(split: TrainValidationSplit, samplers: list[TaskSampler]) -> TrainValidationSplit:
    """The split for tasks that share every batch: an image that a task selected twice has twice the weight there."""
    columns = zip(samplers, split.labels.T, strict=True)
    selected = [sampler.select(split.X, column, split.train) for sampler, column in columns]
    counts = np.stack([np.bincount(index, minlength=len(split.X)) for index in selected], axis=1)
    weights = np.ones(len(split.X)) if split.weights is None else split.weights
    by_task = counts * weights[:, None]
    by_task[split.validation] = weights[split.validation, None]
    train = split.train[counts[split.train].any(axis=1)]
    return replace(split, weights=by_task, counts=counts, train=train)
