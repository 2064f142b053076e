"""An image -> the same image in another size: cropped, padded or stretched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# Factor by which the width of an image may grow while its height is not yet reduced.
MAX_GROWTH = 4


def resized(image: Image.Image, image_size: tuple[int, int], fit: str) -> Image.Image:
    """Bring an image to a size.

    Parameters
    ----------
    image : PIL.Image.Image
    image_size : tuple of int
        ``(h, w)``.
    fit : {"crop", "pad", "stretch"}

    Returns
    -------
    PIL.Image.Image
    """
    from PIL import Image, ImageOps

    w, h = size = image_size[::-1]
    if image.size == size:
        return image
    # Both average over all pixels when they reduce, which the cheaper one does as well.
    method = Image.Resampling.BILINEAR if image.width >= w and image.height >= h else Image.Resampling.BICUBIC
    if fit == "crop":
        return ImageOps.fit(image, size, method)
    if fit == "pad":
        return _padded(image, size, method)
    if w > MAX_GROWTH * image.width and h < image.height:
        # Pillow begins with the width.
        image = image.resize((image.width, h), method)
    return image.resize(size, method)


def _padded(image: Image.Image, size: tuple[int, int], method: Image.Resampling) -> Image.Image:
    """The whole image in the middle of a black one. A very long one is a pixel wide at least, unlike Pillow's."""
    from PIL import Image

    scale = min(size[0] / image.width, size[1] / image.height)
    w, h = (max(1, min(side, round(scale * length))) for side, length in zip(size, image.size, strict=True))
    black = Image.new(image.mode, size)
    black.paste(image.resize((w, h), method), (round((size[0] - w) / 2), round((size[1] - h) / 2)))
    return black
