"""`read_images`: images of lists, columns and datasets of other libraries -> one uint8 array, and labels."""

from __future__ import annotations

from typing import Any

from sklearn.utils import Bunch

from ..exceptions import DatasetError
from .examples import ImageStack, examples_of, read_pixels, target_of
from .files import Fit, SixteenBit, checked_reading, map_threads


def read_images(
    source: Any, *, image_size: tuple[int, int] | None = None, fit: Fit = "crop", sixteen_bit: SixteenBit = "refuse"
) -> Bunch:
    """Read images from a list, a column or a dataset of another library into one array.

    Images are prepared as by `load_image_folder`: upright, without transparency, grey or RGB, of one size.

    Parameters
    ----------
    source : list, array, column, iterator or dataset
        One of:

        - a list, tuple, array or iterator of arrays, PIL images, encoded images (bytes), paths or open files, also as
          pairs (image, label);
        - a column of pandas, polars, Arrow or Hugging Face of these, or of dicts of bytes and path;
        - a ``tf.data.Dataset``, in batches or not, such as that of ``keras.utils.image_dataset_from_directory``, a
          ``keras.utils.PyDataset``, a ``Dataset`` or ``DataLoader`` of PyTorch, or a ``Dataset`` of Hugging Face, of
          images alone or with labels. They are read once, in the order in which they come.
    image_size : tuple of int, default=None
        Height and width to which all images are brought. If None, all images must have the same size.
    fit : {"crop", "pad", "stretch"}, default="crop"
        What to do with images of another aspect ratio, as in `load_image_folder`.
    sixteen_bit : {"refuse", "scale"}, default="refuse"
        Whether 16-bit images (grey image files, uint16 arrays) are an error or are scaled from 0-65535 to 0-255.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (n, h, w, c). One channel if all images are grey, RGB otherwise.
        - target : ndarray or None. Labels, int64 of shape (n,); a one-hot vector is its class. If images have several
          labels, float32 of shape (n, K) of 0, 1 and NaN (not known). None if the source has no labels, or only the
          hidden labels -1 of a Hugging Face test set.
        - target_names : list of str or None. The classes, if the source names them.
        - reading : dict. `image_size`, `fit` and `sixteen_bit`.
        - DESCR : str.

    Raises
    ------
    DatasetError
        If the source is none of these, holds no images, or is a table of several columns; if an image cannot be read,
        or differs in size from the first and `image_size` is None; if some labels are missing, are no whole numbers
        or names, or are no numbers of the named classes.
    FileNotFoundError
        If a path does not exist.
    ValueError
        If a parameter has another value.
    MemoryError
        If the images would fill more than half of the memory that is free.

    See Also
    --------
    load_image_folder : Classes are folders; also reads files on demand.
    load_image_table : Images and labels from a table of paths.

    Notes
    -----
    Floats are taken as 0-1 if all float images of the source lie within 0-1, and as 0-255 otherwise. They are rounded
    to 8 bits. Integers are taken as 0-255, whatever their type. NaN, infinity, negative and larger values, and masked
    pixels are errors. Arrays of PyTorch may have their channels first; they come last in `images`. Besides `images`,
    memory holds a few images at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from PIL import Image
    >>> from sk_cifar_ovr.datasets import read_images
    >>> photographs = [Image.new("RGB", (40, 30)), np.zeros((20, 20), "uint8")]
    >>> read_images(photographs, image_size=(8, 8)).images.shape
    (2, 8, 8, 3)

    Pairs of images and labels, as a PyTorch ``Dataset`` gives them:

    >>> data = read_images([(photographs[0], "cat"), (photographs[1], "dog")], image_size=(8, 8))
    >>> data.target, data.target_names
    (array([0, 1]), ['cat', 'dog'])
    """
    reading = checked_reading(image_size, fit, sixteen_bit)
    examples = examples_of(source)
    stack, labels = ImageStack(examples.n), []

    def read(numbered: tuple[int, tuple[Any, Any]]) -> tuple[Any, Any]:
        index, (image, label) = numbered
        return read_pixels(image, index, reading, channels_first=examples.channels_first), label

    for pixels, label in map_threads(read, enumerate(examples.pairs)):
        stack.add(pixels)
        labels.append(label)
    if not labels:
        raise DatasetError(f"The source, {examples.what}, holds no images.")
    images, were_unit = stack.finish()
    target, names = target_of(labels, examples.names)
    scaled = " Their floats from 0 to 1 were multiplied by 255." if were_unit else ""
    return Bunch(
        images=images,
        target=target,
        target_names=names,
        reading=reading.as_dict(),
        DESCR=f"{len(images)} images from {examples.what}.{scaled}",
    )
