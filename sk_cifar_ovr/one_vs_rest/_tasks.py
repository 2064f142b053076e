"""K binary tasks, "class k or the rest": what is needed to train them, and what is left."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..classifier import CNNClassifier, FitMode, LabelledImages
from ..engine import FittedNetwork
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

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Probabilities of the rest and of the class, shape (n, K, 2)."""
        if self.joint is not None:
            return self.joint.predict(X)
        return np.stack([estimator.network_.predict(X) for estimator in self.estimators], axis=1)

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
        1 for the class of a task, 0 for the rest.
    mode : FitMode
    samplers : list of ImageTaskSampler, or None
    joint : FittedNetwork or None
        From which heads on one trunk continue.
    """

    estimators: list[Any]
    images: LabelledImages
    labels: np.ndarray
    mode: FitMode
    samplers: list[ImageTaskSampler] | None = None
    joint: FittedNetwork | None = None


def binary_labels(images: LabelledImages) -> np.ndarray:
    """Label of each image in each task, (n, K); two classes make one task, that of the second."""
    classes = images.classes
    positives = classes[1:] if len(classes) == 2 else classes
    return (np.asarray(images.y)[:, None] == positives).astype("int8")
