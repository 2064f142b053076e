"""Train and ask K binary problems together (one trunk, K heads) or one network each."""

from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone

from ._fitting import FittedNetwork, class_weights, make_job, run_job
from ._progress import Progress
from .classifier import CNNClassifier


@dataclass(frozen=True)
class FittedProblems:
    """K trained binary classifiers.

    Attributes
    ----------
    estimators : list of CNNClassifier
    joint : FittedNetwork or None
        The trunk with its K heads, which answers all problems in one pass.
    """

    estimators: list[CNNClassifier]
    joint: FittedNetwork | None

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Probabilities of "others" and "the class", shape (n, K, 2)."""
        if self.joint is not None:
            return self.joint.predict(X)
        return np.stack([estimator._network.predict(X) for estimator in self.estimators], axis=1)


@dataclass(frozen=True)
class Problems:
    """K binary problems to be trained.

    Attributes
    ----------
    base : CNNClassifier
        Settings of each.
    strategy : {"joint", "independent"}
    class_weights : list of (None, "balanced" or dict), or None
        Of each problem; None leaves those of `base`.
    n_jobs : int or None
    """

    base: CNNClassifier
    strategy: str
    class_weights: list | None
    n_jobs: int | None

    def fit(self, X, y, classes, sample_weight, progress: Progress) -> FittedProblems:
        """Train all problems on checked data.

        Parameters
        ----------
        X : ndarray, shape (n, ...)
        y : ndarray of shape (n,)
        classes : ndarray of shape (n_classes,)
            Two make one problem, whose positive class is the second.
        sample_weight : ndarray of shape (n,) or None
        progress : Progress

        Returns
        -------
        FittedProblems
        """
        positives = classes[1:] if len(classes) == 2 else classes
        class_weights = self.class_weights or [None] * len(positives)
        bases = [
            clone(self.base) if weight is None else clone(self.base).set_params(class_weight=weight)
            for weight in class_weights
        ]
        if self.strategy == "joint" and len(positives) > 1:
            return _fit_joint(bases, X, y, positives, sample_weight, progress)
        return _fit_independent(bases, X, y, positives, sample_weight, progress, self.n_jobs)


def _fit_independent(bases, X, y, positives, sample_weight, progress, n_jobs) -> FittedProblems:
    if effective_n_jobs(n_jobs) > 1:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        results = parallel(
            delayed(fit_binary)(base, X, y == label, sample_weight)
            for base, label in zip(bases, positives, strict=True)
        )
        estimators = []
        for base, fitted in zip(bases, results, strict=True):
            estimators.append(fitted)
            progress.now(f"class {len(estimators)}/{len(positives)}")
            progress.advance(len(X) * base.epochs, epoch=base.epochs - 1)
        return FittedProblems(estimators, None)
    estimators = []
    for k, (base, label) in enumerate(zip(bases, positives, strict=True), start=1):
        progress.now(f"class {k}/{len(positives)}")
        estimators.append(fit_binary(base, X, y == label, sample_weight, progress))
    return FittedProblems(estimators, None)


def fit_binary(estimator: CNNClassifier, X, positive, sample_weight, progress=None) -> CNNClassifier:
    """Fit one binary problem; at module level, so that worker processes can import it."""
    silent = Progress(0) if progress is None else progress
    return estimator._fit(X, positive.astype(int), sample_weight, progress=silent)


def _fit_joint(bases, X, y, positives, sample_weight, progress) -> FittedProblems:
    labels = np.stack([y == label for label in positives], axis=1).astype("int8")
    base = bases[0]
    job = make_job(base, X, labels[:, 0].astype(int))
    spec = replace(job.spec, n_heads=len(positives))
    joint_job = replace(job, spec=spec)
    trained = run_job(
        joint_job,
        labels=labels,
        class_weights=_joint_class_weights(bases, labels, sample_weight),
        sample_weight=sample_weight,
        stratify=y,
        epochs=base.epochs,
        progress=progress,
    )
    estimators = [
        estimator._adopt(job.bridge, job.fitted(replace(trained, state=state)), trained.history)
        for estimator, state in zip(bases, trained.heads, strict=True)
    ]
    return FittedProblems(estimators, joint_job.fitted(trained))


def _joint_class_weights(bases, labels, sample_weight) -> np.ndarray | None:
    """Weights of "others" and "the class" in each problem, (K, 2)."""
    if all(base.class_weight is None for base in bases):
        return None
    given = [
        class_weights(base.class_weight, np.array([0, 1]), column, sample_weight)
        for base, column in zip(bases, labels.T, strict=True)
    ]
    return np.stack([np.ones(2) if weights is None else weights for weights in given])
