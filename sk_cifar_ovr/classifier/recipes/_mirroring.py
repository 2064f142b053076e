"""Whether training images may be mirrored, found from the images themselves."""

import math

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from ..._shared.label_matrices import UNKNOWN
from ..._shared.lazy_arrays import read

MAX_IMAGES = 1000
N_FOLDS = 4
# Side of the squares over which images are averaged, in squares an image.
GRID = 8
RIDGE_ALPHAS = np.logspace(-1, 4, 6)


def may_mirror(X, labels: np.ndarray) -> bool:
    """Whether mirror images still show their classes.

    A ridge regression of the labels on coarse pixels is tested on held-out images and on their mirror images. Where
    left and right matter, as in digits and text, it fails on the latter; in photographs of objects it is as good on
    both. If the images are too few to tell, they may be mirrored.

    Parameters
    ----------
    X : array, shape (n, h, w, c)
        At most 1,000 of the images are read.
    labels : ndarray of shape (n,), or of int, shape (n, K)
        Labels, or a label matrix.

    Returns
    -------
    bool
    """
    n_images = min(len(X), MAX_IMAGES)
    if n_images < 2 * N_FOLDS:
        return True
    rows = np.sort(np.random.default_rng(0).permutation(len(X))[:n_images])
    pixels = _coarse(read(X, rows))
    targets = _as_columns(labels[rows])
    as_given, mirrored = np.zeros_like(targets), np.zeros_like(targets)
    for train, test in KFold(N_FOLDS, shuffle=True, random_state=0).split(pixels):
        regression = RidgeCV(RIDGE_ALPHAS).fit(_flat(pixels[train]), targets[train])
        as_given[test] = regression.predict(_flat(pixels[test])).reshape(len(test), -1)
        mirrored[test] = regression.predict(_flat(pixels[test, :, ::-1])).reshape(len(test), -1)
    before, after = _correlations(as_given, targets), _correlations(mirrored, targets)
    # In standard errors of a correlation, of the mean over classes and of a single class.
    error = 1 / math.sqrt(n_images)
    fails = after.mean() < 0.75 * before.mean() and before.mean() - after.mean() > 2 * error / math.sqrt(len(before))
    one_fails = (after < 0.5 * before) & (before - after > 4 * error)
    return not (fails or one_fails.any())


def _coarse(images: np.ndarray) -> np.ndarray:
    """Images averaged over a grid of at most 8x8 squares, shape (n, rows, columns, c), values of order one."""
    coarse = images.astype("float32")
    for axis in (1, 2):
        parts = np.array_split(coarse, min(GRID, images.shape[axis]), axis=axis)
        coarse = np.concatenate([part.mean(axis=axis, keepdims=True) for part in parts], axis=axis)
    return coarse / max(float(coarse.std()), np.finfo("float32").tiny)


def _flat(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1)


def _as_columns(labels: np.ndarray) -> np.ndarray:
    """One column of 0 and 1 a class; what is not known is the mean of the column."""
    if labels.ndim == 1:
        return (labels[:, None] == np.unique(labels)).astype("float32")
    known = labels != UNKNOWN
    means = (labels * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, labels, means).astype("float32")


def _correlations(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Correlation of each column; 0 for a constant one."""
    predicted, targets = predicted - predicted.mean(axis=0), targets - targets.mean(axis=0)
    scale = np.sqrt((predicted**2).sum(axis=0) * (targets**2).sum(axis=0))
    return np.divide((predicted * targets).sum(axis=0), scale, out=np.zeros_like(scale), where=scale > 0)
