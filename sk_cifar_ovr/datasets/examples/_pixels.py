"""One image of any kind -> uint8 pixels, and many of them -> one array."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._shared.image_collections import defined_in, dense, kind_of
from ..._shared.lazy_arrays import check_fits_memory
from ...exceptions import DatasetError
from ..files import Reading, SourceFile, decode, is_image, pixels_of, why_unreadable

CHANNELS = (1, 3, 4)
# Interpolation can exceed white a little.
SLACK = 1.02
# Longest path of Linux.
MAX_PATH = 4096
REMEDY = (
    "Pass a smaller image_size, or write the images to files: load_image_folder(..., lazy=True) reads them on demand."
)


@dataclass(frozen=True)
class Pixels:
    """Pixels of one image.

    Attributes
    ----------
    values : ndarray of uint8, shape (h, w, c)
    white : float or None, default=None
        Of floats, the value that was taken as white: 255, or 1 for values from 0 to 1, which may also be a dark image
        on the other scale.
    """

    values: np.ndarray
    white: float | None = None


def read_pixels(image: Any, index: int, reading: Reading, *, channels_first: bool = False) -> Pixels:
    """Bring an image to uint8 pixels.

    Parameters
    ----------
    image : array, PIL image, bytes, path or dict of bytes and path
    index : int
        Its position, for messages.
    reading : Reading
    channels_first : bool, default=False
        Whether the channels of an array may come first.

    Raises
    ------
    DatasetError
        Naming the position of the image, and what is wrong.
    """
    kind = kind_of(image)
    try:
        if hasattr(image, "read") and kind == "other":
            image, kind = image.read(), "bytes"
        if kind == "bytes" and _is_path(image):
            # As TensorFlow's datasets give text.
            image, kind = os.fsdecode(image), "path"
        if kind == "pillow":
            return Pixels(pixels_of(image, reading))
        if kind == "record":
            image = image["bytes"] if image.get("bytes") is not None else image.get("path")
            kind = kind_of(image)
        if kind == "path":
            path = os.path.expanduser(os.fspath(image))
            return Pixels(decode(SourceFile(path, path).read(), reading, None))
        if kind == "bytes":
            return Pixels(decode(bytes(image), reading, None))
        if kind != "array":
            what = "missing" if kind == "missing" else f"an object of type {type(image).__name__}"
            raise ValueError(f"it is {what}, and no array, PIL image, encoded image or path")
        is_torch = defined_in(image, "torch")
        array = image.detach().cpu().numpy() if is_torch else dense(image)
        return _of_array(array, reading, channels_first or is_torch)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"Image {index}: there is no file {str(image)!r}. Paths are relative to the working directory."
        ) from error
    except Exception as error:  # Pillow can raise almost any exception on damaged images
        shown = f", {str(image)!r}," if kind == "path" else ""
        raise DatasetError(
            f"Image {index}{shown} cannot be read as an 8-bit image: {why_unreadable(error)}."
        ) from error


def _is_path(content: Any) -> bool:
    """Whether bytes are the path of an image and not an image."""
    return isinstance(content, bytes) and len(content) <= MAX_PATH and is_image(os.fsdecode(content))


def _of_array(array: np.ndarray, reading: Reading, channels_first: bool) -> Pixels:
    from PIL import Image

    if np.ma.is_masked(array):
        raise ValueError("it has masked pixels; fill them first, for example with image.filled(0)")
    if array.ndim == 3 and array.shape[0] in CHANNELS and array.shape[2] not in CHANNELS:
        if not channels_first:
            raise ValueError(f"its shape {array.shape} has the channels first; use numpy.moveaxis(image, 0, -1)")
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or array.size == 0:
        raise ValueError(f"its shape {array.shape} is not (height, width) or (height, width, channels)")
    values, white = _to_8_bits(array, reading)
    if array.shape[2] in (1, 3) and reading.image_size in (None, array.shape[:2]):
        return Pixels(values, white)
    image = Image.fromarray(np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values))
    return Pixels(pixels_of(image, reading), white)


def _to_8_bits(array: np.ndarray, reading: Reading) -> tuple[np.ndarray, float | None]:
    """The values as uint8, and which value of floats was white."""
    if array.dtype == np.uint8:
        return array, None
    if array.dtype == bool:
        return array.astype(np.uint8) * 255, None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"its dtype is {array.dtype}")
    if array.dtype == np.uint16 and reading.sixteen_bit == "scale":
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8), None
    lowest, highest = array.min(), array.max()
    if not np.isfinite(lowest) or not np.isfinite(highest):
        raise ValueError("it holds NaN or infinity")
    if lowest < 0:
        raise ValueError(
            f"its values go from {lowest:.4g} to {highest:.4g}; leave out the normalisation by mean and deviation"
        )
    is_float = array.dtype.kind == "f"
    if is_float and highest <= SLACK:
        return np.round(array.clip(0, 1) * 255).astype(np.uint8), 1.0
    if highest > 255 * (SLACK if is_float else 1):
        hint = '; sixteen_bit="scale" scales 0-65535 to 0-255' if array.dtype == np.uint16 else "; bring it to 0-255"
        raise ValueError(f"its values go up to {highest:.6g}, and white is 255{hint}")
    return (np.round(array.clip(0, 255)).astype(np.uint8), 255.0) if is_float else (array.astype(np.uint8), None)


class ImageStack:
    """Images in one array, which grows if their number is not known.

    Parameters
    ----------
    n_images : int or None
        Number of images, if it is known.
    """

    def __init__(self, n_images: int | None):
        self._capacity, self._n = n_images or 256, 0
        self._images: np.ndarray = np.empty(0, np.uint8)
        self._dark: list[int] = []
        self._scales: set[float | None] = set()

    def add(self, pixels: Pixels) -> None:
        """Append an image.

        Raises
        ------
        DatasetError
            If it has another size than the first.
        MemoryError
            If the images would fill more than half of the memory that is free.
        """
        values = pixels.values
        if self._n == 0:
            self._images = self._empty(values.shape)
        if values.shape[:2] != self._images.shape[1:3]:
            (h, w), (first_h, first_w) = values.shape[:2], self._images.shape[1:3]
            raise DatasetError(
                f"Images of mixed sizes: image 0 is {first_w}x{first_h} (width x height), image {self._n} is {w}x{h}. "
                "Pass image_size=(height, width) to bring them to one size."
            )
        if values.shape[2] > self._images.shape[3]:
            grey, self._images = self._images, self._empty(values.shape)
            self._images[: self._n] = grey[: self._n]
        if self._n == len(self._images):
            check_fits_memory(self._images.shape, np.dtype(np.uint8), REMEDY)
            self._images.resize((2 * self._n, *self._images.shape[1:]), refcheck=False)
        self._images[self._n] = values
        self._scales.add(pixels.white)
        if pixels.white == 1:
            self._dark.append(self._n)
        self._n += 1

    def finish(self) -> tuple[np.ndarray, bool]:
        """The images, shape (n, h, w, c), and whether floats from 0 to 1 were multiplied by 255."""
        if self._n < len(self._images):
            self._images.resize((self._n, *self._images.shape[1:]), refcheck=False)
        if 255.0 in self._scales:
            # Other floats go up to 255, so these images are dark.
            for i in self._dark:
                self._images[i] = self._images[i] >= 128
        return self._images, self._scales >= {1.0} and 255.0 not in self._scales

    def _empty(self, shape: tuple[int, ...]) -> np.ndarray:
        capacity = max(self._capacity, len(self._images) if self._images.ndim == 4 else 0)
        check_fits_memory((capacity, *shape), np.dtype(np.uint8), REMEDY)
        return np.empty((capacity, *shape), np.uint8)
