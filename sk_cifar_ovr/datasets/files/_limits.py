"""What the files of strangers may cost: bytes of a file, pixels that are decoded at a time, scans of a JPEG file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# Bytes of an image file.
MAX_FILE_SIZE = 2**28
# Scans of a progressive JPEG file. Cameras write about ten; each scan of a few bytes costs a pass over all pixels.
MAX_SCANS = 500
START_OF_SCAN = b"\xff\xda"
# Formats whose decoding takes several times the memory of others.
COST = {"WEBP": 2}
# Tags of TIFF files.
TILE_WIDTH, TILE_HEIGHT = 322, 323


def max_pixels() -> int | None:
    """Number of pixels above which Pillow refuses an image; None if the user removed this limit."""
    from PIL import Image

    return None if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS


def check_cost(image: Image.Image, content: bytes) -> None:
    """Refuse images whose decoding takes much more time or memory than their number of pixels tells.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened, and not decoded.
    content : bytes
        The file.

    Raises
    ------
    ValueError
        Saying what is too large.
    """
    if image.width == 0 or image.height == 0:
        raise ValueError(f"it has no pixels: its size is {image.width}x{image.height} (width x height)")
    if image.format in ("JPEG", "MPO") and (n_scans := content.count(START_OF_SCAN)) > MAX_SCANS:
        raise ValueError(f"it has {n_scans:,} scans, and {MAX_SCANS} are the limit")
    limit = max_pixels()
    if limit is None:
        return
    if image.format in COST and weighted_pixels(image) > limit:
        raise ValueError(
            f"it has {image.width * image.height:,} pixels, and {limit // COST[str(image.format)]:,} are the limit for "
            f"{image.format}"
        )
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        width, height = tags.get(TILE_WIDTH, 1), tags.get(TILE_HEIGHT, 1)
        if width * height > limit:
            raise ValueError(f"its tiles have {width}x{height} pixels, and {limit:,} are the limit")


def weighted_pixels(image: Image.Image) -> int:
    """Return the number of pixels, counted several times in formats that take more memory."""
    return image.width * image.height * COST.get(str(image.format), 1)


class _Room:
    """Number of pixels that threads may decode at a time: as many as one image may have."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._used = 0

    def enter(self, n_pixels: int) -> None:
        with self._changed:
            # An image that is alone has room, whatever its size is.
            while self._used and (limit := max_pixels()) is not None and self._used + n_pixels > limit:
                self._changed.wait()
            self._used += n_pixels

    def leave(self, n_pixels: int) -> None:
        with self._changed:
            self._used -= n_pixels
            self._changed.notify_all()


@cache
def _room() -> _Room:
    return _Room()


if hasattr(os, "register_at_fork"):
    # A thread of the parent, which a forked process does not have, may hold the lock.
    os.register_at_fork(after_in_child=_room.cache_clear)


@contextmanager
def room_for(n_pixels: int) -> Iterator[None]:
    """Context in which an image is decoded, entered when those that others decode at the moment leave room for it.

    Parameters
    ----------
    n_pixels : int
        Size of the image; see `weighted_pixels`.
    """
    room = _room()
    room.enter(n_pixels)
    try:
        yield
    finally:
        room.leave(n_pixels)
