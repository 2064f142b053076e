"""The split of a dataset that has no test part: a stratified fifth, without classes that are too small."""

import numpy as np

from ..._shared.label_matrices import label_matrix
from ..._shared.stratification import Split, stratified_split

TEST_SIZE = 0.2
# A fifth of a smaller class is not one image.
MIN_MEASURED = 5


def hold_out(target: np.ndarray, seed: int, groups: np.ndarray | None = None) -> Split:
    """Hold out a stratified fifth.

    Without groups, all images of classes with fewer than five images stay in training, unless fewer than two classes
    are larger.

    Parameters
    ----------
    target : ndarray of int, shape (n,), or of numbers, shape (n, K)
        Class indices, or a label matrix of 0, 1 and NaN.
    seed : int
    groups : ndarray of shape (n,) or None, default=None
        Groups of images that are held out together or not at all.

    Returns
    -------
    train, test : ndarray of int, sorted if there are no groups and some class is too small

    Raises
    ------
    ValueError
        If there are too few images or groups.
    """
    labels = label_matrix(target)[0] if target.ndim == 2 else target
    stays = np.zeros(len(target), bool) if groups is not None else _of_small_classes(target)
    rest = np.flatnonzero(~stays)
    train, test = stratified_split(labels[rest], TEST_SIZE, seed, groups)
    if not stays.any():
        return train, test
    return np.sort(np.concatenate([rest[train], np.flatnonzero(stays)])), rest[test]


def class_sizes(target: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the number of images of each class, shape (n_classes,)."""
    return np.bincount(target, minlength=n_classes) if target.ndim == 1 else (target == 1).sum(axis=0)


def _of_small_classes(target: np.ndarray) -> np.ndarray:
    """Whether an image is of a class that is too small to be split; nowhere if that leaves fewer than two classes."""
    sizes = class_sizes(target, 0)
    is_small = sizes < MIN_MEASURED
    if np.count_nonzero(~is_small) < 2:
        return np.zeros(len(target), bool)
    return is_small[target] if target.ndim == 1 else (target[:, is_small] == 1).any(axis=1)
