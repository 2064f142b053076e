"""K binary tasks, "class k or the rest": what is needed to train them, and what is left."""

import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

from .._shared.label_matrices import UNKNOWN, columns_in_order, is_label_matrix, label_matrix
from ..classifier import CNNClassifier, FitMode, HeldOut, LabelledImages, checked_weights
from ..engine import FittedNetwork, image_blocks
from ._searches import is_search
from ._task_samplers import ImageTaskSampler

BINARY = np.array([0, 1])


@dataclass(frozen=True)
class FittedTasks:
    """K trained binary classifiers.

    Attributes
    ----------
    estimators : list of CNNClassifier
    joint : FittedNetwork or None
        The trunk with its K heads, which answers all tasks in one pass.
    searches : list of fitted searches, or None
        If each task chose its own settings.
    """

    estimators: list[CNNClassifier]
    joint: FittedNetwork | None
    searches: list | None = None

    def outputs(self, X) -> np.ndarray:
        """Probabilities of the rest and of the class, shape (n, K, 2)."""
        if self.joint is not None:
            return self.joint.predict(X)
        with closing(image_blocks(X)) as blocks:
            parts = [
                np.stack([each.network_.predict(images) for each in self.estimators], axis=1) for _, images in blocks
            ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def history(self) -> dict[str, list[float]]:
        """Mean over the tasks of each epoch; tasks that stopped early are left out of later epochs."""
        histories = [estimator.history_ for estimator in self.estimators]
        mean: dict[str, list[float]] = {}
        for name in dict.fromkeys(name for history in histories for name in history):
            # A task without held-out images has no `val_loss`.
            columns = [history[name] for history in histories if name in history]
            epochs = range(max(map(len, columns)))
            mean[name] = [float(np.mean([column[i] for column in columns if i < len(column)])) for i in epochs]
        return mean

    def held_out(self, images: LabelledImages) -> HeldOut | None:
        """What the tasks held out for validation, with the classes of which no image was held out."""
        parts = [estimator._held_out for estimator in self.estimators]
        if self.searches is not None or not any(parts):
            return None
        first = next(part for part in parts if part is not None)
        if len(images.task_classes) < len(images.classes):
            names = [repr(images.classes.tolist()[int(label)]) for label in first.lacking]
        else:
            # A task lacks its class, label 1, or the rest.
            labels = zip(images.task_classes.tolist(), parts, strict=True)
            names = [
                repr(label) if "1" in part.lacking else f"all but {label!r}"
                for label, part in labels
                if part is not None and part.lacking
            ]
        return replace(first, lacking=names)


@dataclass(frozen=True)
class Tasks:
    """K binary tasks on checked images, ready to be trained.

    Attributes
    ----------
    estimators : list of (CNNClassifier or a search over one)
        Unfitted, one a task; fitted already if they continue.
    images : LabelledImages
    labels : ndarray of int, shape (n, K)
        1 for the class of a task, 0 for the rest, `UNKNOWN` for neither.
    mode : FitMode
    samplers : list of (ImageTaskSampler or None), or None
    joint : FittedNetwork or None
        From which heads on one trunk continue.
    """

    estimators: list[Any]
    images: LabelledImages
    labels: np.ndarray
    mode: FitMode
    samplers: Sequence[ImageTaskSampler | None] | None = None
    joint: FittedNetwork | None = None


def constant_tasks(images: LabelledImages, base, mode: FitMode) -> np.ndarray:
    """Find the columns of a label matrix that hold only one of 0 and 1, and warn of them.

    Parameters
    ----------
    images : LabelledImages
    base : CNNClassifier or search
    mode : FitMode
        A call of `partial_fit` may well lack a label: only columns without a known label are found, without warning.

    Returns
    -------
    ndarray of bool, shape (K,)

    Raises
    ------
    ValueError
        If a search would have to choose settings for such a column.
    """
    counts = images.label_counts()
    constant = (counts == 0).any(axis=1)
    if mode.partial or not images.multilabel:
        return (counts == 0).all(axis=1)
    all_negative, all_positive = (images.classes[counts[:, label] == 0].tolist() for label in (1, 0))
    messages = [
        f"{who} image whose label is known has {', '.join(map(repr, classes))}."
        for who, classes in (("No", all_negative), ("Every", all_positive))
        if classes
    ]
    if messages and is_search(base):
        raise ValueError(f"{' '.join(messages)} A search has nothing to choose there: leave out these columns.")
    if messages:
        warnings.warn(" ".join(messages), UserWarning, stacklevel=2)
    return constant


def warn_without_validation(base, fitted: FittedTasks, images: LabelledImages) -> None:
    """Warn once of all tasks that were trained without the images held out for validation that `base` asks for.

    Parameters
    ----------
    base : CNNClassifier
    fitted : FittedTasks
    images : LabelledImages
    """
    settings = ("early_stopping", "validation_fraction")
    names = [
        repr(label)
        for label, estimator in zip(images.task_classes.tolist(), fitted.estimators, strict=True)
        if any(getattr(estimator, name) != getattr(base, name) for name in settings)
    ]
    if names and fitted.searches is None:
        warnings.warn(
            f"Too few labels are known to hold images out for validation for {', '.join(names)}: their networks were "
            "trained on all images whose label is known, without early stopping. Give more labels, or hold out a "
            "larger share by validation_fraction.",
            UserWarning,
            stacklevel=2,
        )


def subset_accuracy(y, predicted: np.ndarray, classes: np.ndarray, sample_weight=None) -> float:
    """Share of the images whose known labels are all predicted; images without a known label do not count.

    Parameters
    ----------
    y : array-like of shape (n, K)
        1, 0, and NaN if a label is not known.
    predicted : ndarray of int, shape (n, K)
    classes : ndarray of shape (K,)
        Of the columns of `predicted`. Those of a data frame are matched by name.
    sample_weight : array-like of shape (n,) or None, default=None

    Raises
    ------
    ValueError
        If y is no label matrix of these classes, or no label is known for an image that has weight.
    """
    if not is_label_matrix(y):
        raise ValueError(
            f"The last fit had a label matrix of {len(classes)} columns, so that score takes one too, and y has the "
            f"shape {np.shape(y)}."
        )
    labels, names = label_matrix(y)
    check_consistent_length(labels, predicted)
    if labels.shape != predicted.shape:
        raise ValueError(f"y has {labels.shape[1]} columns, and the last fit had {predicted.shape[1]}.")
    if hasattr(y, "columns"):
        order = columns_in_order(classes.tolist(), names.tolist())
        if order is None:
            raise ValueError(
                f"The label matrix has columns {names.tolist()}, but its classes are {classes.tolist()}: give it "
                "these column names, or pass an array without names."
            )
        labels = labels[:, order]
    known = labels != UNKNOWN
    right = ((labels == predicted) | ~known).all(axis=1)
    weights = checked_weights(1.0 if sample_weight is None else sample_weight, labels)
    counted = weights * known.any(axis=1)
    if not counted.any():
        raise ValueError("No label in y is known for an image that has weight, so that there is nothing to score.")
    return float(np.average(right, weights=counted))
