"""Validation of images: number and type of the values, shape of an image, scale of the pixels."""

import math
from collections.abc import Callable
from functools import wraps
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, validate_data

from ..._shared.lazy_arrays import LazyArray, is_lazy
from ..._shared.missing_values import check_finite_rows, unmasked
from ...exceptions import ImageShapeError
from ._collections import as_images
from ._pixel_scale import warn_of_scale

# Attributes that checking images sets.
LEARNT = ("n_features_in_", "feature_names_in_", "image_reading_")
# Networks compute in float32 or less, unless precision="float64".
LARGEST = float(np.finfo(np.float32).max)


def checked_images(estimator, X, y="no_validation", *, reset: bool):
    """Validate X, and y if given, with scikit-learn's `validate_data`, which gets images as flat rows.

    Parameters
    ----------
    estimator : estimator
        If `reset`, its ``n_features_in_`` is set (height * width * channels for images), its ``feature_names_in_`` if
        X is a data frame, and its ``image_reading_``.
    X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
        In memory, or read on demand, see `is_lazy`; or images one by one, see `as_images`.
    y : array-like of shape (n,), optional
    reset : bool
        True in `fit`; False compares X with the attributes that `fit` set.

    Returns
    -------
    X : ndarray or LazyArray
        With the shape and dtype of the input. Arrays are not copied. Unsigned integers that are read on demand are
        not read; any other dtype is read once, for its range.
    y : ndarray of shape (n,)
        Only returned if y is given.

    Raises
    ------
    NonFiniteInputError
        If X holds NaN, infinity, or values too large for float32; names the number of images and the first.
    ValueError
        If X is sparse, ragged or empty, or has the wrong number of features; if it is read on demand and holds no
        numbers, or an unknown number of them.
    ImageShapeError
        If the images are not 2- or 3-dimensional, differ in size, or look as if channels came first.
    InputTypeError
        If X holds anything but numbers and images.
    """
    X = as_images(X, type(estimator).__name__, in_fit=reset)
    y = unmasked(y, "y")
    reading = getattr(X, "reading", None) if is_lazy(X) else None
    checked = _checked_lazily(estimator, X, y, reset) if is_lazy(X) else _checked_in_memory(estimator, X, y, reset)
    if reset:
        estimator.image_reading_ = reading
    return checked


def _checked_in_memory(estimator, X, y, reset: bool):
    images = None
    if not issparse(X) and not hasattr(X, "columns"):
        X = _to_array(X)
        if X.ndim > 2:
            _check_image_rank(X)
            images = X
            X = X.reshape(len(X), math.prod(X.shape[1:]))
    flat = X
    checked = validate_data(
        estimator, X, y, reset=reset, dtype="numeric", ensure_min_features=1, ensure_all_finite=False
    )
    if isinstance(checked, tuple):
        X, y = checked
    else:
        X = checked
    check_finite_rows(X, "X", rows="images", largest=LARGEST)
    if images is not None:
        # Return the caller's array if possible: Dask recognises data that its workers already have by identity.
        X = images if X is flat else X.reshape(images.shape)
    return X if isinstance(y, str) else (X, y)


def _checked_lazily(estimator, X, y, reset: bool):
    X = _lazy_images(X)
    _check_image_rank(X)
    # It has the shape of X, without memory.
    stand_in = np.broadcast_to(np.uint8(0), (len(X), math.prod(X.row_shape)) if X.ndim > 1 else X.shape)
    checked = validate_data(estimator, stand_in, y, reset=reset, dtype="numeric", ensure_min_features=1)
    if X.dtype.kind not in "ub":
        X = X.with_limits()
        check_finite_rows(X.row_limits(), "X", rows="images", largest=LARGEST)
    return (X, checked[1]) if isinstance(checked, tuple) else X


def _lazy_images(X) -> LazyArray:
    """A view of an array-like that is read on demand.

    Raises
    ------
    ValueError
        If its shape is not known, or it holds no numbers.
    """
    if not all(isinstance(side, Integral) for side in X.shape):
        raise ValueError(
            f"X has the shape {tuple(X.shape)}, and its number of images must be known: call X.compute_chunk_sizes() "
            "of a Dask array first."
        )
    # Data frame libraries have types that NumPy lacks.
    if getattr(X.dtype, "kind", None) not in tuple("buif") and np.dtype(X.dtype).kind not in "buif":
        raise ValueError(f"X has dtype {X.dtype}, and pixels are real numbers: uint8 or another integer, or floats.")
    return X if isinstance(X, LazyArray) else LazyArray(X)


