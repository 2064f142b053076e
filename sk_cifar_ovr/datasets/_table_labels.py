"""Label columns of a table -> class indices, or a matrix of 0, 1 and NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..exceptions import DatasetError
from ._class_folders import natural_sort_key
from ._min_images import check_min_images, small_classes
from .files import printable

# Cells of a label matrix, in lower case.
TRUTH = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}
UNKNOWN = {"", "nan", "none", "nat", "<na>"}


def refuse_empty_cells(column: Any) -> None:
    """Raise an error if a column has empty cells."""
    # Not column.astype(str): with pyarrow installed, pandas' strings must be UTF-8.
    empty = np.flatnonzero(column.isna() | np.array([not str(cell).strip() for cell in column]))
    if len(empty) == len(column):
        raise DatasetError(f"Column {column.name!r} is empty. Name another column.")
    if len(empty):
        raise DatasetError(
            f"Column {column.name!r} has empty cells: row {column.index[empty[0]]} is the first of {len(empty)}. Fill "
            f"them in, or remove these rows with frame.dropna(subset=[{column.name!r}])."
        )


def single_labels(column: Any) -> tuple[np.ndarray, list[str]]:
    """Return class indices and names."""
    refuse_empty_cells(column)
    labels = [str(cell) for cell in column]
    names = sorted(set(labels), key=natural_sort_key)
    if len(names) < 2:
        raise DatasetError(f"Label column {column.name!r} has only one class, {names[0]!r}. A classifier needs two.")
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[label] for label in labels], dtype=np.int64), [printable(name) for name in names]


def label_matrix(table: Any) -> np.ndarray:
    """Return a matrix of 0 and 1, int8, or float32 with NaN for labels that are not known."""
    columns = [_truth_values(table[name]) for name in table.columns]
    matrix = np.stack(columns, axis=1)
    return matrix if np.isnan(matrix).any() else matrix.astype(np.int8)


def _truth_values(column: Any) -> np.ndarray:
    """Return one column of a label matrix as 0, 1 and NaN."""
    cells = ["" if missing else str(cell).strip().lower() for cell, missing in zip(column, column.isna(), strict=True)]
    values = np.array([TRUTH.get(cell, np.nan) for cell in cells], dtype=np.float32)
    wrong = [i for i, cell in enumerate(cells) if cell not in TRUTH and cell not in UNKNOWN]
    if wrong:
        raise DatasetError(
            f"Label column {column.name!r} has values other than 0 and 1: {str(column.iloc[wrong[0]])!r} in row "
            f"{column.index[wrong[0]]} is the first of {len(wrong)}. Several label columns are 0 or 1 (false or true), "
            "and empty if the label is not known. For one column of classes pass its name as a string."
        )
    if np.isnan(values).all():
        raise DatasetError(f"Label column {column.name!r} is empty. Leave it out of label_columns.")
    return values


def without_small_classes(
    target: np.ndarray, names: list[str], min_images: int, source: str
) -> tuple[np.ndarray, list[str], dict[str, int]]:
    """Leave out classes with few images.

    Parameters
    ----------
    target : ndarray, shape (n,) or (n, K)
        Class indices, or a matrix of 0, 1 and NaN.
    names : list of str
        Names of the classes.
    min_images : int
    source : str
        Name of the table in error messages.

    Returns
    -------
    target : ndarray, shape (n,) or (n, k)
        Indices into the names that are left, -1 for images of other classes; or the columns that are left.
    names : list of str
    skipped_classes : dict of str to int
        Classes that were left out, and their number of images.
    """
    check_min_images(min_images)
    sizes = np.bincount(target, minlength=len(names)) if target.ndim == 1 else (target == 1).sum(axis=0)
    skipped = small_classes(dict(zip(names, sizes.tolist(), strict=True)), min_images, source)
    if not skipped:
        return target, names, {}
    kept = [k for k, name in enumerate(names) if name not in skipped]
    if target.ndim == 2:
        target = target[:, kept]
    else:
        new = np.full(len(names), -1)
        new[kept] = np.arange(len(kept))
        target = new[target]
    return target, [names[k] for k in kept], skipped


def has_class(target: np.ndarray) -> np.ndarray:
    """Return which images are of a class that is left; with a label matrix all are."""
    return target >= 0 if target.ndim == 1 else np.ones(len(target), bool)


def check_labels_left(target: np.ndarray, names: list[str]) -> None:
    """Raise an error if all images of a class were skipped."""
    for label, name in enumerate(names):
        found = (target == label).any() if target.ndim == 1 else not np.isnan(target[:, label].astype(float)).all()
        if not found:
            raise DatasetError(f"No image of class {name!r} can be read. Restore its files, or remove its rows.")
