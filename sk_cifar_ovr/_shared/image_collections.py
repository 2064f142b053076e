"""Collections of images as other libraries give them, recognised without importing these libraries."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

ImageKind = Literal["array", "pillow", "bytes", "path", "record", "missing", "other"]
# Libraries of tables.
TABLES = ("pandas", "polars", "pyarrow")
# Beginnings of the names of dtypes that hold numbers.
NUMBERS = ("int", "uint", "float", "double", "halffloat", "bool")


def defined_in(value: Any, module: str) -> bool:
    """Whether the type of a value, or a base of it, is defined in a module or below it.

    Examples
    --------
    >>> import pandas as pd
    >>> defined_in(pd.Series([1]), "pandas"), defined_in([1], "pandas")
    (True, False)
    """
    return any(f"{base.__module__}.".startswith(f"{module}.") for base in type(value).__mro__)


def dataset_of_examples(value: Any) -> str | None:
    """What a dataset is called whose elements are examples or batches; None if a value is something else."""
    if defined_in(value, "tensorflow") and hasattr(value, "element_spec") and hasattr(value, "batch"):
        return "tf.data.Dataset"
    if defined_in(value, "datasets") and hasattr(value, "features") and hasattr(value, "map"):
        return "dataset of Hugging Face"
    if defined_in(value, "torch.utils.data"):
        return (
            "DataLoader of PyTorch" if hasattr(value, "dataset") and hasattr(value, "collate_fn") else "PyTorch Dataset"
        )
    if defined_in(value, "keras") and hasattr(value, "on_epoch_end") and hasattr(value, "__getitem__"):
        return "PyDataset of Keras"
    return None


def is_column(value: Any) -> bool:
    """Whether a value is a column of a table: of pandas, polars, Arrow or Hugging Face."""
    if defined_in(value, "datasets"):
        return isinstance(value, Sequence)
    is_series = hasattr(value, "to_numpy") and not hasattr(value, "columns")
    return is_series and any(defined_in(value, library) for library in TABLES)


def items_of(column: Any) -> Sequence | np.ndarray:
    """The items of a column; pixels of fixed shape are one array.

    Examples
    --------
    >>> import pandas as pd
    >>> items_of(pd.Series([b"1", b"2"]))
    array([b'1', b'2'], dtype=object)
    """
    if defined_in(column, "datasets"):
        return column
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if hasattr(column, "to_numpy_ndarray"):
        return column.to_numpy_ndarray()
    if str(getattr(column, "dtype", "")).startswith("Struct"):
        # polars makes one array of all fields.
        return column.to_list()
    if defined_in(column, "pyarrow"):
        return column.to_numpy(zero_copy_only=False)
    return column.to_numpy()


def image_columns(frame: Any) -> dict[Any, ImageKind]:
    """Columns of a table that hold images, or paths of images, by their first item."""
    if not any(defined_in(frame, library) for library in TABLES):
        return {}
    names = list(getattr(frame, "column_names", frame.columns))
    dtypes = frame.schema.types if hasattr(frame, "column_names") else frame.dtypes
    found: dict[Any, ImageKind] = {}
    for name, dtype in zip(names, dtypes, strict=True):
        if str(dtype).lower().startswith(NUMBERS) or names.count(name) > 1:
            continue
        items = items_of(frame[name][:1])
        kind = kind_of(items[0]) if len(items) else "missing"
        is_image = kind in ("pillow", "bytes", "record") or kind == "array" and np.ndim(dense(items[0])) > 1
        if is_image or kind == "path" and is_image_path(items[0]):
            found[name] = kind
    return found


def kind_of(item: Any) -> ImageKind:
    """What one item of a collection is.

    Examples
    --------
    >>> [kind_of(item) for item in (np.zeros((2, 2)), [[0, 1], [1, 0]], b"GIF89a", "cat.png", {"bytes": b""}, None)]
    ['array', 'array', 'bytes', 'path', 'record', 'missing']
    """
    if item is None or isinstance(item, float) and np.isnan(item):
        return "missing"
    if isinstance(item, (str, os.PathLike)):
        return "path"
    if isinstance(item, (bytes, bytearray, memoryview)):
        return "bytes"
    if defined_in(item, "PIL"):
        return "pillow"
    if isinstance(item, dict):
        return "record" if item and item.keys() <= {"bytes", "path"} else "other"
    if hasattr(item, "__array__") or isinstance(item, (list, tuple)):
        return "array"
    return "other"


def is_image_path(path: str | os.PathLike) -> bool:
    """Whether the ending of a name is that of an image."""
    return str(mimetypes.guess_type(os.fspath(path))[0]).startswith("image/")


def dense(item: Any) -> np.ndarray:
    """An image as one array; columns of Arrow and polars hold it as arrays of arrays.

    Raises
    ------
    ValueError
        If its rows differ in length.

    Examples
    --------
    >>> rows = np.empty(2, object)
    >>> rows[:] = [np.zeros(3, "uint8"), np.ones(3, "uint8")]
    >>> dense(rows)
    array([[0, 0, 0],
           [1, 1, 1]], dtype=uint8)
    """
    array = item if isinstance(item, np.ndarray) else np.asarray(item)
    if array.dtype == object and array.ndim == 1 and len(array) and isinstance(array[0], (np.ndarray, list)):
        return np.stack([dense(part) for part in array])
    return array


def first_of(items: Iterable) -> Any:
    """The first item, None of an empty collection."""
    return next(iter(items), None)
