"""Groups of images, such as patients or bursts, that a split must not cut."""

from contextlib import suppress
from typing import Any, overload

import numpy as np
import pandas as pd


@overload
def group_codes(groups: None, n_images: int) -> None: ...
@overload
def group_codes(groups: Any, n_images: int) -> np.ndarray: ...
def group_codes(groups, n_images):
    """Number the groups of images.

    Parameters
    ----------
    groups : array-like of shape (n_images,) or None
        Any hashable labels. None stays None.
    n_images : int

    Returns
    -------
    ndarray of int, shape (n_images,), or None
        From 0, in the order of the sorted labels, or in that of their first images if labels cannot be sorted.

    Raises
    ------
    ValueError
        If `groups` is not one label an image, or a label is missing.
    TypeError
        If a label is not hashable.

    Examples
    --------
    >>> group_codes(["b", "a", "b"], 3).tolist()
    [1, 0, 1]
    """
    if groups is None:
        return None
    labels = _one_label_an_image(groups, n_images)
    missing = [i for i, label in enumerate(labels) if _is_missing(label)]
    if missing:
        raise ValueError(
            f"groups holds {len(missing)} missing values, the first for image {missing[0]}: give every image a group; "
            "an image that belongs to none gets a group of its own, such as its number."
        )
    try:
        distinct: list[Any] = list(dict.fromkeys(labels))
    except TypeError as error:
        raise TypeError(f"groups must hold hashable labels, such as strings, integers or tuples: {error}.") from error
    # Labels of several types, such as strings and integers, cannot be sorted.
    with suppress(TypeError):
        distinct.sort()
    codes = {label: code for code, label in enumerate(distinct)}
    return np.array([codes[label] for label in labels])


def _one_label_an_image(groups, n_images: int) -> list[Any]:
    if isinstance(groups, (str, bytes, dict, set)) or not hasattr(groups, "__iter__"):
        raise ValueError(f"groups must hold one label an image, {n_images} in all; got {groups!r}.")
    shape = getattr(groups, "shape", None)
    if shape is not None and len(shape) != 1:
        raise ValueError(f"groups.shape == {tuple(shape)}, expected one label an image: ({n_images},).")
    # The list of a masked array holds None for masked entries.
    labels = groups.tolist() if hasattr(groups, "tolist") else list(groups)
    if len(labels) != n_images:
        raise ValueError(f"groups holds {len(labels)} labels, expected one an image: {n_images}.")
    return labels


def _is_missing(label) -> bool:
    missing: Any = pd.isna(label)
    return missing is True or (isinstance(missing, np.bool_) and bool(missing))
