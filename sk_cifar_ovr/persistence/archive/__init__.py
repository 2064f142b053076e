"""One zip file with a manifest: named parts in, a file and its digest out, and the reverse.

A part is a JSON document or an array. Every byte of a file is checked before a part is used. Nothing is known here of
estimators.
"""

from ._json import parse_json, to_json
from ._manifest import FORMAT, MAX_BYTES, checked_digest
from ._npy import array_from_npy, npy_parts
from ._reader import ArchiveReader, first_entry
from ._writer import ArchiveWriter

__all__ = [
    "FORMAT",
    "MAX_BYTES",
    "ArchiveReader",
    "ArchiveWriter",
    "array_from_npy",
    "checked_digest",
    "first_entry",
    "npy_parts",
    "parse_json",
    "to_json",
]
