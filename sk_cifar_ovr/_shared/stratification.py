"""Folds and held-out images that keep the shares of the labels, and groups of images together."""

import warnings
from numbers import Integral

import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold, MultilabelStratifiedShuffleSplit
from scipy.sparse import csr_matrix, hstack
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    check_cv,
    train_test_split,
)
from sklearn.utils.metadata_routing import get_routing_for_object

from .groups import group_codes
from .label_matrices import UNKNOWN

Split = tuple[np.ndarray, np.ndarray]
# These refuse a label matrix.
STRATIFIED = (RepeatedStratifiedKFold, StratifiedGroupKFold, StratifiedKFold, StratifiedShuffleSplit)


def stratified_folds(X, labels: np.ndarray, cv=None, groups=None) -> list[Split]:
    """Split images into folds.

    Parameters
    ----------
    X : array-like, shape (n, ...)
    labels : ndarray, shape (n,) or (n, K)
        Labels, or a matrix of 0, 1 and `UNKNOWN`.
    cv : int, splitter, iterable or None, default=None
        As in scikit-learn; None is 5. A number of folds are stratified: by scikit-learn's `StratifiedKFold`, or by
        iterative stratification of a matrix, in which entries that are not known have columns of their own.
    groups : array-like of shape (n,) or None, default=None
        Images of one group are on one side of every fold. A number of folds are then those of scikit-learn's
        `StratifiedGroupKFold`. For a matrix, groups go one after another, large ones first, to the fold that has the
        smallest shares of their labels. A splitter gets the groups.

    Returns
    -------
    list of (train, test)
        Indices.

    Raises
    ------
    ValueError
        If there are more folds than groups or than images of the most frequent label, the splitter does not take the
        labels, it needs groups and there are none, or it cuts a group.
    """
    strata, cv, groups = _strata(labels), 5 if cv is None else cv, group_codes(groups, len(labels))
    if isinstance(cv, Integral) and groups is not None and cv > groups.max() + 1:
        raise ValueError(
            f"cv={cv} folds need {cv} groups, and groups holds {groups.max() + 1}: use fewer folds, or smaller groups."
        )
    if strata.ndim == 1:
        is_number = isinstance(cv, Integral)
        splitter = check_cv(cv, strata, classifier=True)
        largest = np.unique(strata, return_counts=True)[1].max()
        if is_number and cv > largest:
            raise ValueError(
                f"cv={cv} folds need {cv} images of a class, and the most frequent class has {largest}: use fewer."
            )
        if is_number and groups is not None:
            splitter = StratifiedGroupKFold(cv)
    elif isinstance(cv, Integral):
        if groups is not None:
            return _grouped_folds(labels, groups, int(cv))
        # Unlike scikit-learn's, it draws at random even without shuffling.
        splitter = MultilabelStratifiedKFold(cv, shuffle=True, random_state=0)
    elif isinstance(cv, STRATIFIED):
        raise ValueError(
            f"cv={cv!r} takes one label an image, and the labels are a matrix: pass the number of folds, which are "
            "then stratified too, or KFold."
        )
    else:
        splitter = check_cv(cv)
    return _folds_of(splitter, X, strata, groups)


def stratified_split(labels: np.ndarray, test_size: float, seed: int, groups=None) -> Split:
    """Hold out a share of the images.

    Parameters
    ----------
    labels : ndarray, shape (n,) or (n, K)
        Labels, or a matrix of 0, 1 and `UNKNOWN`. The only image of a label is not held out.
    test_size : float
        Share of the images to hold out.
    seed : int
    groups : array-like of shape (n,) or None, default=None
        Images of one group are held out together, or not at all. Groups go one after another, large ones first, to
        the part that lacks their labels most, so that the share held out is only near `test_size` if groups are
        large. The last group with a label is not held out. Groups of similar size are taken in random order.

    Returns
    -------
    train, test : ndarray of int

    Raises
    ------
    ValueError
        If there are too few images or groups.
    """
    groups = group_codes(groups, len(labels))
    if groups is not None:
        return _grouped_split(labels, test_size, seed, groups)
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
    _, classes, counts = np.unique(strata, return_inverse=True, return_counts=True)
    is_alone = counts[classes] == 1
    rest = everything[~is_alone]
    train, test = train_test_split(rest, test_size=test_size, stratify=strata[~is_alone], random_state=seed)
    return np.concatenate([train, everything[is_alone]]), test


def check_needs_no_groups(splitter) -> None:
    """Refuse a splitter that splits by groups, such as `GroupKFold`.

    Raises
    ------
    ValueError
        The message says how to give groups.
    """
    requested = getattr(get_routing_for_object(splitter), "split", None)
    if requested is not None and requested.requests.get("groups") is True:
        raise ValueError(
            f"cv={splitter!r} splits by groups, and there are none: pass fit(X, y, groups=...), one label an image."
        )


