"""Labels of examples -> a target array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...exceptions import DatasetError


def target_of(labels: list, names: list[str] | None) -> tuple[np.ndarray | None, list[str] | None]:
    """Bring labels to one array.

    Parameters
    ----------
    labels : list
        A number, a name, or a one-hot or multi-label vector for each image; or None for all.
    names : list of str or None
        Names of the classes.

    Returns
    -------
    target : ndarray or None
        int64 of shape (n,); for several labels an image float32 of shape (n, K).
    names : list of str or None
        Names of the classes; those of labels that are names are sorted.

    Raises
    ------
    DatasetError
        If a label is missing, or labels are of different kinds.

    Examples
    --------
    >>> target_of([[0.0, 1.0], [1.0, 0.0]], ["cat", "dog"])
    (array([1, 0]), ['cat', 'dog'])
    >>> target_of([b"dog", b"cat"], None)
    (array([1, 0]), ['cat', 'dog'])
    """
    missing = [i for i, label in enumerate(labels) if label is None]
    if len(missing) == len(labels):
        return None, names
    if missing:
        raise DatasetError(f"{len(missing)} of {len(labels)} images have no label, the first at index {missing[0]}.")
    values = _as_array(labels)
    if values.dtype.kind == "U":
        found, target = np.unique(values, return_inverse=True)
        return target.astype(np.int64), found.tolist()
    if values.ndim == 2:
        is_one_hot = np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()
        values = values.argmax(axis=1) if is_one_hot else values.astype(np.float32)
    elif (values == np.round(values)).all():
        values = values.astype(np.int64)
    if values.ndim == 1 and names is not None and not 0 <= values.min() <= values.max() < len(names):
        # Names of something else, such as all classes of a dataset whose labels were changed.
        names = None
    return values, names


def _as_array(labels: list) -> np.ndarray:
    """Numbers or strings, shape (n,), or numbers, shape (n, K) with K > 1."""
    try:
        values = np.array([_plain(label) for label in labels])
    except ValueError as error:
        raise DatasetError(f"Labels differ in shape ({error}).") from error
    values = values.reshape(len(values)) if values.size == len(values) else values
    if values.ndim > 2 or values.dtype.kind not in "buifU" or values.dtype.kind == "U" and values.ndim == 2:
        raise DatasetError(
            f"Labels such as {labels[0]!r} are neither numbers or names, one an image, nor vectors of 0 and 1."
        )
    return values


def _plain(label: Any) -> Any:
    if isinstance(label, bytes):
        return label.decode(errors="surrogateescape")
    return label.detach().cpu().numpy() if hasattr(label, "detach") else label
