"""Labels of examples -> a target array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...exceptions import DatasetError

# Label of images whose class is kept secret, as in test sets of Hugging Face.
HIDDEN = -1
# Above, float and int64 do not hold the same numbers.
MAX_NUMBER = 2**53
# Names of classes in a message.
N_SHOWN = 10


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
        If a label is missing, no whole number, or negative although classes have names; if labels are of different
        kinds, or vectors of other values than 0, 1 and NaN (not known).

    Examples
    --------
    >>> target_of([[0.0, 1.0], [1.0, 0.0]], ["cat", "dog"])
    (array([1, 0]), ['cat', 'dog'])
    >>> target_of([b"dog", b"cat"], None)
    (array([1, 0]), ['cat', 'dog'])
    """
    missing = [i for i, label in enumerate(labels) if _is_missing(label)]
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
        if not is_one_hot:
            return _several_labels(values), names
        values = values.argmax(axis=1)
    return _class_numbers(values, names)


def _class_numbers(values: np.ndarray, names: list[str] | None) -> tuple[np.ndarray | None, list[str] | None]:
    """Labels of classes as int64, and the names that belong to them."""
    is_whole = (np.abs(values.astype(float)) < MAX_NUMBER) & (values == np.round(values))
    _check(is_whole, values, "is no whole number: pass the number or the name of a class")
    values = values.astype(np.int64)
    if names is None or values.min() >= 0 and values.max() < len(names):
        return values, names
    if (values == HIDDEN).all():
        return None, names
    _check(values >= 0, values, f"is no number of a class; the classes are {', '.join(map(repr, names[:N_SHOWN]))}")
    # Names of something else, such as all classes of a dataset whose labels were changed.
    return values, None


def _several_labels(values: np.ndarray) -> np.ndarray:
    """Labels as float32 of 0, 1 and NaN."""
    is_valid = np.isin(values, (0, 1)) | np.isnan(values.astype(np.float32))
    _check(np.all(is_valid, axis=1), values, "has other values than 0, 1 and NaN (not known)")
    return values.astype(np.float32)


def _check(is_valid: np.ndarray, values: np.ndarray, problem: str) -> None:
    if not is_valid.all():
        first = int(np.flatnonzero(~is_valid)[0])
        raise DatasetError(f"The label of image {first}, {values[first]}, {problem}.")


def _is_missing(label: Any) -> bool:
    if label is None or label is np.ma.masked or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return np.ndim(label) == 0 and isinstance(label, (float, np.floating)) and bool(np.isnan(label))


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
    if np.ma.is_masked(label):
        label = label.astype(np.float32).filled(np.nan)
    return label.detach().cpu().numpy() if hasattr(label, "detach") else label
