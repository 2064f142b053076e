"""`load_image_folder` and `read_image_files`: images from folders and archives, with and without classes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from ..exceptions import DatasetError, ImageShapeError
from ._archive import SourceFile, hash_files, read_source
from ._class_folders import check_all_classes_left, group_by_class, natural_sort_key
from ._decoding import MODES, decode_files, is_image
from ._subset import Subset, select_parts


def load_image_folder(
    path: str | os.PathLike,
    *,
    subset: Subset = None,
    on_error: Literal["raise", "skip"] = "raise",
    verbose: int = 1,
) -> Bunch:
    """Load images from a folder or archive with the layout ``[train|test]/<class>/<image>``.

    Archives are read in memory and not unpacked to disk. The class folders, or ``train`` and ``test``, may be inside
    one more folder. Hidden files, and files above the class folders that are not images, are ignored.

    Parameters
    ----------
    path : path-like
        A folder, .zip, .tar, .tar.gz or .tar.xz.
    subset : {None, "train", "test", "all"}, default=None
        Part to load. None is the training part, or all images if the source is not split.
    on_error : {"raise", "skip"}, default="raise"
        Whether a file that is not a readable image is an error. With "skip", such files are listed in ``skipped``.
    verbose : int, default=1
        If 1, show progress on standard error.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (n, h, w, c). One channel if all images are grayscale, RGB otherwise. The
          training part is first; each part is sorted by class name, then by file name in natural order.
        - target : ndarray of int64, shape (n,).
        - target_names : list of str. Names of the classes 0, 1, ...
        - filenames : list of str. Paths of the images inside the source.
        - n_train : int or None. Number of training images; None if there is no test part.
        - skipped : list of str. Files that were skipped.
        - sha256 : str. Hash of the archive, or of the names and contents of all images in the folder, independent of
          `subset`.
        - DESCR : str.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    DatasetError
        If the source is damaged or unsafe, has another layout, an empty class, a single class, or different classes
        in train and test; if an image cannot be read or differs in size from the first; or if the source does not
        have the part.
    ValueError
        If `subset` or `on_error` has another value.

    See Also
    --------
    fetch_cifar10 : The original CIFAR-10.
    load_digit_images : Handwritten digits, without files.
    keras.utils.image_dataset_from_directory : Batches of resized images for Keras.

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
    classes_of, not_images = group_by_class(source, on_error)
    parts = select_parts(subset, list(classes_of), repr(str(path)))
    names = list(next(iter(classes_of.values())))
    labeled = [(file, k) for part in parts for k, name in enumerate(names) for file in classes_of[part][name]]
    files = [file for file, _ in labeled]
    n_train = sum(map(len, classes_of["train"].values())) if "train" in parts else 0
    sha256 = source.sha256 or hash_files(source.files)
    images, kept, skipped = decode_files(files, on_error=on_error, verbose=verbose)
    target = np.array([label for _, label in labeled], dtype=np.int64)[kept]
    is_train = kept < n_train
    check_all_classes_left(target, is_train, names, parts)
    return Bunch(
        images=images,
        target=target,
        target_names=names,
        filenames=[files[i].name for i in kept],
        n_train=int(np.count_nonzero(is_train)) if "test" in classes_of else None,
        skipped=not_images + [file.name for file in skipped],
        sha256=sha256,
        DESCR=f"{len(images)} images of {len(names)} classes from {Path(path).name}.",
    )


def read_image_files(
    paths: Iterable[str | os.PathLike], *, shape: tuple[int, ...], resize: bool = False, verbose: int = 0
) -> tuple[list[str], np.ndarray, list[str]]:
    """Read images without classes, for prediction.

    Parameters
    ----------
    paths : iterable of path-like
        Image files, and folders, of which all images are read.
    shape : tuple of int
        Shape ``(h, w, c)`` of the images. Grayscale and color are converted to each other.
    resize : bool, default=False
        Whether to resize images of another size.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    names : list of str
        Paths of the images.
    images : ndarray of uint8, shape (n, h, w, c)
        The images, in the order of `paths`, and in natural order inside a folder.
    skipped : list of str
        Paths of the files that cannot be read.

    Raises
    ------
    FileNotFoundError
        If one of the paths does not exist.
    DatasetError
        If there is no image, none can be read, or two differ in size.
    ImageShapeError
        If the images do not have this shape, or image files cannot have it.

    See Also
    --------
    load_image_folder : Images with classes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sk_cifar_ovr.datasets import read_image_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("L", (5, 4)).save(Path(folder) / "1.png")
    ...     names, images, skipped = read_image_files([folder], shape=(8, 8, 3), resize=True)
    >>> images.shape, len(names), skipped
    ((1, 8, 8, 3), 1, [])
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
            raise DatasetError(f"There are no images in {str(path)!r}. Pass image files or folders of them.")
        files.extend(sorted(found, key=lambda file: natural_sort_key(file.name)))
    size = (shape[0], shape[1]) if resize else None
    images, kept, skipped = decode_files(files, on_error="skip", channels=shape[-1], size=size, verbose=verbose)
    if images.shape[1:] != tuple(shape):
        h, w = images.shape[1:3]
        raise ImageShapeError(
            f"The images are {w}x{h} (width x height), not {shape[1]}x{shape[0]}. Resize them, by resize=True here or "
            "--resize on the command line."
        )
    return [files[i].display_name for i in kept], images, [file.display_name for file in skipped]
