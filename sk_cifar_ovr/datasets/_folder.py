"""Images in: folders and archives, the original CIFAR-10, and scikit-learn's digits."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from .._shared.files import keras_home
from ..exceptions import DatasetError, ImageShapeError
from ._archive import SourceFile, hash_files, read_source
from ._cifar10 import CLASS_NAMES, find_copy, read_cifar10
from ._decoding import (
    MODES,
    PARTS,
    Subset,
    check_left,
    choose_parts,
    decode_files,
    is_image,
    natural_key,
    sort_into_classes,
)
from ._download import download_cifar10

logger = logging.getLogger(__name__)


def load_image_folder(
    path: str | os.PathLike,
    *,
    subset: Subset = None,
    on_error: Literal["raise", "skip"] = "raise",
    verbose: int = 1,
) -> Bunch:
    """Read images laid out as ``[train|test]/<class>/<image>``, from a folder or an archive.

    Archives are read in memory and never unpacked to disk. One folder around the whole is allowed, as are
    files above the class folders; hidden files are passed over.

    Parameters
    ----------
    path : path-like
        A folder, .zip, .tar, .tar.gz or .tar.xz.
    subset : {None, "train", "test", "all"}, default=None
        None is the training part where the source is split, else everything.
    on_error : {"raise", "skip"}, default="raise"
        What to do with a file that is not a readable image; "skip" lists it in ``skipped``.
    verbose : int, default=1
        1 shows progress on standard error.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (n, h, w, c). One channel where every image is grey, RGB otherwise;
          training part first, then by class name, then in natural order of the file names.
        - target : ndarray of int64, shape (n,).
        - target_names : list of str. Of the classes 0, 1, ...
        - filenames : list of str. Of the images, inside the source.
        - n_train : int or None. How many images, the first, are of the training part; None where there is no
          test part.
        - skipped : list of str. Files left out.
        - sha256 : str. Of the archive, or over the names and contents of the folder's images, whatever `subset`
          is.
        - DESCR : str.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    DatasetError
        If the source is damaged or unsafe, laid out otherwise, has an empty class, a single one, or different
        ones in train and test; if an image is unreadable or of another size than the first; or if it has no
        such part.
    ValueError
        If `subset` or `on_error` is none of those above.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sk_cifar_ovr import load_image_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         (Path(folder) / name).mkdir()
    ...         Image.new("RGB", (4, 4)).save(Path(folder) / name / "1.png")
    ...     data = load_image_folder(folder, verbose=0)
    >>> data.images.shape, data.target.tolist(), data.target_names
    ((2, 4, 4, 3), [0, 1], ['cat', 'dog'])
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error is {on_error!r}; it must be 'raise' or 'skip'.")
    source = read_source(path, is_image, verbose=verbose)
    parts, no_images = sort_into_classes(source, on_error)
    chosen = choose_parts(subset, list(parts), f"{str(path)!r}")
    names = list(next(iter(parts.values())))
    files = [file for part in chosen for name in names for file in parts[part][name]]
    labels = [label for part in chosen for label, name in enumerate(names) for _ in parts[part][name]]
    n_train = sum(map(len, parts["train"].values())) if "train" in chosen else 0
    sha256 = source.sha256 or hash_files(source.files)
    images, kept, skipped = decode_files(files, on_error=on_error, verbose=verbose)
    target = np.array(labels, dtype=np.int64)[kept]
    check_left(target, kept, n_train, names, chosen)
    return Bunch(
        images=images,
        target=target,
        target_names=names,
        filenames=[files[i].name for i in kept],
        n_train=int(np.count_nonzero(kept < n_train)) if "test" in parts else None,
        skipped=no_images + skipped,
        sha256=sha256,
        DESCR=f"{len(images)} images of {len(names)} classes from {Path(path).name}.",
    )


