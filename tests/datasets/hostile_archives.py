"""Archives that are made to hurt, each with a part of the message that refuses it, or the word "read"."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from sk_cifar_ovr import load_image_folder
from sk_cifar_ovr.exceptions import DatasetError

GIBIBYTE = 2**30


def hostile_archives(folder: Path, *, large: bool = False) -> Iterator[tuple[Path, str]]:
    """Write archives, and yield the path of each and what is expected of it."""
    for make in (_bombs, _many) if large else (_unsafe_names, _links, _odd_but_sound, _encrypted, _claims):
        for name, content, expected in make():
            (folder / name).write_bytes(content)
            yield folder / name, expected


def archive_outcome(path: Path, expected: str) -> str:
    """Read an archive and return "read", "refused", or what is wrong, after WRONG."""
    try:
        data = load_image_folder(path, verbose=0)
    except (DatasetError, MemoryError) as error:
        # Of images inside, the name in the archive is told.
        is_told = expected in str(error) and (path.name in str(error) or expected.endswith(".png"))
        return "refused" if is_told else f"WRONG: {error}"
    return "read" if expected == "read" and len(data.images) else "WRONG: accepted"


def png(seed: int = 0) -> bytes:
    """A small image."""
    stream = io.BytesIO()
    Image.new("RGB", (5, 4), (seed % 256, seed // 256 % 256, 7)).save(stream, "PNG")
    return stream.getvalue()


def zip_of(members, method=zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of pairs (name or ZipInfo, content), after two images of two classes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in (("cat/1.png", png(1)), ("dog/1.png", png(2)), *members):
            archive.writestr(name, content)
    return stream.getvalue()


def tar_of(members, *, format=tarfile.PAX_FORMAT) -> bytes:
    """A tar archive of pairs (name or TarInfo, content), after two images of two classes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, content in (("cat/1.png", png(1)), ("dog/1.png", png(2)), *members):
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(name, tarfile.TarInfo):
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def header(name: str, kind: bytes, size: int = 0, target: str = "") -> tarfile.TarInfo:
    """A header of a tar archive."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    return info


def _unsafe_names() -> Iterator[tuple[str, bytes, str]]:
    names = ["/etc/passwd.png", "../cat/2.png", "cat/../../2.png", "..\\cat\\2.png", "C:\\2.png", "c:/2.png", "cat/.."]
    for i, name in enumerate(names):
        yield f"traversal-{i}.zip", zip_of([(name, png())]), "leads out"
        yield f"traversal-{i}.tar", tar_of([(name, png())]), "leads out"


def _links() -> Iterator[tuple[str, bytes, str]]:
    kinds = {"symbolic": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "character": tarfile.CHRTYPE}
    kinds |= {"block": tarfile.BLKTYPE, "fifo": tarfile.FIFOTYPE}
    for name, kind in kinds.items():
        for target in ("cat/1.png", "/etc/passwd"):
            member = header("cat/2.png", kind, target=target)
            yield f"{name}{len(target)}.tar", tar_of([(member, b"")]), "link or a device"
    for name, mode in (("symbolic", 0o120777), ("device", 0o060666), ("fifo", 0o010666)):
        info = zipfile.ZipInfo("cat/2.png")
        info.external_attr = mode << 16
        yield f"{name}.zip", zip_of([(info, "/etc/passwd")]), "link or a device"


def _odd_but_sound() -> Iterator[tuple[str, bytes, str]]:
    nested = [("cat/inside.zip", zip_of([])), ("dog.tar", tar_of([]))]
    yield "nested-above.zip", zip_of([("inside.zip", zip_of([]))]), "read"
    yield "nested.zip", zip_of(nested), "is not an image"
    yield "nested.tar", tar_of(nested), "is not an image"
    twice = [("cat/1.png", png(3))]
    yield "twice.tar", tar_of(twice), "twice"
    yield "twice-nested.tar", tar_of([("./cat//1.png", png(3))]), "twice"
    yield "long.tar", tar_of([("cat/" + "x" * 250 + ".png", png(3))], format=tarfile.GNU_FORMAT), "read"
    yield "long.tar.xz", lzma.compress(tar_of([("cat/" + "y" * 250 + ".png", png(3))])), "read"
    yield "old.tar", tar_of([], format=tarfile.USTAR_FORMAT), "read"
    yield "stored.zip", zip_of([], zipfile.ZIP_STORED), "read"
    yield "bzip2.tar.bz2", bz2.compress(tar_of([])), "read"
    yield "two.tar", tar_of([]) + tar_of([("cat/3.png", png(3))]), "goes on behind its end"
    yield "sparse.tar", tar_of([(header("cat/2.png", tarfile.GNUTYPE_SPARSE), b"")]), "cat/2.png"
    yield "before.zip", b"#!/bin/sh\n" + zip_of([]), "cannot be read as an archive"


def _encrypted() -> Iterator[tuple[str, bytes, str]]:
    content = bytearray(zip_of([("cat/secret.png", png())]))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.rindex(signature)
        content[at + offset] |= 1
    yield "encrypted.zip", bytes(content), "encrypted"
    for method, name in ((zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "lzma")):
        yield f"{name}.zip", zip_of([], method), "neither stored nor deflated"


def _claims() -> Iterator[tuple[str, bytes, str]]:
    """Sizes in headers that are not true."""
    for size in (2**28 + 1, 10 * GIBIBYTE, 2**60):
        content = tar_of([]).rstrip(b"\0")
        content += b"\0" * (-len(content) % 512) + header("cat/2.png", tarfile.REGTYPE, size).tobuf(tarfile.GNU_FORMAT)
        yield f"claim-{size}.tar", content + b"\0" * 1024, "would unpack to"
    yield "claim.zip", _zip_with_size(zip_of([]), 2**31), "would unpack to"
    yield "short.zip", _zip_with_size(zip_of([]), 3), "cannot be read as an archive"
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE):
        content = tar_of([]).rstrip(b"\0")
        content += b"\0" * (-len(content) % 512) + header("x", kind, 8 * GIBIBYTE).tobuf(tarfile.GNU_FORMAT)
        yield f"header-{kind.decode()}.tar", content + b"\0" * 1024, "a header of"
    minus = header("cat/2.png", tarfile.REGTYPE).tobuf(tarfile.GNU_FORMAT)
    yield "minus.tar", _with_negative_size(minus) + b"\0" * 1024, "cannot be read as an archive"


def _zip_with_size(content: bytes, size: int) -> bytes:
    """Change the size after unpacking in the last entries of a zip archive."""
    changed = bytearray(content)
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = changed.rindex(signature)
        changed[at + offset : at + offset + 4] = struct.pack("<I", size)
    return bytes(changed)


def _with_negative_size(block: bytes) -> bytes:
    changed = bytearray(block)
    changed[124:136] = b"\xff" * 12
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed[:512])
    return bytes(changed)


def _bombs() -> Iterator[tuple[str, bytes, str]]:
    """Many times their size."""
    zeros = bytes(2**28)
    yield "flat.zip", zip_of([(f"cat/{i}.png", zeros) for i in range(2, 8)]), "200 times"
    yield "flat.tar.gz", gzip.compress(tar_of([(f"cat/{i}.png", zeros) for i in range(2, 8)]), 1), "200 times"
    yield "one.tar.xz", _compressed(lzma.LZMACompressor(preset=0), "cat/2.png", 2**28 + 1), "would unpack to"
    yield "ignored.tar.bz2", _compressed(bz2.BZ2Compressor(9), "notes.txt", 4 * GIBIBYTE), "200 times"
    yield "behind.tar.gz", gzip.compress(tar_of([]) + bytes(3 * GIBIBYTE // 2), 1), "200 times"


def _compressed(compressor, name: str, size: int) -> bytes:
    """A tar archive with a file of zeros, compressed piece by piece."""
    start = tar_of([]).rstrip(b"\0")
    start += b"\0" * (-len(start) % 512) + header(name, tarfile.REGTYPE, size).tobuf(tarfile.GNU_FORMAT)
    pieces, block = [compressor.compress(start)], bytes(2**24)
    pieces += [compressor.compress(block) for _ in range(size // len(block) + 1)]
    return b"".join([*pieces, compressor.flush()])


def _many() -> Iterator[tuple[str, bytes, str]]:
    """100,000 entries."""
    content = png()
    names = [(f"{'cat' if i % 2 else 'dog'}/many{i}.png", content) for i in range(100_000)]
    yield "many.zip", zip_of(names, zipfile.ZIP_STORED), "read"
    yield "many.tar", tar_of(names, format=tarfile.GNU_FORMAT), "read"
    del names
    folders = [(f"cat/{i}/", b"") for i in range(100_000)]
    yield "folders.zip", zip_of(folders, zipfile.ZIP_STORED), "read"
    yield "deep.zip", zip_of([("cat/" + "d/" * 20_000 + "1.png", content)]), "read"
