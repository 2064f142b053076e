"""Folds and held-out images that keep the shares of the labels."""

import warnings
from numbers import Integral

import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold, MultilabelStratifiedShuffleSplit
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    check_cv,
    train_test_split,
)

from .label_matrices import UNKNOWN

Split = tuple[np.ndarray, np.ndarray]
# These refuse a label matrix.
STRATIFIED = (RepeatedStratifiedKFold, StratifiedGroupKFold, StratifiedKFold, StratifiedShuffleSplit)


def stratified_folds(X, labels: np.ndarray, cv=None) -> list[Split]:
    """Split images into folds.

    Parameters
    ----------
    X : array-like, shape (n, ...)
    labels : ndarray, shape (n,) or (n, K)
        Labels, or a matrix of 0, 1 and `UNKNOWN`.
    cv : int, splitter, iterable or None, default=None
        As in scikit-learn; None is 5. A number of folds are stratified: by scikit-learn's `StratifiedKFold`, or by
        iterative stratification of a matrix, in which entries that are not known have columns of their own.

    Returns
    -------
    list of (train, test)
        Indices.

    Raises
    ------
    ValueError
        If there are more folds than images of the most frequent label, or the splitter does not take the labels.
    """
    strata, cv = _strata(labels), 5 if cv is None else cv
    if strata.ndim == 1:
        splitter = check_cv(cv, strata, classifier=True)
        largest = np.unique(strata, return_counts=True)[1].max()
        if isinstance(cv, Integral) and cv > largest:
            raise ValueError(
                f"cv={cv} folds need {cv} images of a class, and the most frequent class has {largest}: use fewer."
            )
    elif isinstance(cv, Integral):
        # Unlike scikit-learn's, it draws at random even without shuffling.
        splitter = MultilabelStratifiedKFold(cv, shuffle=True, random_state=0)
    elif isinstance(cv, STRATIFIED):
        raise ValueError(
            f"cv={cv!r} takes one label an image, and the labels are a matrix: pass the number of folds, which are "
            "then stratified too, or KFold."
        )
    else:
        splitter = check_cv(cv)
    with warnings.catch_warnings():
        # Whoever tunes on the folds tells which classes are too rare for it.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(splitter.split(X, strata))


def stratified_split(labels: np.ndarray, test_size: float, seed: int) -> Split:
    """Hold out a share of the images.

    Parameters
    ----------
    labels : ndarray, shape (n,) or (n, K)
        Labels, or a matrix of 0, 1 and `UNKNOWN`. The only image of a label is not held out.
    test_size : float
        Share of the images to hold out.
    seed : int

    Returns
    -------
    train, test : ndarray of int

    Raises
    ------
    ValueError
        If there are too few images.
    """
    strata, everything = _strata(labels), np.arange(len(labels))
    if strata.ndim == 2:
        splitter = MultilabelStratifiedShuffleSplit(1, test_size=test_size, random_state=seed)
        train, test = next(splitter.split(everything, strata))
        is_alone = np.zeros(len(labels), bool)
        for label in (0, 1):
            has_label = np.asarray(labels == label)
            is_alone |= has_label[:, has_label.sum(axis=0) == 1].any(axis=1)
        stays = is_alone[test]
        if stays.all():
            raise ValueError(f"With test_size={test_size}, every image held out would be the only one of some label.")
        return np.concatenate([train, test[stays]]), test[~stays]
    _, groups, counts = np.unique(strata, return_inverse=True, return_counts=True)
    is_alone = counts[groups] == 1
    rest = everything[~is_alone]
    train, test = train_test_split(rest, test_size=test_size, stratify=strata[~is_alone], random_state=seed)
    return np.concatenate([train, everything[is_alone]]), test


def _strata(labels: np.ndarray) -> np.ndarray:
    """Labels whose shares are kept: plain ones, or a bool matrix with columns for 1, for 0 and for what is unknown."""
    if labels.ndim == 1:
        return labels
    if labels.shape[1] == 1:
        return labels[:, 0]
    unknown = labels == UNKNOWN
    return np.hstack([labels == 1, labels == 0, unknown[:, unknown.any(axis=0)]])
