"""One image file -> pixels: orientation, bit depth, transparency, channels and size."""

from __future__ import annotations

import contextlib
import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np

from ._limits import check_cost, room_for, weighted_pixels
from ._resizing import resized

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff")
# Modes of Pillow by the number of channels.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
FITS = ("crop", "pad", "stretch")
SIXTEEN_BIT = ("refuse", "scale")
EXIF_ORIENTATION = 0x0112
# Metadata of a PNG file in which Pillow looks for an orientation.
PNG_METADATA = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")
# Pixels that are brought to another depth at a time.
BAND_PIXELS = 2**22

Fit = Literal["crop", "pad", "stretch"]
SixteenBit = Literal["refuse", "scale"]


@dataclass(frozen=True)
class Reading:
    """How images are brought to one size and to 8 bits.

    Parameters
    ----------
    image_size : tuple of int or None, default=None
        ``(h, w)``; None keeps the size of the file.
    fit : {"crop", "pad", "stretch"}, default="crop"
        How another aspect ratio is brought to that of `image_size`.
    sixteen_bit : {"refuse", "scale"}, default="refuse"
        Whether 16-bit grayscale is an error or scaled to 8 bits.
    """

    image_size: tuple[int, int] | None = None
    fit: Fit = "crop"
    sixteen_bit: SixteenBit = "refuse"

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        size = None if self.image_size is None else list(self.image_size)
        return {"image_size": size, "fit": self.fit, "sixteen_bit": self.sixteen_bit}


def checked_reading(image_size: Any, fit: Any, sixteen_bit: Any) -> Reading:
    """Check the parameters of the loaders; raises ValueError."""
    if fit not in FITS:
        raise ValueError(f"fit is {fit!r}; it must be 'crop', 'pad' or 'stretch'.")
    if sixteen_bit not in SIXTEEN_BIT:
        raise ValueError(f"sixteen_bit is {sixteen_bit!r}; it must be 'refuse' or 'scale'.")
    if image_size is None:
        return Reading(None, fit, sixteen_bit)
    try:
        h, w = image_size
    except (TypeError, ValueError):
        h = w = None
    if not all(isinstance(side, Integral) and not isinstance(side, bool) and int(side) > 0 for side in (h, w)):
        raise ValueError(f"image_size is {image_size!r}; it must be (height, width), two positive integers.")
    return Reading((int(h), int(w)), fit, sixteen_bit)  # type: ignore[arg-type]


def is_image(name: str) -> bool:
    """Return whether a file name has the suffix of an image."""
    return name.lower().endswith(SUFFIXES)


def decode(content: bytes, reading: Reading, channels: int | None) -> np.ndarray:
    """Decode one image.

    Parameters
    ----------
    content : bytes
    reading : Reading
    channels : {1, 2, 3, 4} or None
        None means 1 if the image is grayscale and 3 otherwise.

    Returns
    -------
    ndarray of uint8, shape (h, w, c)

    Raises
    ------
    Exception
        Of almost any kind: Pillow does so on damaged files.
    """
    from PIL import ImageOps

    image: Image.Image = _open(io.BytesIO(content), reading)
    check_cost(image, content)
    if reading.image_size is not None:
        _draft(image, reading)
    with room_for(weighted_pixels(image)):
        image.load()
        with contextlib.suppress(Exception):  # damaged metadata beside sound pixels
            ImageOps.exif_transpose(image, in_place=True)
        return _converted(image, reading, channels)


def pixels_of(image: Image.Image, reading: Reading, channels: int | None = None) -> np.ndarray:
    """Bring an image of Pillow to pixels, as `decode` does with the content of a file. The image is not changed.

    Parameters
    ----------
    image : PIL.Image.Image
    reading, channels
        As in `decode`.

    Returns
    -------
    ndarray of uint8, shape (h, w, c)

    Raises
    ------
    ValueError
        If it has more than 8 bits a channel, and `reading` does not scale them.
    """
    from PIL import ImageOps

    _check_depth(image, reading)
    turned = image
    with contextlib.suppress(Exception):
        turned = ImageOps.exif_transpose(image)
    # By which 16-bit images are told from deeper ones.
    turned.format = image.format
    return _converted(turned, reading, channels)


def _converted(image: Image.Image, reading: Reading, channels: int | None) -> np.ndarray:
    """The pixels of an image that is upright: 8 bits, without transparency, of the wanted channels and size."""
    if _is_deep(image):
        image = _scaled_to_8_bits(image)
    if channels is None:
        channels = 1 if image.mode in ("1", "L") else 3
    if image.has_transparency_data:
        image = _on_white(image) if channels in (1, 3) else image.convert("RGBA")
    if image.mode != MODES[channels]:
        image = image.convert(MODES[channels])
    if reading.image_size is not None:
        image = resized(image, reading.image_size, reading.fit)
    return np.asarray(image).reshape(image.height, image.width, -1)


