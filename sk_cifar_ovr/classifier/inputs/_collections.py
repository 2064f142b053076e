"""Images as people have them: lists, object arrays and columns of images are stacked, anything else is named."""

from numbers import Number
from typing import Any, NoReturn

import numpy as np
from scipy.sparse import issparse

from ..._shared.image_collections import (
    dataset_of_examples,
    dense,
    first_of,
    image_columns,
    is_column,
    items_of,
    kind_of,
)
from ..._shared.lazy_arrays import LazyArray, check_fits_memory
from ..._shared.missing_values import unmasked
from ..._shared.text import plain
from ...exceptions import ImageShapeError, InputTypeError

READ_IMAGES = "sk_cifar_ovr.datasets.read_images"
# Modes of Pillow whose values are pixels as they are.
PLAIN_MODES = ("L", "RGB", "I;16", "I;16L", "I;16N")
EXIF_ORIENTATION = 0x0112
REMEDY = "sk_cifar_ovr.load_image_folder(..., lazy=True) reads images from files batch by batch."


def as_images(X: Any, estimator: str, *, in_fit: bool = True) -> Any:
    """Stack a collection of images of one size; arrays and tables of numbers are returned as they are.

    Parameters
    ----------
    X : array-like
        Or a list, an object array or a column (pandas, polars, Arrow, Hugging Face) of arrays or PIL images.
    estimator : str
        Name of the estimator, for messages.
    in_fit : bool, default=True
        Whether labels go with the images, for messages.

    Returns
    -------
    array-like
        A stack has the dtype of its images.

    Raises
    ------
    InputTypeError
        If X holds paths, encoded images or other objects, is a dataset of examples, or has masked entries.
    ImageShapeError
        If the images differ in size, or X is a single PIL image.
    """
    if isinstance(X, np.ma.MaskedArray):
        return unmasked(X, "X")
    if isinstance(X, LazyArray) or isinstance(X, np.ndarray) and X.dtype.kind in "buif" or issparse(X) or X is None:
        return X
    kind = dataset_of_examples(X)
    if kind is not None:
        use = "estimator.fit(data.images, data.target)" if in_fit else "data.images in place of X"
        raise InputTypeError(
            f"X is a {kind}, which gives images one after another, and {estimator} takes arrays. Read it first:\n"
            f"    data = {READ_IMAGES}(dataset)\n    {use}"
        )
    if hasattr(X, "__next__"):
        raise InputTypeError(f"X is an iterator, and {estimator} takes arrays: {READ_IMAGES}(X).images reads it.")
    if kind_of(X) in ("path", "bytes", "pillow", "record"):
        _refuse_one(X, estimator)
    if hasattr(X, "columns"):
        return _from_frame(X, estimator)
    if is_column(X):
        X = items_of(X)
    is_collection = isinstance(X, (list, tuple)) or isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "OUST"
    is_collection = is_collection or is_column(X)
    if not is_collection or not _holds_images(X):
        return X
    return _stacked(X, estimator)


def check_several(X, y, estimator: str) -> None:
    """Refuse a single image or label in a fit.

    Parameters
    ----------
    X, y : array-like
    estimator : str
        Name of the estimator, for messages.

    Raises
    ------
    ImageShapeError
        If X is one image, as far as its shape and y tell.
    InputTypeError
        If y is a single label.
    """
    shape = tuple(getattr(X, "shape", ()))
    is_one_label = isinstance(y, (str, bytes, Number, np.generic)) or getattr(y, "shape", None) == ()
    if len(shape) == 3 and shape[-1] in (1, 3, 4) and (is_one_label or _length(y) not in (None, shape[0])):
        raise ImageShapeError(
            f"X looks like one image of shape {shape}, and fit takes several, shape (n, height, width, channels): pass "
            "X[:1] instead of X[0] for one, and as many images as labels."
        )
    if is_one_label:
        raise InputTypeError(f"y is one label, {plain(y)!r}, and {estimator} takes one for each of several images.")


def _length(y) -> int | None:
    try:
        return y.shape[0] if hasattr(y, "shape") else len(y)
    except TypeError:
        return None