def fetch_cifar10(
    source: str | os.PathLike | None = None,
    *,
    subset: Subset = None,
    data_home: str | os.PathLike | None = None,
    verify: bool = True,
    verbose: int = 1,
) -> Bunch:
    """Read the original CIFAR-10 from a local copy, else download it.

    Parameters
    ----------
    source : path-like, default=None
        Your copy: ``cifar-10-python.tar.gz``, ``cifar-10-binary.tar.gz``, a folder that either was extracted
        to, or a folder that one of these lies in. None looks into Keras' cache and then downloads 170 MB.
    subset : {None, "train", "test", "all"}, default=None
        None is the training part.
    data_home : path-like, default=None
        Where downloads are kept; None is scikit-learn's data home.
    verify : bool, default=True
        Refuse data other than the published, byte by byte. False reads any data in the same formats.
    verbose : int, default=1
        1 shows progress on standard error.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (n, 32, 32, 3). 50,000 of the training part, then 10,000 of the test
          part, each in the original order.
        - target : ndarray of int64, shape (n,).
        - target_names : list of str.
        - n_train : int. How many images, the first, are of the training part.
        - verified : bool. Whether the data is known to be the published.
        - sha256 : str. Of the archive, or over the names and contents of the folder's batches.
        - DESCR : str.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `source`.
    ChecksumError
        If a file is not the published one.
    DatasetError
        If the copy is damaged or incomplete, or nothing can be downloaded.
    ValueError
        If `subset` is none of those above.

    Examples
    --------
    >>> from sk_cifar_ovr import fetch_cifar10
    >>> data = fetch_cifar10("cifar-10-python.tar.gz", subset="test")  # doctest: +SKIP
    >>> data.images.shape  # doctest: +SKIP
    (10000, 32, 32, 3)
    """
    parts = choose_parts(subset, list(PARTS), "CIFAR-10")
    read = None
    cached = find_copy(keras_home() / "datasets")
    if source is None and cached is not None:
        try:
            read = read_cifar10(cached, parts, verify=verify, verbose=verbose)
        except DatasetError as error:
            logger.warning("The copy in Keras' cache is of no use: %s", error)
    if read is None:
        copy = Path(source) if source is not None else _download(data_home, verbose)
        read = read_cifar10(copy, parts, verify=verify, verbose=verbose)
    images, target, n_train, sha256 = read
    return Bunch(
        images=images,
        target=target,
        target_names=list(CLASS_NAMES),
        n_train=n_train,
        verified=verify,
        sha256=sha256,
        DESCR=f"CIFAR-10 (Krizhevsky, 2009), {len(images)} images of 32x32 pixels in ten classes.",
    )


def load_digit_images(subset: Subset = None) -> Bunch:
    """Load scikit-learn's handwritten digits as images; nothing is downloaded.

    Parameters
    ----------
    subset : {None, "all"}, default=None
        The digits are not split: both are everything, and "train" and "test" are errors.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (1797, 8, 8, 1). The original grey levels 0-16 spread over 0-255.
        - target : ndarray of int64, shape (1797,).
        - target_names : list of str.
        - n_train : None.
        - sha256 : str. Over images and target.
        - DESCR : str.

    Raises
    ------
    DatasetError
        If `subset` is "train" or "test".
    ValueError
        If `subset` is none of those above.

    Examples
    --------
    >>> from sk_cifar_ovr import load_digit_images
    >>> data = load_digit_images()
    >>> data.images.shape, data.target_names[:3]
    ((1797, 8, 8, 1), ['0', '1', '2'])
    """
    from sklearn.datasets import load_digits

    choose_parts(subset, [""], "the digits dataset")
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    target = digits.target.astype(np.int64)
    return Bunch(
        images=images,
        target=target,
        target_names=[str(name) for name in digits.target_names],
        n_train=None,
        sha256=hashlib.sha256(images.tobytes() + target.astype("<i8").tobytes()).hexdigest(),
        DESCR=digits.DESCR,
    )


def read_image_files(
    paths: Iterable[str | os.PathLike], *, shape: tuple[int, ...], resize: bool = False, verbose: int = 0
) -> tuple[list[str], np.ndarray, list[str]]:
    """Read images without classes, to be predicted.

    Parameters
    ----------
    paths : iterable of path-like
        Image files, and folders of which all images are read.
    shape : tuple of int
        ``(h, w, c)`` that the images must have; grey and colour are converted into each other.
    resize : bool, default=False
        Whether to bring images of another size to that of `shape`.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    names : list of str
        Paths of the images.
    images : ndarray of uint8, shape (n, h, w, c)
    skipped : list of str
        Paths of the files that cannot be read.

    Raises
    ------
    FileNotFoundError
        If one of the paths does not exist.
    DatasetError
        If there is no image, none can be read, or two differ in size.
    ImageShapeError
        If the images are not of `shape`, or no image file can be.
    """
    if shape[-1] not in MODES:
        raise ImageShapeError(f"shape={tuple(shape)}: image files have 1 to 4 channels.")
    files: list[SourceFile] = []
    for path in map(Path, paths):
        if path.is_file():
            files.append(SourceFile(path.name, path))
            continue
        found = read_source(path, is_image).files
        if not found:
            raise DatasetError(f"There are no images in {str(path)!r}; name image files or folders of them.")
        files.extend(sorted(found, key=lambda file: natural_key(file.name)))
    size = (shape[0], shape[1]) if resize else None
    images, kept, _ = decode_files(files, on_error="skip", channels=shape[-1], size=size, verbose=verbose)
    if images.shape[1:] != tuple(shape):
        h, w = images.shape[1:3]
        raise ImageShapeError(
            f"The images are {w}x{h} (width x height), not {shape[1]}x{shape[0]}: resize them, by resize=True here or "
            "--resize on the command line."
        )
    read = set(kept.tolist())
    return (
        [files[i].label for i in kept],
        images,
        [file.label for i, file in enumerate(files) if i not in read],
    )


def _download(data_home: str | os.PathLike | None, verbose: int) -> Path:
    from sklearn.datasets import get_data_home

    return download_cifar10(Path(get_data_home(data_home)) / "sk_cifar_ovr", verbose=verbose)
