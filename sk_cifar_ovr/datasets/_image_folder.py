"""`load_image_folder`: images and classes from a folder or archive."""

from __future__ import annotations

import os

import numpy as np
from sklearn.utils import Bunch

from ._class_folders import check_all_classes_left, group_by_class
from ._subset import Subset, check_subset, select_parts
from .files import (
    Fit,
    Loading,
    OnError,
    SixteenBit,
    checked_reading,
    hash_files,
    is_image,
    load_images,
    printable,
    read_source,
)


def load_image_folder(
    path: str | os.PathLike,
    *,
    image_size: tuple[int, int] | None = None,
    fit: Fit = "crop",
    subset: Subset = None,
    lazy: bool = False,
    cache: str | os.PathLike | None = None,
    follow_links: bool = False,
    min_images: int = 1,
    sixteen_bit: SixteenBit = "refuse",
    on_error: OnError = "raise",
    verbose: int = 1,
) -> Bunch:
    """Load images from a folder or archive with the layout ``[train|val|test]/<class>/<image>``.

    Set `image_size` to load photographs of different sizes, and ``lazy=True`` or `cache` if they do not fit in memory.

    The folders of the parts may also be called training, valid, validation and testing, in upper or lower case. Images
    in folders inside a class folder belong to the class. The class folders, or the parts, may be inside one more
    folder. Archives are read in memory and not unpacked to disk.

    Parameters
    ----------
    path : path-like
        A folder, .zip, .tar, .tar.gz or .tar.xz.
    image_size : tuple of int, default=None
        Height and width to which all images are brought. If None, all images must have the same size.
    fit : {"crop", "pad", "stretch"}, default="crop"
        What to do with images of another aspect ratio. "crop" fills the size with the centre of the image. "pad" keeps
        the whole image on a black ground. "stretch" changes the aspect ratio.
    subset : {None, "train", "val", "test", "all"}, default=None
        Part to load. None is the training part, or all images if the source is not split.
    lazy : bool, default=False
        If True, `images` is an `ImageFiles`, an array whose pixels are read from the files when they are needed. Only
        the headers of the files are checked in advance, so that some kinds of damage are an error later, when the
        image is read, even with ``on_error="skip"``. Archives need `cache` in addition.
    cache : path-like, default=None
        Folder in which the decoded images are kept in a memory-mapped file, so that they are decoded only once. The
        file is made again if the images or the parameters change. The folder can be deleted at any time. If it cannot
        be written, there is a warning, and images are loaded without it.
    follow_links : bool, default=False
        Whether symbolic links that lead out of the folder are followed. Links inside the folder always are, except for
        those to a folder above and those inside a linked folder.
    min_images : int, default=1
        Classes with fewer images are left out and listed in ``skipped_classes``. Files of the training part are
        counted if there is one, otherwise all files.
    sixteen_bit : {"refuse", "scale"}, default="refuse"
        Whether a 16-bit grayscale image is an error or is scaled from 0-65535 to 0-255.
    on_error : {"raise", "skip"}, default="raise"
        Whether a file that is not a readable image is an error. With "skip", such files are listed in ``skipped``.
    verbose : int, default=1
        If 1, show progress on standard error.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (n, h, w, c). One channel if all images are grayscale, RGB otherwise. The
          parts are in the order train, val, test; each part is sorted by class name, then by file name in natural
          order. With ``lazy=True`` an `ImageFiles`, with `cache` a read-only ``numpy.memmap``.
        - target : ndarray of int64, shape (n,).
        - target_names : list of str. Names of the classes 0, 1, ...
        - filenames : list of str. Paths of the images inside the source.
        - n_train : int or None. Number of training images, which are first; None if there is neither a validation nor
          a test part.
        - n_val : int or None. Number of validation images, which follow; None if there is no validation part.
        - skipped : list of str. Files that were skipped, and links and special files (such as named pipes) that are
          never read.
        - skipped_classes : dict of str to int. Classes that `min_images` left out, and how many images they have.
        - reading : dict. `image_size`, `fit` and `sixteen_bit`.
        - sha256 : str. Hash of the archive, or of the names and contents of all images in the folder, independent of
          `subset`. With `lazy` or `cache`, sizes take the place of contents.
        - DESCR : str.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    DatasetError
        If the source is damaged or unsafe, has another layout, an empty class, a single class, or a class in val or
        test that train does not have; if an image cannot be read, or differs in size from the first and `image_size`
        is None; or if the source does not have the part.
    ValueError
        If a parameter has another value.
    MemoryError
        If the images would fill more than half of the memory that is free, without `lazy` and `cache`.

    See Also
    --------
    load_image_table : Images and labels from a table.
    fetch_cifar10 : The original CIFAR-10.
    load_digit_images : Handwritten digits, without files.
    keras.utils.image_dataset_from_directory : Batches of resized images for Keras.

    Notes
    -----
    The orientation in EXIF metadata is applied. Color profiles are ignored. Transparent images are laid on white.
    JPEG files much larger than `image_size` are decoded at reduced scale. Of files with several images or frames, the
    first is read. Hidden files, files that operating systems add, and files above the class folders that are not
    images are ignored.

    Damaged and malicious files are refused with their name. Limits keep memory and time bounded:

    - An image has at most twice ``PIL.Image.MAX_IMAGE_PIXELS``, 179 million pixels by default, and a WebP image half as
      many. Raise this number if you trust larger files. The images that are decoded at a time have no more pixels
      together, so that decoding takes at most 3 GiB of memory besides `images`.
    - A file has at most 256 MiB, and a JPEG file 500 scans.
    - An archive has at most 2,000,000 files and folders, and unpacks to 1 GiB, or to 200 times its size if that is
      more. Its files fill at most half of the memory that is free. Links, devices, encrypted files and paths that lead
      out of it are refused.

    `load_image_table`, `read_image_files` and `read_images` have the same limits for image files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sk_cifar_ovr import load_image_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for width, name in enumerate(("cat", "dog"), start=40):
    ...         (Path(folder) / name).mkdir()
    ...         Image.new("RGB", (width, 30)).save(Path(folder) / name / "1.png")
    ...     data = load_image_folder(folder, image_size=(8, 12), verbose=0)
    ...     lazy = load_image_folder(folder, image_size=(8, 12), lazy=True, verbose=0)
    ...     same = (lazy.images[1] == data.images[1]).all()
    >>> data.images.shape, data.target.tolist(), data.target_names
    ((2, 8, 12, 3), [0, 1], ['cat', 'dog'])
    >>> lazy.images.shape, bool(same)
    ((2, 8, 12, 3), True)
    """
    loading = Loading(checked_reading(image_size, fit, sixteen_bit), on_error, lazy, cache, verbose)
    check_subset(subset)
    source = read_source(path, is_image, follow_links=follow_links, verbose=verbose)
    grouped, passed_over, skipped_classes = group_by_class(source, on_error, min_images)
    parts = select_parts(subset, list(grouped), repr(str(path)))
    labeled = [
        (file, label, i)
        for i, part in enumerate(parts)
        for label, files_of_class in enumerate(grouped[part].values())
        for file in files_of_class
    ]
    files = [file for file, _, _ in labeled]
    images, kept, skipped = load_images(files, str(source.path), loading, source.sha256)
    target, part_of = np.array([labeled[i][1:] for i in kept], dtype=np.int64).T
    check_all_classes_left(target, part_of, grouped, parts)
    n_images = {part: int(np.count_nonzero(part_of == i)) for i, part in enumerate(parts)}
    names = [printable(name) for name in next(iter(grouped.values()))]
    return Bunch(
        images=images,
        target=target,
        target_names=names,
        filenames=[files[i].name for i in kept],
        n_train=n_images.get("train", 0) if "val" in grouped or "test" in grouped else None,
        n_val=n_images.get("val", 0) if "val" in grouped else None,
        skipped=passed_over + [file.name for file in skipped],
        skipped_classes={printable(name): n for name, n in skipped_classes.items()},
        reading=loading.reading.as_dict(),
        sha256=source.sha256 or hash_files(source.files, contents=not lazy and cache is None),
        DESCR=f"{len(images)} images of {len(names)} classes from {printable(source.path.name)}.",
    )
