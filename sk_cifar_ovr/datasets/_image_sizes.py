"""Sizes of image files, from their headers."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .files import SourceFile, is_image, read_source, shown_size


def image_sizes(source: str | os.PathLike | Iterable[str]) -> NDArray[np.int64]:
    """Return the heights and widths at which images are shown, without decoding them.

    Parameters
    ----------
    source : path-like or iterable of str
        A folder or archive, or the paths of image files.

    Returns
    -------
    ndarray of int, shape (n, 2)
        Of the images whose header can be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sk_cifar_ovr.datasets import image_sizes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("L", (5, 4)).save(Path(folder) / "1.png")
    ...     print(image_sizes(folder))
    [[4 5]]
    """
    if isinstance(source, (str, os.PathLike)):
        files = read_source(source, is_image).files
    else:
        files = [SourceFile(path, path) for path in source]
    sizes = [size for size in map(shown_size, files) if size is not None]
    return np.array(sizes, dtype=np.int64).reshape(-1, 2)
