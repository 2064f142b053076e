"""Images inside a page: small, and as text."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from PIL import Image

# Pixels a side and WebP quality, the best first; ten thousand images of pure noise take 5 MB at the last.
STEPS = ((64, 80), (48, 80), (32, 80), (32, 50), (32, 10))


def data_uris(images: np.ndarray, *, budget: int) -> list[str]:
    """Return images as ``data:`` addresses, in WebP: at this size JPEG takes nearly twice the room.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, h, w, 1) or (n, h, w, 3)
    budget : int
        How many characters they may take together: images are made as small and coarse as that needs.

    Returns
    -------
    list of str
    """
    for side, quality in STEPS:
        uris = [_data_uri(image, side, quality) for image in images]
        if sum(map(len, uris)) <= budget:
            break
    return uris


def _data_uri(image: np.ndarray, side: int, quality: int) -> str:
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((side, side))
    file = BytesIO()
    picture.save(file, "WEBP", quality=quality)
    return f"data:image/webp;base64,{b64encode(file.getvalue()).decode()}"
