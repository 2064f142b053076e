"""Image files: listed in folders and archives, and decoded to pixels in memory, on demand or from a cache.

Nothing here knows classes or labels.
"""

from ._archive import read_source
from ._decoding import decode_files, shown_size
from ._image_files import ImageFiles
from ._loading import Loading, OnError, load_images
from ._pixels import (
    MODES,
    SUFFIXES,
    Fit,
    Reading,
    SixteenBit,
    checked_reading,
    decode,
    is_image,
    pixels_of,
    why_unreadable,
)
from ._source import Source, SourceFile, hash_files, printable
from ._threads import map_threads

__all__ = [
    "MODES",
    "SUFFIXES",
    "Fit",
    "ImageFiles",
    "Loading",
    "OnError",
    "Reading",
    "SixteenBit",
    "Source",
    "SourceFile",
    "checked_reading",
    "decode",
    "decode_files",
    "hash_files",
    "is_image",
    "load_images",
    "map_threads",
    "pixels_of",
    "printable",
    "read_source",
    "shown_size",
    "why_unreadable",
]
