"""Which images a fit trains on and which it holds out, and what samplers make of the former."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from .._shared.label_matrices import UNKNOWN
from .._shared.stratification import stratified_split

VALIDATION_FRACTION = 0.1


class ValidationSplitError(ValueError):
    """No image can be held out for validation, or none that has weight."""


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
        Encoded; K columns of 0, 1 and `UNKNOWN` for K tasks that are trained together.
    strata : ndarray of shape (n,) or (n, K)
        Labels whose shares a validation split keeps, and from which balanced batches are drawn.
    sample_weight : ndarray of float, shape (n,), or None
    class_weight : "balanced", dict or None, or a list of them for K tasks
    sampler : TaskSampler, a list of them for K tasks, or None
        Resamples the images to train on.
    groups : ndarray of int, shape (n,), or None
        A validation split has all images of a group on one side.
    """

    labels: np.ndarray
    strata: np.ndarray
    sample_weight: np.ndarray | None = None
    class_weight: Any = None
    sampler: Any = None
    groups: np.ndarray | None = None


@dataclass(frozen=True)
class TrainValidationSplit:
    """Images, labels and weights, and which of the images are for what.

    Attributes
    ----------
    X : array, shape (n, ...)
    labels : ndarray of int, shape (n,) or (n, K)
        0 also for what is not known, whose weight is 0.
    weights : ndarray of float, shape (n,) or (n, K), or None
    strata : ndarray of shape (n,) or (n, K)
        As in `Targets`.
    train, validation : ndarray of int
        Indices of the images to train on, which may repeat, and of those held out.
    counts : ndarray of int, shape (n, K), or None
        How often each of K tasks has an image, if that differs; `weights` include it.
    """

    X: Any
    labels: np.ndarray
    weights: np.ndarray | None
    strata: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    counts: np.ndarray | None = None


def train_validation_split(X, targets: Targets, settings, seed: int) -> TrainValidationSplit:
    """Hold images out if `validation_fraction` or `early_stopping` ask for it, and resample the others.

    Images without weight, and those of which no label is known, are left out.

    Parameters
    ----------
    X : array, shape (n, ...)
    targets : Targets
    settings : CNNClassifier
        Its parameters count.
    seed : int

    Returns
    -------
    TrainValidationSplit

    Raises
    ------
    ValidationSplitError
        If the split cannot be made, or a part of it has no weight.
    ResamplingError
        If the sampler cannot resample the images.
    """
    train, validation = _indices(targets, settings, seed)
    weights = targets.sample_weight
    if weights is not None:
        train, validation = train[weights[train] > 0], validation[weights[validation] > 0]
    if not len(train) or (settings.early_stopping and not len(validation)):
        raise ValidationSplitError(
            "The validation split left one part without an image that has weight: change validation_fraction or give "
            "more images a weight."
        )
    split = TrainValidationSplit(X, targets.labels, weights, targets.strata, train, validation)
    if isinstance(targets.sampler, list) or (targets.labels == UNKNOWN).any():
        return _split_of_tasks(split, targets.sampler)
    if targets.sampler is None:
        return split
    if targets.sampler.selects:
        return replace(split, train=targets.sampler.select(X, targets.labels, train))
    return _with_generated(split, targets.sampler)


def _indices(targets: Targets, settings, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(len(targets.labels))
    if targets.labels.ndim == 2:
        rows = rows[(targets.labels != UNKNOWN).any(axis=1)]
    fraction = settings.validation_fraction
    if fraction is None and settings.early_stopping:
        fraction = VALIDATION_FRACTION
    if fraction is None:
        return rows, rows[:0]
    groups = None if targets.groups is None else targets.groups[rows]
    try:
        train, validation = stratified_split(targets.strata[rows], fraction, seed, groups)
    except ValueError as error:
        taken = "" if settings.validation_fraction is not None else ", the share of early_stopping if none is given"
        raise ValidationSplitError(
            f"Images cannot be held out with validation_fraction={fraction:g}{taken}. "
            f"{_why_not(targets.strata[rows], fraction, groups) or str(error).strip()} Or train without validation: "
            "early_stopping=False, validation_fraction=None."
        ) from error
    return rows[train], rows[validation]


def _why_not(strata: np.ndarray, fraction: float, groups) -> str | None:
    """Why a stratified split leaves out a class, and which shares would do; None if it is for another reason."""
    if strata.ndim == 2 or groups is not None:
        return None
    counts = np.unique(strata, return_counts=True)[1]
    n_classes, n = int((counts > 1).sum()), int(counts[counts > 1].sum())
    if not n_classes:
        return "Every class has one image only, which is trained on: give more images."
    n_held_out = int(np.ceil(fraction * n))
    n_trained = n - n_held_out
    if min(n_held_out, n_trained) >= n_classes:
        return None
    part, size = ("to hold out", n_held_out) if n_held_out < n_classes else ("to train on", n_trained)
    if part == "to hold out":
        remedy = f"set validation_fraction={np.ceil(100 * n_classes / n) / 100:g} or more, or give more images."
    else:
        remedy = f"set validation_fraction={np.floor(100 * (1 - n_classes / n)) / 100:g} or less."
    return f"Of {n} images that leaves {size} {part}, and each of {n_classes} classes needs one there: {remedy}"


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


def _split_of_tasks(split: TrainValidationSplit, samplers: list[TaskSampler | None] | None) -> TrainValidationSplit:
    """The split for tasks that share every batch.

    An image whose label in a task is not known has no weight there; one that its sampler selected twice has twice the
    weight.
    """
    known = split.labels != UNKNOWN
    labels = np.where(known, split.labels, 0).astype(split.labels.dtype, copy=False)
    counts = known.astype(int)
    for k, sampler in enumerate(samplers or []):
        if sampler is not None:
            selected = sampler.select(split.X, labels[:, k], split.train[known[split.train, k]])
            counts[:, k] = np.bincount(selected, minlength=len(labels))
    weights = np.ones(len(labels)) if split.weights is None else split.weights
    by_task = counts * weights[:, None]
    by_task[split.validation] = (known * weights[:, None])[split.validation]
    train = split.train[counts[split.train].any(axis=1)]
    unlearnt = np.flatnonzero(by_task.any(axis=0) & ~by_task[train].any(axis=0)).tolist()
    if unlearnt:
        raise ValidationSplitError(
            f"The validation split left no image with a known label to train tasks {unlearnt} on: change "
            "validation_fraction or give more labels."
        )
    return replace(split, labels=labels, weights=by_task, counts=counts, train=train)
