"""The scale of pixels: which value is white, told by `pixel_max` or found in fit, and checked in prediction."""

import math
import warnings

import numpy as np

from ..._shared.lazy_arrays import LazyArray, read
from ...exceptions import PixelScaleError, PixelScaleWarning

# Images looked at for a warning, if all of them would have to be read for it.
N_SAMPLED = 16
# Interpolation between pixels can exceed white by a fifth, and fall below black by as much.
OVERSHOOT = 1.2
# Images whose highest value is so small a share of white are all but black.
DARK = 0.01


def pixel_scale(X: np.ndarray, estimator: str, pixel_max: float | None = None) -> float:
    """Factor that scales pixels to 0-255: 255 / `pixel_max`, or 255 for a float array with values from 0 to 1, else 1.

    Values may exceed 0-1 by a fifth, as after interpolation. A `PixelScaleWarning` is raised if the values decided for
    0-1.

    Parameters
    ----------
    X : ndarray or LazyArray
    estimator : str
        Name of the estimator, for messages.
    pixel_max : float or None, default=None
        Value of white.

    Returns
    -------
    float

    Raises
    ------
    PixelScaleError
        If integers are above white.
    """
    scale = 1.0 if pixel_max is None else 255.0 / float(pixel_max)
    check_white(X, scale, estimator)
    if pixel_max is not None or X.size == 0 or not _goes_to_one(X):
        return scale
    _warn(
        f"{estimator}: X holds floats from {_lowest(X):.3g} to {_highest(X):.3g}, which were taken as pixels scaled to "
        "0-1. Other pixels are taken as 0-255, whatever their dtype; pass uint8 images, or pixel_max=1, to avoid this "
        "warning."
    )
    return 255.0


def check_white(X, scale: float, estimator: str) -> None:
    """Refuse integers above white.

    Parameters
    ----------
    X : ndarray or LazyArray
    scale : float
        Factor of the pixels; white is 255 / scale.
    estimator : str
        Name of the estimator, for messages.

    Raises
    ------
    PixelScaleError
        Naming the highest value.
    """
    white = 255 / scale
    if X.dtype.kind not in "iu" or X.size == 0 or np.iinfo(X.dtype).max <= white:
        return
    highest = int(_highest(X))
    # The factor was rounded, so that white may be just below an integer.
    if highest <= white * (1 + 1e-6):
        return
    raise PixelScaleError(
        f"{estimator}: X holds integers up to {highest}, and white is {white:.6g}. {_remedy(highest)} A network of "
        "your own that scales pixels itself takes X.astype('float32')."
    )


def _remedy(highest: int) -> str:
    """What to do about integers up to this value, which is above white."""
    if highest <= 255:
        return "Fit with the value of white: pixel_max=255, which is the default of integers."
    told = f"pixel_max={2 ** max(16, highest.bit_length()) - 1}"
    if highest < 2**12:
        told = "pixel_max=4095 if they have 12 bits, pixel_max=65535 if 16"
    return (
        f"For images of more than 8 bits fit with the value of white: {told}. Or bring them to 0-255 first: "
        "np.round(X * (255 / white)).astype('uint8')."
    )


def warn_of_no_pixels(X: np.ndarray, scale: float, estimator: str, *, told: bool = False) -> None:
    """Warn of pixels that the built-in networks do not expect: negative, all but black, or far above white.

    Parameters
    ----------
    X : ndarray or LazyArray
    scale : float
        Result of `pixel_scale`.
    estimator : str
        Name of the estimator, for messages.
    told : bool, default=False
        Whether `pixel_max` was given. Then dark images are dark, unless their dtype does not reach white.
    """
    if X.size == 0:
        return
    white = 255 / scale
    expected = f"pixels are expected from 0 to {white:.6g}, so the network can hardly tell them apart"
    dark = _dark(X, white, told)
    if dark is not None:
        values, likely = dark
        _warn(f"{estimator}: X holds {values}, but {expected}. Pass the value of white, such as pixel_max={likely}.")
    elif X.dtype.kind not in "bu" and _lowest(X) < (1 - OVERSHOOT) * max(_highest(X), 0):
        _warn(
            f"{estimator}: X holds negative values, but {expected}. Pass uint8 images, or floats from 0 to 1, which "
            "are scaled automatically."
        )
    _warn_above_white(X, white, estimator)


