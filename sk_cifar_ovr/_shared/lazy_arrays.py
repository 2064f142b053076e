"""Arrays whose rows are read when they are needed: image files, HDF5 and Zarr datasets, Dask arrays."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
from scipy.sparse import issparse

# Batches that are read while the one before is in use.
N_AHEAD = 3
# Bytes read at once when a whole array is wanted.
BLOCK_BYTES = 2**26
# Attributes of arrays that are in memory, or on a device: data frames, and tensors of all libraries.
IN_MEMORY = ("columns", "iloc", "numpy", "__dlpack__")


def is_lazy(X: Any) -> bool:
    """Return whether X is an array-like that is not in memory: it has a shape, a dtype and rows to be read."""
    if isinstance(X, np.ndarray) or issparse(X) or any(hasattr(X, name) for name in IN_MEMORY):
        return False
    return all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__")) and len(X.shape) > 0


class LazyArray:
    """View of rows of an array-like, which are read when they are asked for.

    Parameters
    ----------
    source : array-like with ``shape``, ``dtype`` and ``__getitem__``
        It need not take more than slices and increasing integer indices along its first axis.
    rows : ndarray of int or None, default=None
        Rows of the source that the view holds; None is all.
    row_shape : tuple of int or None, default=None
        Shape of one row of the view; None is that of the source.
    """

    def __init__(self, source: Any, rows: np.ndarray | None = None, row_shape: tuple[int, ...] | None = None):
        self.source, self.rows = source, rows
        self.row_shape = tuple(source.shape[1:]) if row_shape is None else row_shape
        self.dtype = np.dtype(source.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, and the shape of one."""
        return (len(self), *self.row_shape)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return 1 + len(self.row_shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return int(self.source.shape[0]) if self.rows is None else len(self.rows)

    def __getitem__(self, key: Any) -> Any:
        """A view for a slice, an index array or a mask; the values of one row for an integer."""
        if isinstance(key, tuple):
            # scikit-learn indexes rows as array[key, ...].
            key, *rest = key
            if any(each is not Ellipsis for each in rest):
                raise IndexError("Only rows of an array that is read on demand can be selected.")
        if isinstance(key, (int, np.integer)):
            return self.read(np.array([key]))[0]
        return LazyArray(self.source, self._selected(key), self.row_shape)

    def reshape(self, n: int, *row_shape: int) -> LazyArray:
        """The same rows, each in another shape."""
        if n != len(self) or math.prod(row_shape) != math.prod(self.row_shape):
            raise ValueError(f"cannot reshape rows of shape {self.row_shape} into {row_shape}")
        return LazyArray(self.source, self.rows, tuple(row_shape))

    def read(self, key: Any = slice(None)) -> np.ndarray:
        """Read the selected rows into memory, in the order of the selection.

        The source is asked for increasing rows without repetition, as HDF5 requires.
        """
        rows = self._selected(key)
        if np.all(rows[1:] > rows[:-1]):
            return self._read_increasing(rows)
        ordered, inverse = np.unique(rows, return_inverse=True)
        return self._read_increasing(ordered)[inverse]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        check_fits_memory(self.shape, self.dtype)
        values = np.empty(self.shape, self.dtype)
        for part in blocks(self):
            values[part] = self.read(part)
        return values if dtype is None else values.astype(dtype, copy=False)

    def _selected(self, key: Any) -> np.ndarray:
        """Rows of the source."""
        n = len(self)
        if isinstance(key, slice):
            rows = np.arange(*key.indices(n))
        else:
            rows = np.asarray(key)
            if rows.dtype == bool:
                if rows.shape != (n,):
                    raise IndexError(f"the mask has shape {rows.shape}, and there are {n} rows")
                rows = np.flatnonzero(rows)
            rows = rows.astype(np.intp) if len(rows) == 0 else rows
            if rows.ndim != 1 or rows.dtype.kind not in "iu" or len(rows) and not -n <= rows.min() <= rows.max() < n:
                raise IndexError(f"rows are selected by a slice, a mask or integers below {n}")
            rows = np.where(rows < 0, rows + n, rows)
        return rows if self.rows is None else self.rows[rows]

    def _read_increasing(self, rows: np.ndarray) -> np.ndarray:
        if not len(rows):
            return np.empty((0, *self.row_shape), self.dtype)
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 == len(rows):
            values = self.source[first : last + 1]
        else:
            # Zarr indexes rows by arrays here only.
            values = getattr(self.source, "oindex", self.source)[rows]
        return np.asarray(values).reshape(len(rows), *self.row_shape)


def blocks(X) -> Iterator[slice]:
    """Yield slices of rows which together hold all of X, each of bounded size."""
    n_bytes = np.dtype(X.dtype).itemsize * math.prod(X.shape[1:])
    size = max(1, BLOCK_BYTES // max(1, n_bytes))
    for start in range(0, len(X), size):
        yield slice(start, start + size)


def read(X, key) -> np.ndarray:
    """Selected rows in memory, of an ndarray or a `LazyArray`."""
    return X.read(key) if isinstance(X, LazyArray) else X[key]


def read_each(X, keys: Iterable) -> Iterator[np.ndarray]:
    """Yield the rows of each selection in turn; those of a `LazyArray` are read ahead by a thread.

    Parameters
    ----------
    X : ndarray or LazyArray
    keys : iterable of slices or arrays of int
    """
    if not isinstance(X, LazyArray):
        for key in keys:
            yield X[key]
        return
    keys = iter(keys)
    pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
    try:
        pending = deque(pool.submit(X.read, key) for key in islice(keys, N_AHEAD))
        while pending:
            values = pending.popleft().result()
            pending.extend(pool.submit(X.read, key) for key in islice(keys, 1))
            yield values
    finally:
        pool.shutdown(cancel_futures=True)


def check_fits_memory(shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse to hold an array in memory that would fill more than half of what is free.

    Raises
    ------
    MemoryError
        The message says what to do.
    """
    import psutil

    needed, free = math.prod(shape) * np.dtype(dtype).itemsize, psutil.virtual_memory().available
    if needed > free / 2:
        raise MemoryError(
            f"An array of shape {tuple(shape)} takes {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free. "
            "Estimators read it batch by batch: pass it to fit and predict as it is, or select fewer rows or a "
            "smaller image_size first."
        )
