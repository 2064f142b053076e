"""Arrays whose rows are read when they are needed: image files, HDF5 and Zarr datasets, Dask arrays."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
from scipy.sparse import issparse

from .hdf5_datasets import StoredDataset, check_open, is_hdf5

# Batches that are read while the one before is in use; fewer if they are large, but one.
N_AHEAD = 3
AHEAD_BYTES = 2**28
# Bytes read at once when a whole array is wanted.
BLOCK_BYTES = 2**26
# Attributes of arrays that are in memory, or on a device: data frames, and tensors of all libraries.
IN_MEMORY = ("columns", "iloc", "numpy", "__dlpack__")
REMEDY = (
    "Estimators read it batch by batch: pass it to fit and predict as it is, or select fewer rows or a smaller "
    "image_size first."
)


def is_lazy(X: Any) -> bool:
    """Return whether X is an array-like that is not in memory: it has a shape, a dtype and rows to be read.

    Raises
    ------
    ValueError
        If X is a dataset of an HDF5 file that was closed.
    """
    if isinstance(X, np.ndarray) or issparse(X) or any(hasattr(X, name) for name in IN_MEMORY):
        return False
    check_open(X)
    # The shape of an empty HDF5 dataset is None.
    return all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__")) and bool(X.shape)


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
    limits : ndarray of float, shape (n_source, 2), or None, default=None
        Lowest and highest value of each row of the source that the view holds, if they are known.

    See Also
    --------
    sk_cifar_ovr.ImageFiles : Image files as an array of this kind.

    Notes
    -----
    Estimators of this package read datasets of h5py and Zarr, Dask arrays and the like batch by batch as they are.
    scikit-learn selects rows itself, in `train_test_split`, `cross_validate` and searches, which reads all of them, or
    fails because HDF5 takes increasing rows only: pass it a `LazyArray`.

    Pickling a view pickles its source. A dataset of h5py is pickled as the names of its file and dataset, and opened
    again when it is first read; its file must be open for reading only.

    Examples
    --------
    >>> import h5py
    >>> import numpy as np
    >>> from sklearn.model_selection import train_test_split
    >>> from sk_cifar_ovr.datasets import LazyArray
    >>> with h5py.File("images.h5", "w", driver="core", backing_store=False) as file:
    ...     dataset = file.create_dataset("images", data=np.zeros((10, 8, 8, 3), "uint8"))
    ...     X_train, X_test = train_test_split(LazyArray(dataset), test_size=0.3, random_state=0)
    ...     print(X_train.shape, X_test.read().shape)
    (7, 8, 8, 3) (3, 8, 8, 3)
    """

    def __init__(self, source: Any, rows=None, row_shape: tuple[int, ...] | None = None, limits=None):
        self._source, self.rows, self.limits = source, rows, limits
        self.row_shape = tuple(map(int, self.source.shape[1:])) if row_shape is None else row_shape
        self.dtype = np.dtype(source.dtype)

    @property
    def source(self) -> Any:
        """The array-like; a ValueError is raised if it is in an HDF5 file that was closed."""
        check_open(self._source)
        return self._source

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

    @property
    def reading(self) -> dict | None:
        """How image files are brought to arrays; None if the source does not tell."""
        return getattr(self.source, "reading", None)

    def __len__(self) -> int:
        return int(self.source.shape[0]) if self.rows is None else len(self.rows)

    def __getitem__(self, key: Any) -> Any:
        """A view for a slice, an index array or a mask; the values of one row for an integer."""
        if isinstance(key, tuple):
            # scikit-learn indexes rows as array[key, ...].
            key, *rest = key or (...,)
            if any(each is not Ellipsis for each in rest):
                raise IndexError("Only rows of an array that is read on demand can be selected.")
        if key is Ellipsis:
            return self
        if isinstance(key, np.ndarray) and key.ndim == 0:
            key = key[()]
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            return self.read(np.array([key]))[0]
        return self._view(self._selected(key), self.row_shape)

    def reshape(self, n: int, *row_shape: int) -> LazyArray:
        """The same rows, each in another shape."""
        if n != len(self) or math.prod(row_shape) != math.prod(self.row_shape):
            raise ValueError(f"cannot reshape rows of shape {self.row_shape} into {row_shape}")
        return self._view(self.rows, tuple(row_shape))

    def unwrapped(self) -> Any:
        """The same rows as a view of the source's own kind if it is one of image files, which are selected alike."""
        if self.reading is None or self.rows is None or self.row_shape != tuple(self.source.shape[1:]):
            return self
        return self.source[self.rows]

    def with_limits(self) -> LazyArray:
        """The same view with the lowest and highest value of each row, for which all rows are read once."""
        if self.limits is not None:
            return self
        limits = np.full((int(self.source.shape[0]), 2), np.nan)
        rows = self._selected(slice(None))
        parts = list(blocks(self))
        for part, values in zip(parts, read_each(self, parts), strict=True):
            flat = values.reshape(len(values), -1)
            limits[rows[part]] = np.stack([flat.min(axis=1), flat.max(axis=1)], axis=1)
        return LazyArray(self.source, self.rows, self.row_shape, limits)

    def row_limits(self) -> np.ndarray:
        """Lowest and highest value of each row, (n, 2); the limits must be known."""
        return self.limits[self._selected(slice(None))]

    def value_range(self) -> tuple[float, float]:
        """Lowest and highest value; the limits must be known."""
        limits = self.row_limits()
        return limits[:, 0].min(), limits[:, 1].max()

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

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        if is_hdf5(self.source):
            state["_source"] = StoredDataset(self.source)
        return state

    def _view(self, rows: np.ndarray | None, row_shape: tuple[int, ...]) -> LazyArray:
        return LazyArray(self.source, rows, row_shape, self.limits)

    def _selected(self, key: Any) -> np.ndarray:
        """Rows of the source."""
        n = len(self)
        if isinstance(key, slice):
            rows = np.arange(*key.indices(n))
        else:
            rows = np.asarray(key, dtype=np.intp if np.size(key) == 0 else None)
            if rows.dtype == bool and rows.ndim == 1:
                if len(rows) != n:
                    raise IndexError(f"the mask has shape {rows.shape}, and there are {n} rows")
                rows = np.flatnonzero(rows)
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
        values = np.asarray(values)
        expected = (len(rows), *self.source.shape[1:])
        if values.dtype != self.dtype or values.shape != expected:
            raise ValueError(
                f"{type(self.source).__name__} has dtype {self.dtype} and gave {values.dtype}, of shape {values.shape} "
                f"instead of {expected}: its shape and dtype must be those of what it returns for rows "
                f"{first} to {last}."
            )
        return values.reshape(len(rows), *self.row_shape)


