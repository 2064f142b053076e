"""Label indicator matrices: one column a class, with 1, 0 or "not known" for each image."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from ..exceptions import InputTypeError, NonFiniteInputError
from .missing_values import check_finite_rows
from .text import plain

UNKNOWN = -1


def is_label_matrix(y) -> bool:
    """Whether labels are a matrix with several columns, dense or sparse; one column counts as plain labels."""
    try:
        shape = np.shape(y) if isinstance(y, (list, tuple)) else tuple(getattr(y, "shape", []))
    except ValueError:
        # Ragged; the check of plain labels says so.
        return False
    return len(shape) == 2 and shape[1] != 1


def check_plain_labels(y) -> None:
    """Refuse labels of shape (n,) or (n, 1) that are sparse, not all known or infinite.

    Raises
    ------
    ValueError
        The message tells what to do instead: a `NonFiniteInputError` for NaN and infinity, an `InputTypeError` for
        masked entries.

    Examples
    --------
    >>> check_plain_labels([0, 1, float("nan")])
    Traceback (most recent call last):
        ...
    sk_cifar_ovr.exceptions.NonFiniteInputError: Input y contains NaN: 1 of its 3 labels is not known, the first at ...
    """
    if issparse(y):
        raise ValueError(
            f"y is sparse, of shape {y.shape}: one column counts as plain labels, which must be dense. Use "
            "y.toarray().ravel()."
        )
    if y is None:
        # scikit-learn's own message for this is better.
        return
    masked = isinstance(y, np.ma.MaskedArray)
    unknown = np.ma.getmaskarray(y) if masked else np.asarray(pd.isna(y))
    if unknown.any():
        n_unknown, first = np.count_nonzero(unknown), np.flatnonzero(unknown)[0]
        raise (InputTypeError if masked else NonFiniteInputError)(
            f"Input y contains {'masked entries' if masked else 'NaN'}: {n_unknown} of its {unknown.size} labels "
            f"{'is' if n_unknown == 1 else 'are'} not known, the first at index {first}. Plain labels must all be "
            "known: leave out these images. One column counts as plain labels too; only a label matrix of two columns "
            "or more may hold unknown labels."
        )
    if isinstance(y, np.ndarray):
        check_finite_rows(np.ma.getdata(y), "y", rows="labels")


def label_matrix(y) -> tuple[np.ndarray, np.ndarray]:
    """Read a label indicator matrix.

    Parameters
    ----------
    y : array-like, data frame, masked array or sparse matrix, shape (n, K)
        1 if an image has the label of the column, 0 if not. NaN, None and masked entries are not known.

    Returns
    -------
    labels : ndarray of int8, shape (n, K)
        0, 1 and `UNKNOWN`.
    names : ndarray of shape (K,)
        Names of the columns of a data frame, otherwise 0 to K - 1.

    Raises
    ------
    ValueError
        If there is no column, two columns have one name, or there are other values. The message names the value, its
        row and its column.

    Examples
    --------
    >>> labels, names = label_matrix([[0, 1, 1], [1, float("nan"), 0]])
    >>> labels.tolist(), names.tolist()
    ([[0, 1, 1], [1, -1, 0]], [0, 1, 2])
    """
    names = _column_names(y)
    if not len(names):
        raise ValueError("The label matrix has no columns: it needs one for each class.")
    values, unknown = _values(y)
    is_one = values == 1
    wrong = ~(is_one | (values == 0) | unknown)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"The label matrix holds {plain(values[row, column])!r} in row {row} of column {plain(names[column])!r}: "
            "it takes 1 (has the label), 0 (has not) and NaN (not known)."
        )
    labels = is_one.astype("int8")
    labels[unknown] = UNKNOWN
    return labels, names


def columns_in_order(classes, names) -> list[int] | None:
    """Position of each class among named columns; None if other classes have names there.

    Examples
    --------
    >>> columns_in_order(["cat", "dog"], ["dog", "cat"]), columns_in_order(["cat", "dog"], ["cat", "owl"])
    ([1, 0], None)
    """
    wanted, found = list(classes), list(names)
    if len(wanted) != len(found) or set(wanted) != set(found):
        return None
    return [found.index(label) for label in wanted]


def _column_names(y) -> np.ndarray:
    """Names of the columns as strings, or as integers if all are."""
    n_columns = np.shape(y)[1]
    names = list(getattr(y, "columns", range(n_columns)))
    if not all(isinstance(name, (int, np.integer)) for name in names):
        names = [str(name) for name in names]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"The label matrix has several columns named {repeated[0]!r}: rename them.")
    return np.array(names)


def _values(y) -> tuple[np.ndarray, np.ndarray]:
    """The entries as a NumPy array, and which of them are not known."""
    if hasattr(y, "isna"):
        return y.to_numpy(dtype=object, na_value=None), np.asarray(y.isna())
    if issparse(y):
        y = y.toarray()
    masked = np.ma.getmaskarray(y) if isinstance(y, np.ma.MaskedArray) else False
    values: Any = np.asarray(np.ma.getdata(y))
    if values.dtype.kind in "buif":
        missing = np.isnan(values)
    else:
        values = values.astype(object)
        missing = pd.isna(values)
        # pd.NA is neither equal to a number nor different from it.
        values = np.where(missing, None, values)
    return values, missing | masked
