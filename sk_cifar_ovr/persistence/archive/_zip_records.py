"""The records of a zip file of uncompressed entries: all its bytes that are no content follow from names and sizes."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

LOCAL_SIZE = 30
_VERSION, _METHOD, _TIME, _DATE = 20, 0, 0, 0x21
_UNIX, _MODE = 3 << 8, 0o600 << 16
_MAX_COUNT = 0xFFFF


@dataclass(frozen=True)
class Entry:
    """One entry of a zip file.

    Attributes
    ----------
    name : str
        In ASCII.
    size : int
    crc : int
    offset : int
        Of its local header.
    """

    name: str
    size: int
    crc: int
    offset: int

    @property
    def end(self) -> int:
        """Offset of the first byte behind the entry."""
        return self.offset + LOCAL_SIZE + len(self.name) + self.size

    def local_header(self) -> bytes:
        """What precedes the content."""
        return self._fields("<4s5H3L2H", b"PK\x03\x04", (_VERSION,), (0,))

    def directory_record(self) -> bytes:
        """The entry in the directory at the end of the file."""
        last = (0, 0, 0, 0, _MODE, self.offset)
        return self._fields("<4s6H3L5H2L", b"PK\x01\x02", (_UNIX | _VERSION, _VERSION), last)

    def _fields(self, layout: str, signature: bytes, versions: tuple[int, ...], last: tuple[int, ...]) -> bytes:
        name = self.name.encode()
        middle = (0, _METHOD, _TIME, _DATE, self.crc, self.size, self.size, len(name))
        return struct.pack(layout, signature, *versions, *middle, *last) + name


def directory(entries: Sequence[Entry]) -> bytes:
    """All that follows the last entry."""
    records = b"".join(entry.directory_record() for entry in entries)
    count, start = len(entries), entries[-1].end
    large = b""
    if count > _MAX_COUNT:
        version = (_VERSION + 25, _VERSION + 25)
        large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, *version, 0, 0, count, count, len(records), start)
        large += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(records), 1)
    short = min(count, _MAX_COUNT)
    return records + large + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, short, short, len(records), start, 0)
