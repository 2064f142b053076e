"""Image files into one growing uint8 array."""

import io
import warnings

import numpy as np

from .exceptions import DatasetError


def decode(content: bytes, name, rgb: bool | None = None) -> np.ndarray:
    """Pixels of an image file.

    Parameters
    ----------
    content : bytes
    name : object
        For the message.
    rgb : bool or None, default=None
        True gives three channels, False one, None one of a grey image and three of any other.

    Returns
    -------
    ndarray of uint8, shape (h, w, 1) or (h, w, 3)

    Raises
    ------
    DatasetError
        If it is no image, is truncated, or would be too large when decoded.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content))
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{name} cannot be read as an image ({error}); on_error='skip' leaves it out.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(f"{name} is too large to be decoded safely: {error}.") from error
    grey = image.mode in ("1", "L") if rgb is None else not rgb
    pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return pixels[..., None] if grey else pixels


class Stack:
    """Images of one size, gathered without a second copy.

    Grey images are kept as one channel until the first coloured one comes.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._shape: tuple[int, ...] = ()
        self._first: object = None
        self._count = 0

    def add(self, content: bytes, name) -> None:
        """Decode an image and put it on top.

        Raises
        ------
        DatasetError
            If it cannot be read or has another size than the first.
        """
        pixels = decode(content, name, True if self._shape[2:] == (3,) else None)
        if not self._count:
            self._shape, self._first = pixels.shape, name
        if pixels.shape[:2] != self._shape[:2]:
            raise DatasetError(
                f"Images of mixed sizes: {self._first} is {_size(self._shape)} and {name} is {_size(pixels.shape)}. "
                "Bring them to one size first."
            )
        if pixels.shape != self._shape:
            self._bytes = bytearray(np.repeat(self.array(), 3, axis=3).tobytes())
            self._shape = pixels.shape
        self._bytes += pixels.tobytes()
        self._count += 1

    def array(self) -> np.ndarray:
        """All images, shape (n, h, w, c)."""
        return np.frombuffer(self._bytes, dtype=np.uint8).reshape(self._count, *self._shape)


def _size(shape) -> str:
    return f"{shape[1]}x{shape[0]}"


def reorder(rows: np.ndarray, order: np.ndarray) -> None:
    """Put ``rows[order]`` into `rows` itself, one row of memory at a time.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([10, 11, 12, 13])
    >>> reorder(rows, np.array([2, 0, 1, 3]))
    >>> rows
    array([12, 10, 11, 13])
    """
    done = np.zeros(len(order), dtype=bool)
    for start in np.flatnonzero(order != np.arange(len(order))):
        if done[start]:
            continue
        kept, place = rows[start].copy(), start
        while order[place] != start:
            rows[place] = rows[order[place]]
            done[place] = True
            place = order[place]
        rows[place] = kept
        done[place] = True
