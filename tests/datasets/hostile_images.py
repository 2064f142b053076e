"""Malformed and unusual image files, made anew from a seed: every mode and depth of Pillow, cut, changed and huge."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sk_cifar_ovr.datasets.files import Reading, SourceFile, decode_files
from sk_cifar_ovr.exceptions import DatasetError

FORMATS = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "tiff": "TIFF", "webp": "WEBP", "ppm": "PPM"}
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "I;16", "I;16B", "F")
TIFF_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4")


@dataclass
class Case:
    """A file, and what is expected of it.

    Attributes
    ----------
    name : str
    content : bytes or None
        None if the file is there already.
    kind : str
        What is unusual about it.
    pixels : ndarray or None
        The pixels if it can be read.
    tolerance : int
        Largest difference from `pixels`.
    must_be_read, must_be_refused : bool
    """

    name: str
    content: bytes | None
    kind: str
    pixels: np.ndarray | None = None
    tolerance: int = 0
    must_be_read: bool = False
    must_be_refused: bool = False


def hostile_images(seed: int = 0, *, every_tenth: bool = False) -> Iterator[Case]:
    """Yield the small files: about 1,300, or 2,500 if each is cut at every tenth of its size."""
    rng = np.random.default_rng(seed)
    sound = list(_sound(rng))
    yield from sound
    for case in sound:
        yield from _truncated(case, 10 if every_tenth else 4)
        yield from _changed(case, rng, 3 if every_tenth else 1)
    yield from _wrong_endings(sound)
    yield from _sizes()
    yield from _junk(rng)


def outcome(case: Case, folder: Path, image_size: tuple[int, int] | None) -> str:
    """Read one file and return "read", "refused", or what is wrong, after WRONG."""
    path = folder / case.name
    if case.content is not None:
        path.write_bytes(case.content)
    try:
        images = decode_files([SourceFile(case.name, str(path))], Reading(image_size, "pad", "scale"))[0]
    except DatasetError as error:
        is_told = case.name in str(error) and " object at 0x" not in str(error)
        return "refused" if is_told and not case.must_be_read else f"WRONG: refused: {error}"
    except MemoryError as error:
        return "refused" if "image_size" in str(error) else f"WRONG: {error!r}"
    return "read" if _is_right(case, images[0], image_size) else "WRONG: other pixels"


def _is_right(case: Case, pixels: np.ndarray, image_size: tuple[int, int] | None) -> bool:
    """Whether a file may be read, and has these pixels if its size is kept."""
    if case.must_be_refused:
        return False
    if image_size or case.pixels is None:
        return True
    return bool(np.abs(pixels.astype(int) - case.pixels).max() <= case.tolerance)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    """Content of a file of an image."""
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def _image(mode: str, rng: np.random.Generator, size=(19, 13)) -> Image.Image:
    """A smooth picture of any mode, with transparent parts where the mode has them."""
    w, h = size
    x, y = np.meshgrid(np.linspace(0, 1, w), np.linspace(0, 1, h))
    shift = rng.random(4)
    planes = np.stack([255 * (x * s + y * (1 - s)) for s in shift], axis=-1).astype(np.uint8)
    if mode in ("I;16", "I;16B"):
        return Image.fromarray(planes[..., 0].astype(np.uint16) * 257).convert(mode)
    if mode in ("I", "F"):
        return Image.fromarray(planes[..., 0].astype(np.float32 if mode == "F" else np.int32))
    if mode == "LA":
        return Image.frombytes("LA", size, planes[..., :2].tobytes())
    if mode == "PA":
        return Image.fromarray(planes[..., :3]).quantize(64).convert("PA")
    rgba = Image.fromarray(planes)
    if mode == "P":
        return rgba.convert("RGB").quantize(64)
    if mode == "LAB":
        return Image.frombytes("LAB", size, planes[..., :3].tobytes())
    return rgba if mode == "RGBA" else rgba.convert("RGB").convert(mode)


def _expected(image: Image.Image) -> np.ndarray | None:
    """The pixels of a decoded file as they should be read, by other means than those of the package."""
    if image.mode.startswith("I;16") or image.mode == "I" and image.format in ("PNG", "PPM"):
        return np.rint(np.asarray(image).astype(float) / 257).astype(int)[..., np.newaxis]
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return None
    is_grey = image.mode in ("1", "L")
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA")).astype(float)
        alpha = rgba[..., 3:] / 255
        return np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(int)[..., : 1 if is_grey else 3]
    return np.asarray(image.convert("L" if is_grey else "RGB")).astype(int).reshape(image.height, image.width, -1)


def _sound(rng: np.random.Generator) -> Iterator[Case]:
    """Every mode in every format that can hold it."""
    for ending, format in FORMATS.items():
        for mode in MODES:
            for options in [{"compression": c} for c in TIFF_COMPRESSIONS] if ending == "tiff" else _options(ending):
                image = _image(mode, rng)
                try:
                    content = encoded(image, format, **options)
                    decoded = Image.open(io.BytesIO(content))
                    decoded.load()
                except (OSError, ValueError, KeyError, RuntimeError, SystemError):
                    continue  # the format has no such mode
                pixels = _expected(decoded)
                name = "-".join(["sound", mode.replace(";", "_"), *map(str, options.values())]).replace(" ", "")
                yield Case(
                    f"{name}.{ending}",
                    content,
                    "sound",
                    pixels,
                    tolerance=2,
                    must_be_read=pixels is not None,
                    must_be_refused=pixels is None,
                )


def _options(ending: str) -> list[dict]:
    if ending == "jpg":
        return [{}, {"progressive": True}, {"quality": 100, "subsampling": 0}]
    if ending == "webp":
        return [{}, {"lossless": True}]
    return [{}, {"interlace": 1}] if ending == "gif" else [{}]


def _truncated(case: Case, n: int) -> Iterator[Case]:
    """Cut at every n-th of its size. What is read all the same has the right pixels."""
    for i in range(n):
        content = case.content[: len(case.content) * i // n]
        yield Case(f"cut-{i}-{case.name}", content, "truncated", case.pixels, case.tolerance)
    yield Case(f"cut-end-{case.name}", case.content[:-1], "truncated", case.pixels, case.tolerance)


def _changed(case: Case, rng: np.random.Generator, n: int) -> Iterator[Case]:
    """Some bytes of the header, or anywhere, are others; formats without checksums cannot notice all of it."""
    for i in range(n):
        content = bytearray(case.content)
        end = min(64, len(content)) if i % 2 == 0 else len(content)
        for at in rng.integers(0, end, 4):
            content[at] = rng.integers(0, 256)
        yield Case(f"changed-{i}-{case.name}", bytes(content), "changed bytes")


def _wrong_endings(sound: list[Case]) -> Iterator[Case]:
    """The content of one format under the name of another is read by its content."""
    for case in sound[::7]:
        for ending in FORMATS:
            if not case.name.endswith(ending):
                name = f"named-{case.name.replace('.', '_')}.{ending}"
                yield Case(name, case.content, "wrong ending", case.pixels, case.tolerance, case.must_be_read)


def _sizes() -> Iterator[Case]:
    """One pixel wide or high, and none at all."""
    for ending, format in FORMATS.items():
        for size in ((1, 20_000), (20_000, 1), (1, 1), (2, 3)):
            if max(size) > 16_383 and ending == "webp":
                continue
            image = Image.new("RGB", size, (10, 200, 30))
            content = encoded(image, format)
            pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
            name = f"size-{size[0]}x{size[1]}.{ending}"
            yield Case(name, content, "size", pixels, tolerance=2, must_be_read=True)
        for size in ((0, 0), (0, 5), (5, 0)):
            try:
                content = with_size(ending, size)
            except ValueError:
                continue
            yield Case(f"size-{size[0]}x{size[1]}.{ending}", content, "no pixels", must_be_refused=True)


def with_size(ending: str, size: tuple[int, int], rest: bytes | None = None) -> bytes:
    """A small file whose header tells another size."""
    w, h = size
    content = bytearray(encoded(Image.new("L" if ending in ("jpg", "ppm") else "P", (8, 8)), FORMATS[ending]))
    if ending == "png":
        head = struct.pack(">II", w, h) + content[24:29]
        content[16:33] = head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    elif ending == "gif":
        content[6:10] = struct.pack("<HH", min(w, 65_535), min(h, 65_535))
        at = content.index(b",", 13)
        content[at + 5 : at + 9] = struct.pack("<HH", min(w, 65_535), min(h, 65_535))
    elif ending == "bmp":
        content[18:26] = struct.pack("<ii", w, h)
    elif ending == "jpg":
        at = content.index(b"\xff\xc0")
        content[at + 5 : at + 9] = struct.pack(">HH", min(h, 65_535), min(w, 65_535))
    elif ending == "ppm":
        return b"P5 %d %d 255\n" % (w, h) + b"\0" * 64
    elif ending == "tiff":
        return _tiff({256: w, 257: h, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: max(h, 1), 279: 64})
    else:
        raise ValueError("a size is at least one pixel in this format")
    return bytes(content)


def _tiff(tags: dict[int, int]) -> bytes:
    """A TIFF file with tags of one number each."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<I", 72) + b"\0" * 64 + struct.pack("<H", len(tags)) + entries + b"\0" * 4