def _strata(labels: np.ndarray) -> np.ndarray:
    """Labels whose shares are kept: plain ones, or a bool matrix with columns for 1, for 0 and for what is unknown."""
    if labels.ndim == 1:
        return labels
    if labels.shape[1] == 1:
        return labels[:, 0]
    unknown = labels == UNKNOWN
    return np.hstack([labels == 1, labels == 0, unknown[:, unknown.any(axis=0)]])


def _folds_of(splitter, X, strata: np.ndarray, groups: np.ndarray | None) -> list[Split]:
    """The folds of a splitter, which has to keep groups together."""
    if groups is None:
        check_needs_no_groups(splitter)
    with warnings.catch_warnings():
        # Whoever tunes on the folds tells which classes are too rare for it.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        # It is checked below that groups are kept.
        warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)
        folds = list(splitter.split(X, strata, groups))
    for train, test in folds:
        if groups is not None and len(np.intersect1d(groups[train], groups[test])):
            raise ValueError(
                f"cv={splitter!r} puts images of one group on both sides of a fold: pass a number of folds, or a "
                "splitter that takes groups, such as StratifiedGroupKFold."
            )
    return folds


def _grouped_folds(labels: np.ndarray, groups: np.ndarray, n_folds: int) -> list[Split]:
    """Folds of a label matrix that keep groups together; its random order is always the same."""
    counts, _ = _label_counts(labels, groups)
    fold_of = _parts(counts, np.full(n_folds, 1 / n_folds), 0)[groups]
    return [(np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in range(n_folds)]


def _grouped_split(labels: np.ndarray, test_size: float, seed: int, groups: np.ndarray) -> Split:
    counts, n_kept = _label_counts(labels, groups)
    held_out = _parts(counts, np.array([1 - test_size, test_size]), seed, n_kept=n_kept) == 1
    if not held_out.any():
        n_groups_with = np.diff(counts[:, :n_kept].tocsc().indptr)
        has_only = (counts[:, :n_kept] > 0) @ (n_groups_with == 1)
        free = np.flatnonzero(~has_only)
        if not len(free):
            why = "groups holds one group only" if len(held_out) == 1 else "Every group holds all images of some label"
            raise ValueError(f"{why}, so that no group can be held out: the images need more groups, or smaller ones.")
        sizes = np.bincount(groups)[free]
        held_out[free[np.argmin(np.abs(sizes - test_size * len(groups)))]] = True
    is_test = held_out[groups]
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _label_counts(labels: np.ndarray, groups: np.ndarray) -> tuple[csr_matrix, int]:
    """Number of images of each group that have each label, (n_groups, n_labels), and the number of known labels.

    All images share the first label, so that parts keep their sizes. Columns of what is not known come last.
    """
    n, n_groups = len(labels), int(groups.max()) + 1
    strata = _strata(labels)
    if strata.ndim == 1:
        classes = np.unique(strata, return_inverse=True)[1]
        table = csr_matrix((np.ones(n), (np.arange(n), classes)))
        n_known = table.shape[1]
    else:
        table, n_known = csr_matrix(strata.astype(float)), 2 * labels.shape[1]
    members = csr_matrix((np.ones(n), (groups, np.arange(n))), shape=(n_groups, n))
    counts = csr_matrix(members @ hstack([np.ones((n, 1)), table], format="csr"))
    return counts, 1 + n_known


def _parts(counts: csr_matrix, shares: np.ndarray, seed: int, *, n_kept: int = 0) -> np.ndarray:
    """Part of each group, so that each part has its share of each label, as far as groups allow.

    A group goes to the part in which the sum of squares of label counts, each divided by the number of images with
    the label and by the share of the part, grows least. Of groups whose sizes are within a factor of two, the order is
    random. The first part keeps one group with each of the first `n_kept` labels.
    """
    n_groups = counts.shape[0]
    totals = np.maximum(np.asarray(counts.sum(axis=0)).ravel(), 1)
    n_left = np.diff(counts.tocsc().indptr)
    filled = np.zeros((len(shares), counts.shape[1]))
    part_of = np.empty(n_groups, int)
    order = np.random.default_rng(seed).permutation(n_groups)
    sizes = np.asarray(counts[:, 0].todense()).ravel()[order]
    for group in order[np.argsort(-np.floor(np.log2(sizes)), kind="stable")]:
        row = slice(*counts.indptr[group : group + 2])
        of, added = counts.indices[row], counts.data[row]
        growth = ((2 * filled[:, of] + added) * added / totals[of] ** 2).sum(axis=1) / shares
        if (n_left[of[of < n_kept]] == 1).any():
            growth[1:] = np.inf
        # Of equally good parts, the emptiest.
        part = np.lexsort((filled[:, 0], growth.round(12)))[0]
        part_of[group] = part
        filled[part, of] += added
        if part:
            n_left[of] -= 1
    return part_of
