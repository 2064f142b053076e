"""Image files decoded by Pillow into one uint8 array."""

from __future__ import annotations

import io
import logging
import warnings

import numpy as np

from ..exceptions import DatasetError
from ._archive import SourceFile
from ._progress import track

logger = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff")
# Modes of Pillow by the number of channels.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def is_image(name: str) -> bool:
    """Return whether a file name has the suffix of an image."""
    return name.lower().endswith(SUFFIXES)


def decode_files(
    files: list[SourceFile],
    *,
    on_error: str = "raise",
    channels: int | None = None,
    size: tuple[int, int] | None = None,
    verbose: int = 0,
) -> tuple[np.ndarray, np.ndarray, list[SourceFile]]:
    """Decode images of one size into one array.

    Parameters
    ----------
    files : list of SourceFile
        Image files.
    on_error : {"raise", "skip"}, default="raise"
        Whether a file that cannot be decoded is an error.
    channels : {1, 2, 3, 4}, default=None
        Number of channels. None means 1 if all images are grayscale and 3 otherwise.
    size : tuple of int, default=None
        ``(h, w)`` to which images of another size are resized.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    images : ndarray of uint8, shape (n, h, w, c)
    kept : ndarray of int, shape (n,)
        Indices in `files` of the images.
    skipped : list of SourceFile
        The remaining files.

    Raises
    ------
    DatasetError
        If a file cannot be decoded, or two images differ in size.
    """
    from PIL import Image

    images: np.ndarray | None = None
    kept: list[int] = []
    skipped: list[SourceFile] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for i, file in enumerate(track(files, "Decoding images", verbose)):
            try:
                pixels = _decode(file, channels, size)
            except DatasetError as error:
                if on_error == "raise":
                    raise
                logger.info("Skipped: %s", error)
                skipped.append(file)
                continue
            if images is None:
                images = np.empty((len(files), *pixels.shape), np.uint8)
            if pixels.shape[:2] != images.shape[1:3]:
                raise DatasetError(
                    f"Images of mixed sizes: {files[kept[0]].display_name!r} is {_format_size(images.shape[1:])} "
                    f"(width x height), {file.display_name!r} is {_format_size(pixels.shape)}. Resize them to one "
                    "size, which `sk-cifar-ovr predict` does with --resize."
                )
            if pixels.shape[2] > images.shape[3]:
                images = np.repeat(images, 3, axis=3)  # the first color image after grayscale ones
            images[len(kept)] = pixels
            kept.append(i)
    if images is None:
        raise DatasetError(f"None of the {len(files)} images can be read; the first is {files[0].display_name!r}.")
    return images[: len(kept)], np.array(kept), skipped


def _decode(file: SourceFile, channels: int | None, size: tuple[int, int] | None) -> np.ndarray:
    from PIL import Image

    try:
        image: Image.Image = Image.open(io.BytesIO(file.read()), formats=FORMATS)
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"{image.mode} pixels: more than 8 bits a channel")
        if channels is None:
            channels = 1 if image.mode in ("1", "L") else 3
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")
        image = image.convert(MODES[channels])
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1], Image.Resampling.BICUBIC)
    except Exception as error:  # Pillow can raise almost any exception on damaged files
        raise DatasetError(
            f"{file.display_name!r} cannot be read as an 8-bit image ({type(error).__name__}: {error}). "
            "Restore or convert it, or pass on_error='skip'."
        ) from error
    return np.asarray(image).reshape(image.height, image.width, -1)


def _format_size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
