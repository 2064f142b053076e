"""Outputs of a network for any number of images, in batches of bounded memory."""

import math
from collections.abc import Callable, Generator
from contextlib import closing

import keras
import numpy as np

from .._shared.lazy_arrays import LazyArray, read_each
from .compiled import input_dtype

PREDICTION_BATCH = 1024
# Numbers that one layer may give for a batch: 256 MB in float32.
MAX_VALUES = 2**26


def for_device(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A batch as it goes to the device: uint8 stays uint8, any other dtype becomes the network's own."""
    return x if x.dtype == np.uint8 else np.asarray(x, dtype)


def views_at_test_time(batch: np.ndarray, flip: bool, shift: int) -> list[tuple[np.ndarray, float]]:
    """A batch as it is, moved and mirrored, each view with its share in the average.

    Parameters
    ----------
    batch : ndarray, shape (n, h, w, c)
    flip : bool
        Also take the mirror images.
    shift : int
        Also take images moved by so many pixels along both axes, to either side; they count half as much as the
        images themselves.
    """
    views = [(batch, 1.0)]
    if shift:
        _, height, width, _ = batch.shape
        wide = np.pad(batch, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="reflect")
        moved = [wide[:, at : at + height, at : at + width] for at in (0, 2 * shift)]
        views = [(batch, 0.5), *((view, 0.25) for view in moved)]
    if flip:
        views = [(side, share / 2) for view, share in views for side in (view, view[:, :, ::-1])]
    return views


def prediction_batch(model: keras.Model) -> int:
    """Images that a network takes at once: fewer if its layers give many numbers for each."""
    largest = 1
    for layer in model._flatten_layers():
        shape = getattr(getattr(layer, "output", None), "shape", (1,))[1:] if layer._inbound_nodes else ()
        if None not in shape:
            largest = max(largest, math.prod(shape))
    return min(PREDICTION_BATCH, 1 << (max(MAX_VALUES // largest, 1).bit_length() - 1))


def map_batches(function: Callable, X, scale: float, model: keras.Model) -> np.ndarray:
    """Apply a compiled ``function(batch, scale)`` to all images, ndarray or LazyArray, in batches of bounded memory."""
    dtype = input_dtype(model)
    factor, size = np.asarray(scale, dtype), prediction_batch(model)
    parts = [slice(start, start + size) for start in range(0, max(len(X), 1), size)]
    with closing(read_each(X, parts)) as batches:
        first = function(for_device(next(batches), dtype), factor)
        if len(parts) == 1:
            # JAX gives arrays that cannot be written to.
            return first if first.flags.writeable else first.copy()
        # Filled in place: a list of parts would need twice the memory in the end.
        outputs = np.empty((len(X), *first.shape[1:]), first.dtype)
        outputs[parts[0]] = first
        for part, batch in zip(parts[1:], batches, strict=True):
            outputs[part] = function(for_device(batch, dtype), factor)
    return outputs


def image_blocks(X) -> Generator[tuple[slice, np.ndarray], None, None]:
    """Yield images for several networks, which are read once for all of them; images in memory are one block.

    A block of a `LazyArray` is a multiple of every network's batch, so that predictions do not depend on blocks.
    """
    if not isinstance(X, LazyArray):
        yield slice(None), X
        return
    size = 1 << (max(MAX_VALUES // max(math.prod(X.row_shape), 1), 1).bit_length() - 1)
    parts = [slice(start, start + size) for start in range(0, len(X), size)]
    with closing(read_each(X, parts)) as blocks:
        yield from zip(parts, blocks, strict=True)
