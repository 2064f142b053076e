"""Which rows a fit trains on and which it holds out, and what samplers make of the former."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

VALIDATION_FRACTION = 0.1


@dataclass(frozen=True)
class Material:
    """Images, labels and weights, and which of the rows are for what.

    Attributes
    ----------
    X : ndarray, shape (n, ...)
    labels : ndarray of int, shape (n,) or (n, K)
    weights : ndarray of float, shape (n,) or (n, K), or None
    groups : ndarray of shape (n,)
        Classes that a split keeps in proportion, and balanced batches are drawn from.
    train, validation : ndarray of int
        Rows to train on, of which some may come several times, and rows held out.
    counts : ndarray of int, shape (n, K), or None
        How often each of K problems has a row, where that differs; `weights` include it.
    """

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None
    groups: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    counts: np.ndarray | None = None

    def resampled(self, sampler: Any) -> "Material":
        """The same with other rows to train on.

        Parameters
        ----------
        sampler : ProblemSampler, or one for each of K problems
        """
        if isinstance(sampler, list):
            return self._counted(sampler)
        if sampler.picks:
            return replace(self, train=sampler.pick(self.X, self.labels, self.train))
        held_out, weights = self.validation, self.weights
        X, labels, weights = sampler.make(
            self.X[self.train], self.labels[self.train], None if weights is None else weights[self.train]
        )
        n_new = len(X)
        if len(held_out):
            X = np.concatenate([X, self.X[held_out]])
            labels = np.concatenate([labels, self.labels[held_out]])
            weights = weights if self.weights is None else np.concatenate([weights, self.weights[held_out]])
        return Material(X, labels, weights, labels, np.arange(n_new), np.arange(n_new, len(X)))

    def _counted(self, samplers: list) -> "Material":
        """Problems that share every batch: a row that one of them picked twice weighs two there."""
        picked = [s.pick(self.X, column, self.train) for s, column in zip(samplers, self.labels.T, strict=True)]
        counts = np.stack([np.bincount(rows, minlength=len(self.X)) for rows in picked], axis=1)
        weights = np.ones(len(self.X)) if self.weights is None else self.weights
        by_problem = counts * weights[:, None]
        by_problem[self.validation] = weights[self.validation, None]
        train = self.train[counts[self.train].any(axis=1)]
        return replace(self, weights=by_problem, counts=counts, train=train)


def split(X, labels, weights, groups, settings, seed: int) -> Material:
    """Hold rows out where `validation_fraction` or `early_stopping` ask for it; leave out those without weight.

    Parameters
    ----------
    X : ndarray, shape (n, ...)
    labels : ndarray of int, shape (n,) or (n, K)
    weights : ndarray of float, shape (n,), or None
    groups : ndarray of shape (n,)
    settings : CNNClassifier
        Its parameters count.
    seed : int

    Returns
    -------
    Material

    Raises
    ------
    ValueError
        If the split cannot be made, or a part of it has no weight.
    """
    train, validation = _parts(len(X), groups, settings, seed)
    if weights is not None:
        train, validation = train[weights[train] > 0], validation[weights[validation] > 0]
    if not len(train) or (settings.early_stopping and not len(validation)):
        raise ValueError(
            "The validation split left one part without a row that has weight: change validation_fraction or give "
            "more rows a weight."
        )
    return Material(X, labels, weights, groups, train, validation)


def _parts(n_rows, groups, settings, seed):
    everything = np.arange(n_rows)
    fraction = settings.validation_fraction
    if fraction is None and settings.early_stopping:
        fraction = VALIDATION_FRACTION
    if fraction is None:
        return everything, everything[:0]
    try:
        return train_test_split(everything, test_size=fraction, stratify=groups, random_state=seed)
    except ValueError as error:
        raise ValueError(
            f"{error} This is the stratified split that validation_fraction={fraction} (early_stopping takes a tenth "
            "without it) asks for: use a larger share, more rows, or neither."
        ) from error
