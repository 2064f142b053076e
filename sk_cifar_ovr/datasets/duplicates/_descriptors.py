"""What two copies of a photograph have in common: a perceptual hash, and the coarse structure of the image."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.fft import dct

from ..._shared.lazy_arrays import LazyArray, blocks, is_lazy, read_each
from .._progress import track

# Frequencies of the discrete cosine transform in each direction: of the structure, and of the hash.
N_FREQUENCIES, N_HASHED = 16, 8
# ITU-R BT.601, as in Pillow's mode L.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# The gray values of 4,096 images take 16 MB of memory for each 1,024 pixels.
MAX_BLOCK = 4096
# Numbers of channels by which one image is told from several grey ones.
CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class Descriptors:
    """Descriptors of n images.

    Attributes
    ----------
    hashes : ndarray of uint64, shape (n,)
        One bit for each of the 63 lowest frequencies: whether it is above their median.
    structure : ndarray of float16, shape (n, 255)
        Amplitudes of the 255 lowest frequencies, of unit length. The dot product of two images is the correlation of
        their gray values, without fine detail.
    contrast : ndarray of float32, shape (n,)
        Standard deviation of the gray values without fine detail, in levels of 0-255.
    """

    hashes: np.ndarray
    structure: np.ndarray
    contrast: np.ndarray

    def __len__(self) -> int:
        return len(self.hashes)


def describe(images: Any, verbose: int = 0) -> Descriptors:
    """Compute the descriptors of images, block by block.

    Parameters
    ----------
    images : array-like of shape (n, h, w) or (n, h, w, c)
        In memory, or read on demand.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    Descriptors
    """
    if np.ma.is_masked(images):
        raise ValueError("images has masked pixels; fill them first, for example with images.filled(0).")
    source = LazyArray(images) if is_lazy(images) else np.asarray(images)
    if len(source.shape) == 3 and source.shape[-1] in CHANNELS:
        raise ValueError(
            f"images has the shape {tuple(source.shape)} of one image; pass several, (n, h, w) or (n, h, w, c)."
        )
    if source.dtype.kind not in "buif":
        raise ValueError(f"images has dtype {source.dtype}; pass numbers, in one array of shape (n, h, w, c).")
    if len(source.shape) not in (3, 4) or 0 in source.shape:
        raise ValueError(
            f"images has shape {tuple(source.shape)}; it must be (n, h, w) or (n, h, w, c), and not empty."
        )
    parts = [
        slice(start, min(start + MAX_BLOCK, block.stop))
        for block in blocks(source)
        for start in range(block.start, min(block.stop, len(source)), MAX_BLOCK)
    ]
    found, white = [], None
    with closing(read_each(source, parts)) as pixels:
        for _ in track(parts, "Comparing images", verbose):
            block = next(pixels)
            _check_values(block)
            if white is None:
                white = 1.0 if block.dtype.kind == "f" and block.max() <= 1 else 255.0
            found.append(_describe_block(block, white))
    hashes, structure, contrast = (np.concatenate(column) for column in zip(*found, strict=True))
    return Descriptors(hashes, structure, contrast)


def _check_values(pixels: np.ndarray) -> None:
    """Refuse pixels that are not on the scale 0-255 or 0-1."""
    lowest, highest = pixels.min(), pixels.max()
    # Rounding and interpolation go a little beyond white.
    if not (lowest >= 0 and highest <= 255 * 1.2):
        raise ValueError(
            f"images has values from {lowest:.4g} to {highest:.4g}; pixels are compared on the scale 0-255 or 0-1, "
            "without NaN: bring them to it, 16-bit images by images // 257."
        )


def _describe_block(pixels: np.ndarray, white: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    gray = _gray_values(pixels) * np.float32(255 / white)
    n, height, width = gray.shape
    amplitudes = np.zeros((n, N_FREQUENCIES, N_FREQUENCIES), np.float32)
    n_rows, n_columns = min(height, N_FREQUENCIES), min(width, N_FREQUENCIES)
    amplitudes[:, :n_rows, :n_columns] = _basis(height) @ gray @ _basis(width).T
    lowest = _without_mean(amplitudes[:, :N_HASHED, :N_HASHED])
    is_above = np.zeros((n, 64), bool)
    is_above[:, 1:] = lowest > np.median(lowest, axis=1, keepdims=True)
    hashes = np.packbits(is_above, axis=1).view(np.uint64)[:, 0]
    structure = _without_mean(amplitudes)
    length = np.linalg.norm(structure, axis=1)
    structure /= np.maximum(length, np.finfo(np.float32).tiny)[:, np.newaxis]
    return hashes, structure.astype(np.float16), length / np.sqrt(height * width)


def _gray_values(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 3:
        return pixels.astype(np.float32)
    if pixels.shape[-1] in (3, 4):
        return pixels[..., :3].astype(np.float32) @ LUMA
    # Gray, or gray and alpha.
    return pixels[..., 0].astype(np.float32)


def _without_mean(amplitudes: np.ndarray) -> np.ndarray:
    """Flat amplitudes without the first, which is the mean of the image."""
    return amplitudes.reshape(len(amplitudes), -1)[:, 1:]


@cache
def _basis(n: int) -> np.ndarray:
    """The lowest basis vectors of the discrete cosine transform of n values."""
    return dct(np.eye(n), axis=0, norm="ortho")[:N_FREQUENCIES].astype(np.float32)
