"""Train K separate networks: one after another, side by side, or in several processes."""

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from .._shared.label_matrices import UNKNOWN
from .._shared.progress import Progress
from ..classifier import FitMode, LabelledImages, TaskSampler, ValidationSplitError, fit_classifier
from ._joint_training import fit_side_by_side, goes_side_by_side
from ._searches import fitted_search, found_classifier, inner_classifier, is_search
from ._tasks import BINARY, FittedTasks, Tasks

logger = logging.getLogger(__name__)

# Lost workers in one fit; more than that is no accident.
MAX_LOSSES = 3


def fit_independently(tasks: Tasks, n_jobs: int | None, progress: Progress) -> FittedTasks:
    """Train one network a task.

    Parameters
    ----------
    tasks : Tasks
    n_jobs : int or None
        Processes; None is one, which trains in this process.
    progress : Progress

    Raises
    ------
    ValueError
        If the first call of `partial_fit` has a task without a known label, from which no network can start.
    """
    _check_first_call(tasks)
    in_processes = effective_n_jobs(n_jobs) > 1
    if not in_processes and goes_side_by_side(tasks):
        progress.now(f"{len(tasks.estimators)} networks side by side")
        return fit_side_by_side(tasks, progress)
    images, mode = tasks.images, tasks.mode
    samplers: Any = tasks.samplers or [None] * len(tasks.estimators)
    columns = zip(tasks.estimators, tasks.labels.T, samplers, strict=True)
    if in_processes:
        # Images go as they are: joblib and Dask know by identity what the workers have already.
        rest = (images.sample_weight, images.groups)
        calls = [
            delayed(fit_in_worker)(estimator, images.X, (labels, BINARY, *rest), sampler, mode)
            for estimator, labels, sampler in columns
        ]
        results = _results_of_workers(calls, n_jobs)
    else:
        results = (
            fit_task(estimator, replace(images, y=labels, classes=BINARY), sampler, mode, progress)
            for estimator, labels, sampler in columns
        )
    epochs = sum(mode.epochs(inner_classifier(tasks.estimators[0])))
    fitted: list = []
    while len(fitted) < len(tasks.estimators):
        progress.now(f"class {len(fitted) + 1}/{len(tasks.estimators)}")
        fitted.append(next(results))
        if in_processes or is_search(fitted[-1]):
            progress.advance(len(images.y) * epochs, epoch=epochs - 1)
    searches = [result for result in fitted if is_search(result)]
    return FittedTasks([found_classifier(result) for result in fitted], None, searches or None)


def _check_first_call(tasks: Tasks) -> None:
    empty = tasks.images.task_classes[(tasks.images.label_counts() == 0).all(axis=1)].tolist()
    if empty and not tasks.mode.continues:
        raise ValueError(
            f"No label of {', '.join(map(repr, empty))} is known, and the first call of partial_fit with "
            "strategy='independent' needs a known label in every column: start with other images."
        )


def fit_task(estimator, images: LabelledImages, sampler: TaskSampler | None, mode: FitMode, progress: Progress) -> Any:
    """Fit one binary classifier, or a search over one, on the images whose label, 0 or 1, is known.

    If these are too few for a validation split, the classifier is trained without one.
    """
    known = images.y != UNKNOWN
    n_unknown = int((~known).sum())
    if not (known & images.has_weight).any():
        # A call of `partial_fit` that tells this task nothing.
        progress.skip(len(images.y))
        return estimator
    if n_unknown:
        images = images[np.flatnonzero(known)]
    images = replace(images, y=images.y.astype(int), classes=BINARY)
    if is_search(estimator):
        return fitted_search(estimator, images)
    try:
        fitted = fit_classifier(estimator, images, mode, sampler=sampler, progress=progress)
    except ValidationSplitError:
        if not n_unknown:
            raise
        estimator.set_params(early_stopping=False, validation_fraction=None)
        fitted = fit_classifier(estimator, images, mode, sampler=sampler, progress=progress)
    progress.skip(n_unknown * sum(mode.epochs(estimator)))
    return fitted


def fit_in_worker(estimator, X, rest: tuple, sampler: TaskSampler | None, mode: FitMode) -> Any:
    """Fit one task on images and the rest of a `LabelledImages`; at module level, for worker processes to import."""
    return fit_task(estimator, LabelledImages(X, *rest), sampler, mode, Progress(0))


def _results_of_workers(calls: list, n_jobs) -> Iterator[Any]:
    """Results in the order of the calls; calls that a lost worker did not finish are made again."""
    backend, _ = get_active_backend()
    # Ray's backend gives all results at once, or none.
    return_as = "generator" if backend.supports_return_generator else "list"
    done, losses = 0, 0
    while done < len(calls):
        try:
            for result in Parallel(n_jobs=n_jobs, return_as=return_as)(calls[done:]):
                done += 1
                yield result
        except CancelledError:
            # Dask runs a lost worker's calls again, unless the only copy of their data died with it.
            losses += 1
            if losses > MAX_LOSSES:
                raise
            logger.warning("A worker was lost; %d of %d tasks are trained again", len(calls) - done, len(calls))