def _refuse_one(X, estimator: str) -> NoReturn:
    """Refuse what is one image, or a path, instead of several images."""
    if kind_of(X) == "pillow":
        raise ImageShapeError(f"X is one PIL image, and {estimator} takes several: pass [X].")
    if kind_of(X) == "path":
        raise InputTypeError(
            f"X is a path, {str(X)!r}, and {estimator} takes images: sk_cifar_ovr.load_image_folder(X) reads a folder "
            f"or an archive of images, {READ_IMAGES}([X]).images an image file."
        )
    raise InputTypeError(f"X is one encoded image, and {estimator} takes arrays: {READ_IMAGES}([X]).images decodes it.")


def _from_frame(frame, estimator: str) -> Any:
    """The images of a table with one column of them; a table of numbers is returned as it is."""
    found = image_columns(frame)
    if not found:
        return frame
    names = list(getattr(frame, "column_names", frame.columns))
    if len(names) == 1:
        return as_images(frame[names[0]], estimator)
    name, kind = next(iter(found.items()))
    remedy = f"pass this column: X[{name!r}]"
    if kind == "path":
        table = "X" if hasattr(frame, "iloc") else "X.to_pandas()"
        remedy = f"sk_cifar_ovr.load_image_table({table}, path_column={name!r}, label_columns=...) reads them"
    raise InputTypeError(
        f"X is a table with the columns {', '.join(map(repr, names[:9]))}, and column {name!r} holds "
        f"{'paths of images' if kind == 'path' else 'images'}: {remedy}."
    )


def _holds_images(X) -> bool:
    """Whether a collection holds images one by one, or what could be read as such; numbers and rows are none."""
    first = first_of(item for item in X if kind_of(item) != "missing")
    kind = kind_of(first)
    if kind == "array":
        return isinstance(X, np.ndarray) or not isinstance(first, (list, tuple)) and np.ndim(first) > 1
    return kind not in ("missing", "other")


def _stacked(items, estimator: str) -> np.ndarray:
    """One array of all images."""
    images, first = None, None
    for i, item in enumerate(items):
        image = _pixels(item, i, estimator)
        if images is None or first is None:
            check_fits_memory((len(items), *image.shape), image.dtype, REMEDY)
            images, first = np.empty((len(items), *image.shape), image.dtype), image
        if image.shape != first.shape:
            raise ImageShapeError(
                f"X holds images of different shapes: {first.shape} first, {image.shape} at index {i}. "
                f"{READ_IMAGES}(X, image_size=(height, width)).images brings them to one size."
            )
        if image.dtype != first.dtype:
            raise InputTypeError(
                f"X holds images of different dtypes: {first.dtype} first, {image.dtype} at index {i}. "
                f"{READ_IMAGES}(X).images brings them to uint8."
            )
        images[i] = image
    assert images is not None
    return images


def _pixels(item, i: int, estimator: str) -> np.ndarray:
    """The pixels of one image of a collection."""
    kind = kind_of(item)
    if kind == "array":
        return unmasked(item, f"X[{i}]") if isinstance(item, np.ma.MaskedArray) else dense(item)
    if kind == "pillow":
        if item.mode not in PLAIN_MODES:
            raise InputTypeError(
                f"X holds a PIL image of mode {item.mode!r} at index {i}, whose values are no plain pixels: "
                f"{READ_IMAGES}(X).images converts all images to grey or RGB."
            )
        if item.getexif().get(EXIF_ORIENTATION, 1) != 1:
            # Photographs are turned upright, as when they are loaded from files.
            from PIL import ImageOps

            item = ImageOps.exif_transpose(item)
        return np.asarray(item)
    what = {
        "path": f"paths such as {str(item)!r}" if kind == "path" else "",
        "bytes": "encoded images",
        "record": "images as dicts of bytes or paths",
    }.get(kind)
    if what is None:
        missing = "no image (None)" if kind == "missing" else f"an object of type {type(item).__name__}"
        raise InputTypeError(f"X holds {missing} at index {i}, and {estimator} takes arrays or PIL images.")
    table = ", and sk_cifar_ovr.load_image_table a table of paths and labels" if kind == "path" else ""
    raise InputTypeError(f"X holds {what}, and {estimator} takes pixels: {READ_IMAGES}(X).images reads them{table}.")
