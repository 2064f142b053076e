"""Settings of K binary tasks, from which they are trained on any part of the images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from .._shared.progress import Progress
from ..classifier import FitMode, LabelledImages, copy_fitted
from ._independent_training import fit_independently
from ._joint_training import fit_jointly
from ._task_samplers import ImageTaskSampler
from ._tasks import FittedTasks, Tasks

EQUAL = {0: 1.0, 1: 1.0}


@dataclass(frozen=True)
class TaskSettings:
    """Settings of K binary tasks.

    Attributes
    ----------
    base : CNNClassifier or a search over one
        Settings of each task.
    strategy : {"joint", "independent"}
    class_weight : list of ("balanced", dict or None), or None
        Of each task; None leaves that of `base`.
    n_jobs : int or None
        Processes for "independent".
    samplers : list of (ImageTaskSampler or None), or None
        Of each task.
    """

    base: Any
    strategy: str
    class_weight: list | None
    n_jobs: int | None
    samplers: Sequence[ImageTaskSampler | None] | None = None

    def plain_for(self, tasks: np.ndarray) -> "TaskSettings":
        """The settings with equal class weights and without resampling for some tasks.

        Parameters
        ----------
        tasks : ndarray of bool, shape (K,)
            True for tasks that have too few images of a label for weights and samplers.
        """
        if not tasks.any():
            return self
        weights = self.class_weight or [None] * len(tasks)
        return replace(
            self,
            class_weight=[EQUAL if is_plain else w for is_plain, w in zip(tasks, weights, strict=True)],
            samplers=self.samplers
            and [None if is_plain else s for is_plain, s in zip(tasks, self.samplers, strict=True)],
        )

    def of_tasks(self, tasks: np.ndarray) -> "TaskSettings":
        """The settings of some of the tasks.

        Parameters
        ----------
        tasks : ndarray of int
            Their indices.
        """
        return replace(
            self,
            class_weight=self.class_weight and [self.class_weight[k] for k in tasks],
            samplers=self.samplers and [self.samplers[k] for k in tasks],
        )

    def fit(
        self, images: LabelledImages, mode: FitMode, progress: Progress, earlier: FittedTasks | None = None
    ) -> FittedTasks:
        """Train all tasks.

        Parameters
        ----------
        images : LabelledImages
        mode : FitMode
        progress : Progress
        earlier : FittedTasks or None, default=None
            From which the training continues.

        Returns
        -------
        FittedTasks
        """
        labels = images.binary_labels
        estimators = [
            clone(self.base) if weight is None else clone(self.base).set_params(class_weight=weight)
            for weight in self.class_weight or [None] * labels.shape[1]
        ]
        if earlier is not None:
            for fitted, estimator in zip(earlier.estimators, estimators, strict=True):
                copy_fitted(fitted, estimator)
        joint = None if earlier is None else earlier.joint
        tasks = Tasks(estimators, images, labels, mode, self.samplers, joint)
        if self.strategy == "joint" and labels.shape[1] > 1:
            return fit_jointly(tasks, progress)
        return fit_independently(tasks, self.n_jobs, progress)
