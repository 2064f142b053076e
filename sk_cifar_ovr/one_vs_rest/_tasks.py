"""K binary tasks, "class k or the rest": what is needed to train them, and what is left."""

import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

from .._shared.label_matrices import UNKNOWN, label_matrix
from ..classifier import CNNClassifier, FitMode, LabelledImages
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
        names = {name: max(len(history[name]) for history in histories) for name in histories[0]}
        return {
            name: [float(np.mean([h[name][i] for h in histories if i < len(h[name])])) for i in range(length)]
            for name, length in names.items()
        }


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
        A call of `partial_fit` may well lack a label, so that nothing is found.

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
        return np.zeros_like(constant)
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


def subset_accuracy(y, predicted: np.ndarray, sample_weight=None) -> float:
    """Share of the images whose known labels are all predicted; images without a known label do not count.

    Parameters
    ----------
    y : array-like of shape (n, K)
        1, 0, and NaN if a label is not known.
    predicted : ndarray of int, shape (n, K)
    sample_weight : array-like of shape (n,) or None, default=None
    """
    labels, _ = label_matrix(y)
    check_consistent_length(labels, predicted, sample_weight)
    if labels.shape != predicted.shape:
        raise ValueError(f"y has {labels.shape[1]} columns, and the last fit had {predicted.shape[1]}.")
    known = labels != UNKNOWN
    right = ((labels == predicted) | ~known).all(axis=1)
    weights = np.ones(len(right)) if sample_weight is None else np.asarray(sample_weight, float)
    return float(np.average(right, weights=weights * known.any(axis=1)))