def with_known_white(X):
    """Images with their highest values known, for which wide integers that are read on demand are read once."""
    is_wide = isinstance(X, LazyArray) and X.ndim > 2 and X.dtype.kind == "u" and X.dtype.itemsize > 1
    return X.with_limits() if is_wide else X


def keeps_last_fit(fit: Callable) -> Callable:
    """Decorate `fit` to leave the estimator as it was if it fails."""

    @wraps(fit)
    def restoring_fit(estimator, *args, **options):
        before = vars(estimator).copy()
        try:
            return fit(estimator, *args, **options)
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return restoring_fit


def _to_array(X) -> np.ndarray:
    if isinstance(X, np.ndarray):
        return X
    # Ragged input is refused here; the values are validated by `validate_data`.
    return check_array(X, allow_nd=True, ensure_2d=False, dtype=None, ensure_all_finite=False, ensure_min_samples=0)


def _check_image_rank(X) -> None:
    if X.ndim > 4:
        raise ImageShapeError(f"X has {X.ndim} dimensions: images are (n, height, width, channels).")
    if X.ndim == 4 and X.shape[1] in (1, 3, 4) and X.shape[3] == X.shape[2] and X.shape[3] not in (1, 3, 4):
        raise ImageShapeError(
            f"X has shape {X.shape}, which looks like channels first: use X.transpose(0, 2, 3, 1) to get "
            "(n, height, width, channels)."
        )


def row_shape(X: np.ndarray, image_shape) -> tuple[int, ...]:
    """Shape of one image in the input of the network.

    Parameters
    ----------
    X : ndarray, shape (n, h, w, c), (n, h, w) or (n, d)
    image_shape : tuple (h, w, c) or (h, w), or None

    Returns
    -------
    tuple of int
        ``(h, w, c)``, or ``(d,)`` for flat rows without `image_shape`.

    Raises
    ------
    ImageShapeError
        If `image_shape` is not a valid shape, or does not match X.
    """
    if image_shape is None:
        return (*X.shape[1:], 1) if X.ndim == 3 else X.shape[1:]
    shape = tuple(int(side) for side in image_shape)
    shape = (*shape, 1) if len(shape) == 2 else shape
    if len(shape) != 3 or min(shape) < 1:
        raise ImageShapeError(f"image_shape={image_shape!r} must be (height, width, channels).")
    if int(np.prod(shape)) != int(np.prod(X.shape[1:])) or (X.ndim == 4 and X.shape[1:] != shape):
        raise ImageShapeError(f"image_shape={shape} does not hold one image of X, whose shape is {X.shape}.")
    return shape


def images_like_fitted(estimator, X, shape: tuple[int, ...], scale: float | None = None) -> np.ndarray:
    """Validate X in prediction: values, shape of an image, and scale of the pixels.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator.
    X : array-like, shape (n, h, w, c), (n, h, w) or (n, d), or a collection of images
    shape : tuple of int
        Shape of one image as the network takes it.
    scale : float or None, default=None
        See `warn_of_scale`.

    Returns
    -------
    ndarray

    Raises
    ------
    ImageShapeError
        If the images have another shape.
    """
    name = type(estimator).__name__
    X = as_images(X, name, in_fit=False)
    if isinstance(X, (list, tuple)):
        X = _to_array(X)
    check_same_shape(X, shape, name)
    X = checked_images(estimator, X, reset=False)
    warn_of_scale(X, shape, scale, name)
    return X


def check_same_shape(X, shape: tuple[int, ...], estimator: str) -> None:
    """Check that images have the shape that the network takes; flat rows are checked by scikit-learn.

    Raises
    ------
    ImageShapeError
        If they have another shape, or X is a single image. The message gives both shapes.
    """
    whole = tuple(getattr(X, "shape", ()))
    given = whole[1:]
    is_one = len(shape) == 3 and (whole == shape or (*whole, 1) == shape)
    # Rows may have the shape of an image that is one pixel high.
    if is_one and math.prod(given) != math.prod(shape):
        raise ImageShapeError(
            f"X is one image of shape {whole}, and {estimator} takes several, shape (n, {', '.join(map(str, shape))}): "
            "pass X[:1] instead of X[0], or X[np.newaxis]."
        )
    if len(given) > 1 and len(shape) == 3 and (*given, 1)[:3] != shape:
        raise ImageShapeError(
            f"X holds images of shape {given}, and this {estimator} takes images of shape {shape}: bring them to that "
            "shape, as sk_cifar_ovr.datasets.read_images(X, image_size=(height, width)) does for their size."
        )