def blocks(X) -> Iterator[slice]:
    """Yield slices of rows which together hold all of X, each of bounded size."""
    n_bytes = np.dtype(X.dtype).itemsize * math.prod(X.shape[1:])
    size = max(1, BLOCK_BYTES // max(1, n_bytes))
    for start in range(0, len(X), size):
        yield slice(start, start + size)


def read(X, key) -> np.ndarray:
    """Selected rows in memory, of an ndarray or a `LazyArray`."""
    return X.read(key) if isinstance(X, LazyArray) else X[key]


def read_each(X, keys: Iterable) -> Generator[np.ndarray, None, None]:
    """Yield the rows of each selection in turn; those of a `LazyArray` are read ahead by a thread.

    Parameters
    ----------
    X : ndarray or LazyArray
    keys : iterable of slices or arrays of int

    Notes
    -----
    The thread ends when the generator does: close it (`contextlib.closing`) if it may be left before its end.
    """
    if not isinstance(X, LazyArray):
        for key in keys:
            yield X[key]
        return
    keys = iter(keys)
    pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
    try:
        pending = deque(pool.submit(X.read, key) for key in islice(keys, 1))
        while pending:
            values = pending.popleft().result()
            n_ahead = min(N_AHEAD, max(1, AHEAD_BYTES // max(values.nbytes, 1)))
            pending.extend(pool.submit(X.read, key) for key in islice(keys, n_ahead - len(pending)))
            yield values
    finally:
        pool.shutdown(cancel_futures=True)


def check_fits_memory(shape: tuple[int, ...], dtype: np.dtype, remedy: str = REMEDY) -> None:
    """Refuse to hold an array in memory that would fill more than half of what is free.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    remedy : str, default=REMEDY
        What to do instead, for the message.

    Raises
    ------
    MemoryError
        If the array is larger.
    """
    import psutil

    needed, free = math.prod(shape) * np.dtype(dtype).itemsize, psutil.virtual_memory().available
    if needed > free / 2:
        raise MemoryError(
            f"An array of shape {tuple(shape)} takes {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free. "
            f"{remedy}"
        )
