"""From the parameter `threshold` to one rule a task: a fixed number, a metric to maximise, or a promise."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._shared.label_matrices import UNKNOWN
from .._shared.text import plain
from ..classifier import LabelledImages
from ._promises import Promise, checked_promise, is_promise
from ._thresholds import averaged_threshold, checked_metric, fixed_thresholds

DEFAULT = 0.5


@dataclass(frozen=True)
class FixedThreshold:
    """A number that is not tuned."""

    value: float


@dataclass(frozen=True)
class BestMetric:
    """The threshold at which a metric is highest.

    Attributes
    ----------
    metric : str or callable
        As in `tuned_threshold`.
    """

    metric: Any

    def tuned(self, truth: np.ndarray, scores: np.ndarray, parts: list, sample_weight=None) -> float:
        """The threshold for a task, see `averaged_threshold`."""
        return averaged_threshold(truth, scores, self.metric, parts, sample_weight)


Rule = FixedThreshold | BestMetric | Promise


def threshold_rules(threshold, images: LabelledImages) -> list[Rule]:
    """Convert the parameter `threshold` to one rule a task.

    Parameters
    ----------
    threshold : None, str, callable, float, array-like or dict
        Parameter of `OneVsRestCNNClassifier`.
    images : LabelledImages
        A callable is tried on their labels.

    Returns
    -------
    list of Rule

    Raises
    ------
    ValueError, TypeError
        If it is none of these, or a label of a dict belongs to no task.
    """
    labels = images.task_classes.tolist()
    if isinstance(threshold, dict) and not is_promise(threshold, labels):
        unknown = [plain(label) for label in threshold if label not in labels]
        if unknown:
            raise ValueError(
                f"threshold has labels that no task has: {unknown}; the tasks have {labels}. A promise for all of them "
                "has the key 'precision' or 'recall', such as {'precision': 0.9}."
            )
        return [_rule(threshold.get(label, DEFAULT), images) for label in labels]
    if isinstance(threshold, (str, dict)) or callable(threshold):
        return [_rule(threshold, images)] * len(labels)
    return [FixedThreshold(float(value)) for value in fixed_thresholds(threshold, len(labels))]


def is_tuned(rule: Rule) -> bool:
    """Whether a rule takes scores of images held out from training."""
    return not isinstance(rule, FixedThreshold)


def threshold_without_tuning(rule: Rule) -> float:
    """Threshold of a task that is not tuned."""
    return rule.value if isinstance(rule, FixedThreshold) else DEFAULT


def _rule(threshold, images: LabelledImages) -> Rule:
    """The rule of one task."""
    if isinstance(threshold, dict):
        return checked_promise(threshold)
    if isinstance(threshold, str) or callable(threshold):
        return BestMetric(checked_metric(threshold, _labels_of_a_task(images)))
    return FixedThreshold(float(fixed_thresholds(threshold, 1)[0]))


def _labels_of_a_task(images: LabelledImages) -> np.ndarray:
    """Known labels of the first task that has images with both."""
    for column in images.binary_labels.T:
        known = column[column != UNKNOWN].astype(int)
        if len(np.unique(known)) == 2:
            return known
    return np.array([0, 1])
