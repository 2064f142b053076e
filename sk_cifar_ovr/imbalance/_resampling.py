"""Samplers of imbalanced-learn on images; only those that generate images work in float."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from .._shared.lazy_arrays import LazyArray, check_fits_memory
from .._shared.text import plain
from ..exceptions import ParameterTypeError, ResamplingError


def check_sampler(sampler, estimator: str) -> None:
    """Refuse a parameter `sampler` that cannot resample.

    Raises
    ------
    ParameterTypeError
        If it has no `fit_resample`.
    """
    if not callable(getattr(sampler, "fit_resample", None)):
        raise ParameterTypeError(
            f"The 'sampler' parameter of {estimator} must be an object implementing 'fit_resample', as the samplers of "
            f"imbalanced-learn do; got {sampler!r}."
        )


def selects_samples(sampler) -> bool:
    """Whether a sampler only selects given samples, and tells which.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn

    Returns
    -------
    bool

    Examples
    --------
    >>> from imblearn.over_sampling import SMOTE, RandomOverSampler
    >>> selects_samples(RandomOverSampler()), selects_samples(SMOTE())
    (True, False)
    >>> selects_samples(RandomOverSampler(shrinkage=1.0))  # adds noise to what it selects
    False
    """
    if not hasattr(sampler, "__sklearn_tags__"):
        return False
    tags: Any = getattr(get_tags(sampler), "sampler_tags", None)
    return bool(tags and tags.sample_indices) and getattr(sampler, "shrinkage", None) is None


def checked_clone(sampler):
    """A clone with validated parameters; imbalanced-learn does not validate samplers inside others."""
    sampler = clone(sampler)
    if hasattr(sampler, "_validate_params"):
        sampler._validate_params()
    return sampler


def looks_at_labels_only(sampler) -> bool:
    """Whether a sampler selects by labels only."""
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    return isinstance(sampler, (RandomOverSampler, RandomUnderSampler)) and selects_samples(sampler)


def selected_indices(sampler, X: np.ndarray, y: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """Indices of the images that a sampler selects.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn
        One for which `selects_samples` is true; it is fitted.
    X : ndarray or LazyArray, shape (n, ...)
        Samplers that select by labels only do not read it.
    y : ndarray of shape (n,)
    among : ndarray of int or None, default=None
        Indices from which it may select; None is all.

    Returns
    -------
    ndarray of int, shape (n_new,)
        An index may come several times.
    """
    rows = np.arange(len(y)) if among is None else among
    if looks_at_labels_only(sampler):
        features = rows[:, None]
    else:
        features = np.asarray(X if len(rows) == len(X) else X[rows]).reshape(len(rows), -1)
    sampler.fit_resample(features, y[rows])
    return rows[sampler.sample_indices_]


def resample(sampler, X, y: np.ndarray) -> tuple[Any, np.ndarray]:
    """Resample images of any dtype and rank.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn
        It is fitted.
    X : ndarray or LazyArray, shape (n, ...)
    y : ndarray of shape (n,)

    Returns
    -------
    X : ndarray or LazyArray, shape (n_new, ...)
        A view of a LazyArray, if the sampler only selects. Of the same dtype; if that is an integer type, new pixels
        are rounded and clipped to it.
    y : ndarray of shape (n_new,)
    """
    if selects_samples(sampler):
        rows = selected_indices(sampler, X, y)
        return X[rows], y[rows]
    if isinstance(X, LazyArray):
        check_fits_memory(X.shape, _float_for(X.dtype))
        X = np.asarray(X)
    flat, y_new = sampler.fit_resample(X.reshape(len(X), -1).astype(_float_for(X.dtype), copy=False), y)
    flat = np.asarray(flat)
    if flat.ndim != 2 or flat[:1].size != X[:1].size:
        raise ResamplingError(
            f"{type(sampler).__name__} made rows of shape {flat.shape[1:]} from images of {X[:1].size} pixels: only "
            "samplers that leave the pixels what they are can stand in front of a network."
        )
    return _as_dtype(flat, X.dtype).reshape(len(flat), *X.shape[1:]), y_new


def _float_for(dtype: np.dtype) -> np.dtype:
    """Float type that holds every value of a dtype, or most values of 64-bit integers."""
    # float16 too: its 11 bits are too few to find neighbours and to interpolate.
    return np.result_type(dtype, "float32")


def _as_dtype(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return pixels.astype(dtype, copy=False)
    lowest, highest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return np.clip(np.rint(pixels), lowest, highest).astype(dtype)


def check_strategy(sampler, y: np.ndarray) -> None:
    """Let imbalanced-learn check the `sampling_strategy` of a sampler, without resampling anything.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn
    y : ndarray of shape (n,)

    Raises
    ------
    ValueError
        If these labels cannot be brought to its ``sampling_strategy``.
    """
    from imblearn.base import BaseSampler
    from imblearn.utils import check_sampling_strategy

    if isinstance(sampler, BaseSampler):
        check_sampling_strategy(sampler.sampling_strategy, y, sampler._sampling_type)


def check_enough_images(sampler, y: np.ndarray) -> None:
    """Refuse to interpolate between neighbours if a class has too few images.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn
    y : ndarray of shape (n,)

    Raises
    ------
    ResamplingError
        With the class and a remedy.
    """
    from imblearn.over_sampling import SMOTE
    from imblearn.over_sampling.base import BaseOverSampler
    from imblearn.utils import check_sampling_strategy

    if hasattr(sampler, "smote"):
        sampler = sampler.smote or SMOTE(sampling_strategy=sampler.sampling_strategy)
    # ADASYN has another name for them.
    neighbors: Any = getattr(sampler, "k_neighbors", getattr(sampler, "n_neighbors", None))
    if neighbors is None or not isinstance(sampler, BaseOverSampler):
        return
    needed = int(neighbors) + 1 if isinstance(neighbors, Integral) else neighbors.n_neighbors
    wanted = check_sampling_strategy(sampler.sampling_strategy, y, "over-sampling")
    for label, n_new in wanted.items():
        count = np.count_nonzero(y == label)
        if n_new > 0 and count < needed:
            name = type(sampler).__name__
            remedy = "use RandomOverSampler, which repeats images"
            if count > 1:
                remedy = f"set its neighbours to {count - 1} or less, or {remedy}"
            raise ResamplingError(
                f"{name} makes images between one and its {needed - 1} nearest neighbours of the same class, and class "
                f"{plain(label)!r} has {count} image{'s' if count > 1 else ''}: {remedy}, or leave the class out of "
                "sampling_strategy."
            )