def _junk(rng: np.random.Generator) -> Iterator[Case]:
    """No images at all, and headers of each format before noise."""
    # All bytes behind the header of a PPM file are pixels.
    signatures = [encoded(Image.new("L", (8, 8)), format)[:16] for format in FORMATS.values() if format != "PPM"]
    for i, begin in enumerate([b"", b"\0", b"hello", b"PK\3\4", b"%PDF-1.7", b"\x7fELF", b"<svg/>", *signatures]):
        noise = rng.integers(0, 256, 500, dtype=np.uint8).tobytes()
        yield Case(f"junk-{i}.png", begin + (noise if i else b""), "junk", must_be_refused=True)
    for ending in FORMATS:
        yield Case(f"zeros.{ending}", b"\0" * 1000, "junk", must_be_refused=True)


def zlib_png(size: tuple[int, int], colour: int, n_values: int, depth: int = 8) -> bytes:
    """A PNG file of one colour, which is small whatever its size is, written row by row."""
    compress, data = zlib.compressobj(1), bytearray()
    row = b"\0" * (1 + size[0] * n_values * depth // 8)
    block = row * max(1, min(size[1], 2**22 // len(row)))
    left = len(row) * size[1]
    while left > 0:
        data += compress.compress(block[:left])
        left -= len(block)
    data += compress.flush()
    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", bytes(data)), (b"IEND", b""))
    if colour == 3:
        chunks = (chunks[0], (b"PLTE", b"\xff" * 6), (b"tRNS", b"\x80\xff"), *chunks[1:])
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def tiles(side: int) -> bytes:
    """A TIFF file of 8 x 8 pixels in a tile of `side` x `side`."""
    return _tiff({256: 8, 257: 8, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 8, 325: 64})


def many_scans(n: int, side: int = 4000) -> bytes:
    """A progressive JPEG file in which the last scan is repeated."""
    content = encoded(Image.new("L", (side, side), 99), "JPEG", progressive=True)
    at = content.rindex(b"\xff\xda")
    scan = content[at:-2]
    return content[:at] + scan * n + content[-2:]


def many_frames(n: int, ending: str) -> bytes:
    """An animation of n frames."""
    first = Image.new("P", (64, 64))
    first.putpalette([0, 0, 0, 200, 200, 200])
    frames = [Image.frombytes("P", (64, 64), bytes([i % 2]) * 4096) for i in range(2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, 200, 200, 200])
    return encoded(first, FORMATS[ending], save_all=True, append_images=[frames[i % 2] for i in range(n)], duration=10)


def bombs() -> Iterator[Case]:
    """Files that promise or hold far more than their size tells."""
    for ending in FORMATS:
        for size in (
            (60_000, 60_000),
            (2**31 - 1, 2**31 - 1),
            (65_535, 1),
            (1, 65_535),
            (13_000, 13_000),
            (14_000, 14_000),
        ):
            if ending != "webp":
                content = with_size(ending, size)
                yield Case(f"promise-{size[0]}x{size[1]}.{ending}", content, "promised pixels")
    for name, colour, n_values, depth in (
        ("rgb", 2, 3, 8),
        ("rgba", 6, 4, 8),
        ("grey16", 0, 1, 16),
        ("palette", 3, 1, 8),
    ):
        side = 13_300  # just below what Pillow refuses
        content = zlib_png((side, side), colour, n_values, depth)
        yield Case(f"bomb-{name}.png", content, "bombs of pixels", must_be_read=True)
    plain = Image.new("RGB", (13_300, 13_300), (9, 99, 199))
    for name, ending, image, options in (
        ("progressive", "jpg", plain, {"progressive": True, "subsampling": 0}),
        ("cmyk", "jpg", plain.convert("CMYK"), {"progressive": True}),
        ("lzw", "tiff", plain, {"compression": "tiff_lzw"}),
        ("gif", "gif", plain.quantize(4), {}),
        ("webp-too-large", "webp", plain, {"lossless": True, "quality": 0, "method": 0}),
        ("webp", "webp", plain.crop((0, 0, 9400, 9400)), {"lossless": True, "quality": 0, "method": 0}),
    ):
        content = encoded(image, FORMATS[ending], **options)
        is_allowed = "too-large" not in name
        yield Case(
            f"bomb-{name}.{ending}",
            content,
            "bombs of pixels",
            must_be_read=is_allowed,
            must_be_refused=not is_allowed,
        )
    del plain, image
    yield Case("scans.jpg", many_scans(5000), "bombs of scans", must_be_refused=True)
    for ending in ("gif", "webp", "tiff", "png"):
        yield Case(f"frames.{ending}", many_frames(1000, ending), "bombs of frames", must_be_read=True)
    yield Case("tiles.tiff", tiles(60_000), "bombs of tiles", must_be_refused=True)
    text = zlib.compress(b"a" * 2**28, 9)
    small = encoded(Image.new("L", (8, 8)), "PNG")
    body = b"Comment\0\0" + text
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    yield Case("text.png", small[:33] + chunk + small[33:], "bombs of text")
