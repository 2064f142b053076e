"""Datasets of h5py: whether their file is open, and a description that another process can open."""

from __future__ import annotations

import os
from typing import Any


def is_hdf5(X: Any) -> bool:
    """Return whether X is an object of h5py."""
    return type(X).__module__.partition(".")[0] == "h5py"


def check_open(X: Any) -> None:
    """Raise ValueError if X is a dataset whose HDF5 file was closed."""
    if is_hdf5(X) and not X:
        raise ValueError(
            "The HDF5 file of this dataset was closed. Open the file again, and keep it open while the dataset is "
            "in use."
        )


class StoredDataset:
    """A dataset in an HDF5 file, opened when it is first read.

    Parameters
    ----------
    dataset : h5py.Dataset

    Raises
    ------
    TypeError
        If the dataset is not in a file.
    """

    def __init__(self, dataset: Any):
        self.file = os.path.abspath(dataset.file.filename)
        if dataset.name is None or not os.path.exists(self.file):
            raise TypeError(
                "This HDF5 dataset exists in memory only and cannot be sent to another process: store it in a file, "
                "or use n_jobs=1."
            )
        self.name, self.shape, self.dtype = dataset.name, dataset.shape, dataset.dtype
        self._dataset: Any = None

    def __getitem__(self, key: Any) -> Any:
        # An error when it is unpickled would only be seen as a broken worker process.
        if self._dataset is None:
            self._dataset = self._opened()
        return self._dataset[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_dataset": None}

    def _opened(self) -> Any:
        import h5py

        try:
            return h5py.File(self.file, "r")[self.name]
        except (OSError, KeyError) as error:
            raise OSError(
                f"Dataset {self.name!r} of {self.file!r} cannot be opened in another process ({error}): open the file "
                "for reading only (mode 'r'), or use n_jobs=1."
            ) from error
