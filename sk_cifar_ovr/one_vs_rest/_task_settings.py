"""Settings of K binary tasks, from which they are trained on any part of the images."""

from dataclasses import dataclass
from typing import Any

from sklearn.base import clone

from .._shared.progress import Progress
from ..classifier import FitMode, LabelledImages, copy_fitted
from ._independent_training import fit_independently
from ._joint_training import fit_jointly
from ._task_samplers import ImageTaskSampler
from ._tasks import FittedTasks, Tasks, binary_labels


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
    samplers : list of ImageTaskSampler, or None
        Of each task.
    """

    base: Any
    strategy: str
    class_weight: list | None
    n_jobs: int | None
    samplers: list[ImageTaskSampler] | None = None

    def fit(
        self, images: LabelledImages, mode: FitMode, progress: Progress, earlier: FittedTasks | None = None
    ) -> FittedTasks:
        """Train all tasks.

        Parameters
        ----------
        images : LabelledImages
            Two classes make one task, that of the second.
        mode : FitMode
        progress : Progress
        earlier : FittedTasks or None, default=None
            From which the training continues.

        Returns
        -------
        FittedTasks
        """
        labels = binary_labels(images)
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
