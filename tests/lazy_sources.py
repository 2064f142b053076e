"""Array-likes whose rows are read when they are indexed, for tests of several rooms."""

import threading

import numpy as np


class Rows:
    """Rows of an array that takes slices and increasing integer indices only, and records what it was asked for.

    Parameters
    ----------
    values : ndarray
    before_read : callable or None
        Called with the number of earlier reads before each read.
    """

    def __init__(self, values, before_read=None):
        self._values, self._before_read = values, before_read
        self.shape, self.dtype = values.shape, values.dtype
        self.asked = []

    def __getitem__(self, key):
        if not isinstance(key, slice):
            assert np.ndim(key) == 1
            assert (np.diff(key) > 0).all(), "indices must increase"
        if self._before_read is not None:
            self._before_read(len(self.asked))
        values = np.array(self._values[key])
        self.asked.append(len(values))
        return values

    def __getstate__(self):
        # A test's own function would not go to another process.
        return {**vars(self), "_before_read": None}


class Computed:
    """Images that are computed when they are read: of a random brightness each, and any number of them."""

    dtype = np.dtype("uint8")

    def __init__(self, n, image_shape):
        self.shape = (n, *image_shape)

    def __getitem__(self, key):
        rows = np.arange(self.shape[0])[key] if isinstance(key, slice) else np.asarray(key)
        images = np.empty((len(rows), *self.shape[1:]), "uint8")
        images[:] = (rows * 37 % 251).astype("uint8").reshape(-1, *[1] * (len(self.shape) - 1))
        return images


def reading_threads():
    """Threads that read ahead at the moment."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