def _dark(X, white: float, told: bool) -> tuple[str, int] | None:
    """Values of images that are all but black and what white is likely to be for them; None for other images."""
    if X.dtype.kind == "b":
        return ("true and false", 1) if white > 1 else None
    if told:
        out_of_reach = X.dtype.kind in "iu" and np.iinfo(X.dtype).max < white * (1 - 1e-6)
        return (f"{X.dtype} values", int(np.iinfo(X.dtype).max)) if out_of_reach else None
    # Unsigned integers that are read on demand are not read for this.
    unread = isinstance(X, LazyArray) and X.dtype.kind == "u" and X.limits is None
    if white == 1 or unread or not 0 < _highest(X) <= DARK * white or _lowest(X) < 0:
        return None
    return f"values up to {_highest(X):.4g}", max(1, math.floor(_highest(X)))


def _goes_to_one(X) -> bool:
    """Whether X holds floats from 0 to 1, or as far from it as interpolation brings them."""
    return X.dtype.kind == "f" and _lowest(X) >= 1 - OVERSHOOT and _highest(X) <= OVERSHOOT


def _warn_above_white(X, white: float, estimator: str) -> None:
    if X.dtype.kind == "f" and _highest(X) > white * OVERSHOOT:
        _warn(
            f"{estimator}: X holds values up to {_highest(X):.6g}, and white is {white:.6g}: bring X to that scale, or "
            "fit with the value of white, such as pixel_max=4095 or 65535."
        )


def warn_of_scale(X: np.ndarray, shape: tuple[int, ...], scale: float | None, estimator: str) -> None:
    """Warn if pixels are on another scale than the network takes; refuse integers above white.

    Parameters
    ----------
    X : ndarray
        Images to predict.
    shape : tuple of int
        Shape of one image.
    scale : float or None
        Factor of the pixels that the network takes. None skips the check, except that integer images above 255 are
        refused.
    estimator : str
        Name of the estimator, for messages.

    Raises
    ------
    PixelScaleError
        If integers are above white.
    """
    if X.size == 0 or (scale is None and len(shape) != 3):
        return
    white = 255 / (scale or 1)
    if white == 1:
        # A few new images may be brighter than all those of the fit.
        if _highest(X) > 2:
            _warn_of_other(estimator, f"values up to {_highest(X):.4g}", "pixels from 0 to 1")
        return
    check_white(X, scale or 1, estimator)
    if scale is None:
        return
    _warn_above_white(X, white, estimator)
    taken = f"pixels from 0 to {white:.6g}"
    if white > 2 and len(shape) == 3 and _goes_to_one(X) and _highest(X) > 0:
        _warn_of_other(estimator, "floats from 0 to 1", taken)
    elif white > 255 and X.dtype.kind != "b" and (X.dtype == np.uint8 or 0 < _highest(X) <= white / 256):
        _warn_of_other(estimator, f"{X.dtype} values up to {_highest(X):.4g}", taken)


def _warn_of_other(estimator: str, given: str, taken: str) -> None:
    _warn(f"{estimator}: X holds {given}, and this {estimator} takes {taken}: bring X to that scale.")


def _warn(message: str) -> None:
    warnings.warn(message, PixelScaleWarning, stacklevel=5)


def _lowest(X):
    if not isinstance(X, LazyArray):
        return X.min()
    return read(X, slice(N_SAMPLED)).min() if X.limits is None else X.value_range()[0]


def _highest(X):
    if not isinstance(X, LazyArray):
        return X.max()
    return read(X, slice(N_SAMPLED)).max() if X.limits is None else X.value_range()[1]
