"""`ImageFiles`: an array of images that are decoded when they are asked for."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._shared.lazy_arrays import check_fits_memory
from ...exceptions import DatasetError
from ._decoding import MAX_PIECE, decode_file
from ._pixels import Reading
from ._source import SourceFile
from ._threads import map_threads


class ImageFiles:
    """Array of images that are read from their files when they are needed.

    It is made by `load_image_folder` and `load_image_table` with ``lazy=True``, and is used like a uint8 array of
    shape (n, h, w, c): by the estimators of this package, and by scikit-learn's ``train_test_split``,
    ``cross_validate``, ``GridSearchCV`` and ``Pipeline``. Selecting rows copies no pixels. ``np.asarray`` decodes all
    images on all cores.

    Pickling stores the paths of the selected images, not their pixels.

    Parameters
    ----------
    names : sequence of str
        Paths of the images, relative to `root` or absolute.
    root : str
        Folder of the images.
    image_shape : tuple of int
        Shape ``(h, w, c)`` of each image.
    reading : dict
        How images are brought to that shape: ``{"image_size": [h, w] or None, "fit": ..., "sixteen_bit": ...}``, as
        the parameters of `load_image_folder`.

    Attributes
    ----------
    shape : tuple of int
        ``(n, h, w, c)``.
    dtype : numpy.dtype
        uint8.
    reading : dict
        As the parameter.
    paths : list of str
        Paths of the images. As everywhere in Python, bytes of a name that are not UTF-8 are surrogate escapes;
        ``os.fsencode`` returns the bytes.

    See Also
    --------
    load_image_folder : Images and classes from a folder.
    load_image_table : Images and labels from a table.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from PIL import Image
    >>> from sk_cifar_ovr import load_image_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         (Path(folder) / name).mkdir()
    ...         for number in range(3):
    ...             Image.new("RGB", (40, 30)).save(Path(folder) / name / f"{number}.png")
    ...     X = load_image_folder(folder, image_size=(8, 8), lazy=True, verbose=0).images
    ...     print(X.shape, X[::2].shape, X[0].shape, np.asarray(X[[4, 1]]).shape)
    (6, 8, 8, 3) (3, 8, 8, 3) (8, 8, 3) (2, 8, 8, 3)
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, names: Sequence[str], root: str, image_shape: tuple[int, int, int], reading: dict[str, Any]):
        self._names, self._root = names, root
        self._image_shape = tuple(image_shape)
        self._rows = np.arange(len(names))
        self.reading = reading

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of images, and the shape of one."""
        return (len(self), *self._image_shape)  # type: ignore[return-value]

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def paths(self) -> list[str]:
        """Paths of the images."""
        return [self._path(row) for row in self._rows.tolist()]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"ImageFiles(shape={self.shape}, root={self._root!r})"

    def __getitem__(self, key: Any) -> Any:
        """The pixels of one image for an integer; for a slice, an index array or a mask, another `ImageFiles`.

        scikit-learn's ``images[key, ...]`` is the same as ``images[key]``.
        """
        if isinstance(key, tuple):
            key, *rest = key or (...,)
            if any(each is not Ellipsis for each in rest):
                raise IndexError("ImageFiles select whole images; use numpy.asarray(images) to index pixels.")
        rows = self._rows[key]
        if rows.ndim == 0:
            return self._read(rows[np.newaxis])[0]
        if rows.ndim > 1:
            raise IndexError("ImageFiles are selected by an integer, a slice, an index array or a mask.")
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _rows=rows)
        return view

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if copy is False:
            raise ValueError("ImageFiles are in files, so an array of them is always a copy.")
        check_fits_memory(self.shape, self.dtype)
        images = self._read(self._rows)
        return images if dtype is None else images.astype(dtype, copy=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_names": [self._names[row] for row in self._rows.tolist()], "_rows": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _rows=np.arange(len(state["_names"])))

    def _path(self, row: int) -> str:
        return os.path.join(self._root, self._names[row])

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Decode images, on all cores if there are several."""
        images = np.empty((len(rows), *self._image_shape), np.uint8)
        reading = Reading(**self.reading)
        n = max(1, min(MAX_PIECE, len(rows) // 8))

        def read_piece(start: int) -> None:
            for i in range(start, min(start + n, len(rows))):
                images[i] = self._decode(int(rows[i]), reading)

        starts = range(0, len(rows), n)
        for _ in map(read_piece, starts) if len(starts) == 1 else map_threads(read_piece, starts):
            pass
        return images

    def _decode(self, row: int, reading: Reading) -> np.ndarray:
        path = self._path(row)
        pixels = decode_file(SourceFile(self._names[row], path), reading, self._image_shape[2])
        if isinstance(pixels, DatasetError):
            raise DatasetError(
                f"{path!r} was deleted or damaged, or cannot be decoded ({pixels.__cause__}). Restore it, or load the "
                "images again with on_error='skip' and cache=..., which decodes every file once."
            ) from pixels.__cause__
        if pixels.shape != self._image_shape:
            h, w = pixels.shape[:2]
            raise DatasetError(
                f"{path!r} was changed: it is {w}x{h} (width x height) now. Load the images again, with image_size=."
            )
        return pixels
