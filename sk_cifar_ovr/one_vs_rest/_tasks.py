"""Train and ask K binary problems: as heads on one trunk, or as networks one after another or side by side."""

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.base import clone

from .._shared.progress import Progress
from ..classifier import CNNClassifier, class_weights, make_job, run_job
from ..engine import FittedNetwork
from ..engine.compiled import borrow, side_by_side_pays
from ._searches import fitted_search, found_classifier, inner_classifier, is_search
from ._task_sampler import ProblemSampler

logger = logging.getLogger(__name__)

BINARY = np.array([0, 1])
# Of workers in one fit; more than that is no accident.
MAX_LOSSES = 3


@dataclass(frozen=True)
class FittedProblems:
    """K trained binary classifiers.

    Attributes
    ----------
    estimators : list of CNNClassifier
    joint : FittedNetwork or None
        The trunk with its K heads, which answers all problems in one pass.
    searches : list of fitted searches, or None
        Where each problem chose its own settings.
    """

    estimators: list[CNNClassifier]
    joint: FittedNetwork | None
    searches: list | None = None

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Probabilities of "others" and "the class", shape (n, K, 2)."""
        if self.joint is not None:
            return self.joint.predict(X)
        return np.stack([estimator._network.predict(X) for estimator in self.estimators], axis=1)

    def history(self) -> dict[str, list[float]]:
        """Mean over the problems of each epoch; those that stopped early are left out of later epochs."""
        histories = [estimator.history_ for estimator in self.estimators]
        names = {name: max(len(history[name]) for history in histories) for name in histories[0]}
        return {
            name: [float(np.mean([h[name][i] for h in histories if i < len(h[name])])) for i in range(length)]
            for name, length in names.items()
        }


@dataclass(frozen=True)
class Problems:
    """K binary problems to be trained.

    Attributes
    ----------
    base : CNNClassifier or a search over one
        Settings of each.
    strategy : {"joint", "independent"}
    class_weights : list of (None, "balanced" or dict), or None
        Of each problem; None leaves those of `base`.
    n_jobs : int or None
    samplers : list of ProblemSampler, or None
        Of each problem.
    """

    base: Any
    strategy: str
    class_weights: list | None
    n_jobs: int | None
    samplers: list[ProblemSampler] | None = None

    def fit(
        self, X, y, classes, sample_weight, progress: Progress, *, earlier: FittedProblems | None = None, **how
    ) -> FittedProblems:
        """Train all problems on checked data.

        Parameters
        ----------
        X : ndarray, shape (n, ...)
        y : ndarray of shape (n,)
        classes : ndarray of shape (n_classes,)
            Two make one problem, whose positive class is the second.
        sample_weight : ndarray of shape (n,) or None
        progress : Progress
        earlier : FittedProblems or None
            Where to go on from.
        **how
            Of `CNNClassifier._fit`: epochs, keep_optimizer.

        Returns
        -------
        FittedProblems
        """
        labels = binary_labels(y, classes)
        class_weights = self.class_weights or [None] * labels.shape[1]
        bases = [
            clone(self.base) if weight is None else clone(self.base).set_params(class_weight=weight)
            for weight in class_weights
        ]
        if earlier is not None:
            for base, fitted in zip(bases, earlier.estimators, strict=True):
                base._take_over(fitted)
        if self.strategy == "joint" and labels.shape[1] > 1:
            how["sampler"] = self.samplers
            return _fit_together(bases, X, y, labels, sample_weight, progress, earlier, **how)
        how["go_on"] = earlier is not None
        return _fit_independent(bases, X, labels, sample_weight, progress, self.n_jobs, self.samplers, **how)


def binary_labels(y, classes) -> np.ndarray:
    """Label of each row in each problem, (n, K); two classes make one problem."""
    positives = classes[1:] if len(classes) == 2 else classes
    return (np.asarray(y)[:, None] == positives).astype("int8")


def _fit_independent(bases, X, labels, sample_weight, progress, n_jobs, samplers, **how) -> FittedProblems:
    epochs = sum(inner_classifier(bases[0])._planned_epochs(how.get("epochs"), how["go_on"]))
    problems = list(zip(bases, labels.T, samplers or [None] * len(bases), strict=True))
    apart = effective_n_jobs(n_jobs) > 1
    if not apart and len(bases) > 1 and samplers is None and _go_side_by_side(bases[0], X, labels, **how):
        progress.now(f"{len(bases)} networks side by side")
        return _fit_together(bases, X, labels[:, 0], labels, sample_weight, progress, None, shares_trunk=False)
    if apart:
        tasks = [
            delayed(fit_binary)(base, X, column, sample_weight, sampler=sampler, **how)
            for base, column, sampler in problems
        ]
        results = _results_of_processes(tasks, n_jobs)
    else:
        results = (
            fit_binary(base, X, column, sample_weight, progress, sampler=sampler, **how)
            for base, column, sampler in problems
        )
    fitted: list = []
    while len(fitted) < len(bases):
        progress.now(f"class {len(fitted) + 1}/{len(bases)}")
        fitted.append(next(results))
        if apart or is_search(fitted[-1]):
            progress.advance(len(X) * epochs, epoch=epochs - 1)
    searches = [result for result in fitted if is_search(result)]
    return FittedProblems([found_classifier(result) for result in fitted], None, searches or None)


def _results_of_processes(tasks: list, n_jobs) -> Iterator[Any]:
    """Results of tasks in their order; those that a lost worker took with it are done again."""
    backend, _ = get_active_backend()
    # Ray's backend gives all results at once, or none.
    return_as = "generator" if backend.supports_return_generator else "list"
    done, losses = 0, 0
    while done < len(tasks):
        try:
            for result in Parallel(n_jobs=n_jobs, return_as=return_as)(tasks[done:]):
                done += 1
                yield result
        except CancelledError:
            # Dask runs a lost worker's tasks again, unless the only copy of their data died with it.
            losses += 1
            if losses > MAX_LOSSES:
                raise
            logger.warning("A worker was lost; %d of %d problems are trained again", len(tasks) - done, len(tasks))


def fit_binary(estimator, X, labels, sample_weight, progress=None, *, sampler=None, **how):
    """Fit one binary problem; at module level, so that worker processes can import it."""
    labels = labels.astype(int)
    if is_search(estimator):
        return fitted_search(estimator, X, labels, sample_weight)
    silent = Progress(0) if progress is None else progress
    return estimator._fit(X, labels, sample_weight, classes=BINARY, sampler=sampler, progress=silent, **how)


def _go_side_by_side(base, X, labels, *, go_on, epochs=None, keep_optimizer=False) -> bool:
    """Whether K networks are trained in one program, which answers as K programs do but sooner.

    They share the order of the rows and the draws of the augmentation, as equal seeds do; whatever belongs to one
    network alone (its validation rows, its batches, a norm over all gradients) keeps them apart.
    """
    if is_search(base) or go_on or keep_optimizer or not isinstance(base.random_state, Integral):
        return False
    own_rows = base.early_stopping or base.validation_fraction is not None or base.balanced_batches
    if own_rows or base.warm_start or base.callbacks or base.head_epochs:
        return False
    job = make_job(base, X, labels[:, 0].astype(int), classes=BINARY)
    _, optimizer = job.bridge.compiled_parts()
    if optimizer.global_clipnorm is not None or job.pretrained is not None:
        return False
    with borrow(job.spec, job.seed) as network:
        adapts = any(hasattr(layer, "adapt_to_images") for layer in network.model.layers)
        batch_size = min(base.batch_size, len(X))
        n_steps = -(-len(X) // batch_size) * (epochs or base.epochs)
        pays = side_by_side_pays(network.model, batch_size, n_steps, labels.shape[1])
        return pays and not adapts and not network.model.losses and not network.is_frozen()


def _fit_together(
    bases,
    X,
    y,
    labels,
    sample_weight,
    progress,
    earlier,
    *,
    shares_trunk=True,
    sampler=None,
    epochs=None,
    keep_optimizer=False,
) -> FittedProblems:
    base = bases[0]
    trunk = None if earlier is None else earlier.joint
    job = make_job(base, X, labels[:, 0].astype(int), classes=BINARY, earlier=trunk)
    together = replace(job, spec=replace(job.spec, n_heads=labels.shape[1], shares_trunk=shares_trunk))
    epochs, head_epochs = base._planned_epochs(epochs, trunk is not None)
    trained = run_job(
        together,
        labels=labels,
        weigh=partial(_joint_class_weights, bases),
        sample_weight=sample_weight,
        stratify=y,
        epochs=epochs,
        head_epochs=head_epochs,
        sampler=sampler,
        progress=progress,
        keep_optimizer=keep_optimizer or base.warm_start,
    )
    single = replace(trained, optimizer_state=None)
    estimators = []
    for k, (estimator, state) in enumerate(zip(bases, trained.heads, strict=True)):
        history = trained.history if shares_trunk else {"loss": [float(losses[k]) for losses in trained.losses]}
        network = job.fitted(replace(single, state=state))
        estimators.append(estimator._adopt(job.bridge, network, history, go_on=trunk is not None))
    return FittedProblems(estimators, together.fitted(trained) if shares_trunk else None)


def _joint_class_weights(bases, labels, sample_weight) -> np.ndarray | None:
    """Weights of "others" and "the class" in each problem, (K, 2)."""
    if all(base.class_weight is None for base in bases):
        return None
    # One weight a row, or one a row and problem.
    weights = [None] * len(bases) if sample_weight is None else np.broadcast_to(sample_weight.T, labels.T.shape)
    given = [
        class_weights(base.class_weight, BINARY, column, weight)
        for base, column, weight in zip(bases, labels.T, weights, strict=True)
    ]
    return np.stack([np.ones(2) if weights is None else weights for weights in given])