def why_unreadable(error: Exception) -> str:
    """Return why an image cannot be decoded, without an address in memory or the number of an error."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "it has no format of images that is known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if type(error) is ValueError:
        return str(error)
    return f"{type(error).__name__}: {error}"


def read_header(stream: IO[bytes], reading: Reading) -> tuple[tuple[int, int], bool]:
    """Return the height and width at which an image is shown, and whether it is grayscale, without decoding it.

    Raises
    ------
    Exception
        Of almost any kind.
    """
    image = _open(stream, reading)
    h, w = image.height, image.width
    return (w, h) if _is_turned(image) else (h, w), image.mode in ("1", "L") or _is_deep(image)


def _open(stream: IO[bytes], reading: Reading) -> Image.Image:
    from PIL import Image

    try:
        image = Image.open(stream, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise Image.DecompressionBombError(
            f"{error} If you trust the file, raise PIL.Image.MAX_IMAGE_PIXELS: the limit is twice this number. Worker "
            "processes (n_jobs=) do not take it over; pass cache=FOLDER, so that images are decoded in this process"
        ) from None
    _check_depth(image, reading)
    return image


def _check_depth(image: Image.Image, reading: Reading) -> None:
    if image.mode.startswith(("I", "F")) and not _is_deep(image):
        raise ValueError(f"{image.mode} pixels: more than 16 bits a channel, not 8 bits")
    if _is_deep(image) and reading.sixteen_bit != "scale":
        raise ValueError('16-bit grayscale, not 8 bits a channel; sixteen_bit="scale" scales 0-65535 to 0-255')


def _is_deep(image: Image.Image) -> bool:
    """Return whether an image is 16-bit grayscale, which Pillow reads from PGM and some PNG files as 32-bit."""
    return image.mode in ("I;16", "I;16B", "I;16L", "I;16N") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    from PIL import Image

    scaled = Image.new("L", image.size)
    for band in _bands(image):
        values = np.asarray(image.crop(band)).astype(np.uint32)
        scaled.paste(Image.fromarray(((values + 128) // 257).astype(np.uint8)), band)
    return scaled


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    opaque = Image.new("RGB", image.size)
    for band in _bands(image):
        part = image.crop(band).convert("RGBA")
        white = Image.new("RGBA", part.size, "white")
        opaque.paste(Image.alpha_composite(white, part).convert("RGB"), band)
    return opaque


def _bands(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Horizontal bands of an image, so that what is computed of it takes little memory."""
    n_rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, n_rows):
        yield 0, top, image.width, min(top + n_rows, image.height)


def _is_turned(image: Image.Image) -> bool:
    """Return whether the orientation exchanges width and height."""
    if image.format == "TIFF":  # Pillow turns it itself
        return False
    try:
        if image.format == "PNG" and _has_late_metadata(image.fp):  # type: ignore[attr-defined]
            image.load()
        elif image.format == "PNG" and not PNG_METADATA & image.info.keys():
            return False  # getexif() would decode the pixels to search the rest of the file
        return image.getexif().get(EXIF_ORIENTATION) in (5, 6, 7, 8)
    except Exception:  # damaged metadata
        return False


def _has_late_metadata(stream: IO[bytes]) -> bool:
    """Return whether a PNG file has metadata with an orientation behind its pixels, from the names of its chunks."""
    position = stream.tell()
    behind_pixels = False
    try:
        stream.seek(len(PNG_SIGNATURE))
        while len(header := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", header)
            start = stream.read(min(length, 32)) if behind_pixels and kind in PNG_TEXT else b""
            if behind_pixels and kind == b"eXIf" or start.partition(b"\0")[0].decode("latin-1") in PNG_METADATA:
                return True
            behind_pixels = behind_pixels or kind == b"IDAT"
            stream.seek(length + 4 - len(start), io.SEEK_CUR)
        return False
    finally:
        stream.seek(position)


def _draft(image: Image.Image, reading: Reading) -> None:
    """Let a JPEG file be decoded at 1/2, 1/4 or 1/8 of its size if that is no smaller than what is wanted."""
    if image.format not in ("JPEG", "MPO"):
        return
    h, w = reading.image_size  # type: ignore[misc]
    if _is_turned(image):
        h, w = w, h
    if reading.fit == "pad":
        scale = min(h / image.height, w / image.width)
        h, w = math.ceil(scale * image.height), math.ceil(scale * image.width)
    image.draft(None, (w, h))  # type: ignore[arg-type]  # None keeps the mode
