"""Datasets: images in, ``Bunch(images, target, target_names, ...)`` out."""

import hashlib
import logging
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
from sklearn.utils import Bunch

from . import _cifar
from ._archives import Source
from ._decoding import Stack, decode, reorder
from .exceptions import DatasetError, ImageShapeError

logger = logging.getLogger(__name__)

IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}
PARTS = ("train", "test")
SUBSETS = (None, *PARTS, "all")


def load_digit_images(subset=None) -> Bunch:
    """Scikit-learn's handwritten digits as uint8 images: real data without a download.

    Parameters
    ----------
    subset : {None, "all"}, default=None
        The digits are not split; "train" and "test" are errors.

    Returns
    -------
    sklearn.utils.Bunch
        ``images`` uint8 (1797, 8, 8, 1), values 0-16 spread over 0-255; ``target`` int64 (1797,);
        ``target_names`` list of str; ``n_train`` None; ``sha256`` of images and labels; ``DESCR``.

    Raises
    ------
    DatasetError
        If a part is asked for.

    Examples
    --------
    >>> from sk_cifar_ovr import load_digit_images
    >>> digits = load_digit_images()
    >>> digits.images.shape, str(digits.images.dtype), int(digits.images.max())
    ((1797, 8, 8, 1), 'uint8', 255)
    """
    from sklearn.datasets import load_digits

    _check_subset(subset, split=False, source="the digits")
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    target = digits.target.astype(np.int64)
    return Bunch(
        images=images,
        target=target,
        target_names=[str(name) for name in digits.target_names],
        n_train=None,
        sha256=hashlib.sha256(images.tobytes() + target.tobytes()).hexdigest(),
        DESCR=digits.DESCR,
    )


def fetch_cifar10(source=None, *, subset=None, data_home=None, verify=True, verbose=1) -> Bunch:
    """The original CIFAR-10: a local copy where there is one, else a download.

    Parameters
    ----------
    source : path-like or None, default=None
        Your copy: the full archive in python or binary format, or the folder it was extracted to. None looks
        in `data_home` and in Keras' cache, then downloads 170 MB, which can take long.
    subset : {None, "train", "test", "all"}, default=None
        None is the training part.
    data_home : path-like or None, default=None
        Where downloads are kept; None is scikit-learn's data home.
    verify : bool, default=True
        Compare with the published checksums (there are none of the batches of an extracted binary folder).
    verbose : int, default=1
        1 shows progress on standard error.

    Returns
    -------
    sklearn.utils.Bunch
        ``images`` uint8 (n, 32, 32, 3); ``target`` int64 (n,); ``target_names`` list of str; ``n_train`` the
        number of training images that come first; ``sha256``; ``DESCR``.

    Raises
    ------
    ChecksumError
        If the data is not the published one.
    DatasetError
        If it is damaged, incomplete, or cannot be fetched.
    FileNotFoundError
        If `source` does not exist.
    """
    from sklearn.datasets import get_data_home

    _check_subset(subset, split=True, source="CIFAR-10")
    home = Path(get_data_home(data_home)) / "sk_cifar_ovr"
    path = _cifar.cached_copy(home) if source is None else Path(source)
    if path is None:
        path = _cifar.download(home, verbose=verbose)
    if not path.exists():
        raise FileNotFoundError(f"There is no {path}: name the archive {_cifar.ARCHIVE} or its extracted folder.")
    images, target, sha256 = _cifar.read(path, verify=verify, verbose=verbose)
    n_train = len(images) * 5 // 6
    rows, n_train = _part(subset, n_train, len(images))
    return Bunch(
        images=images[rows],
        target=target[rows],
        target_names=list(_cifar.NAMES),
        n_train=n_train,
        sha256=sha256,
        DESCR="CIFAR-10 (Krizhevsky, 2009): 50,000 training and 10,000 test images of 32x32 pixels, ten classes.",
    )


def load_image_folder(path, *, subset=None, on_error="raise", verbose=1) -> Bunch:
    """Images laid out as ``[train|test]/<class>/<file>``, in a folder or archive.

    Archives (.zip, .tar, .tar.gz, .tar.xz) are read without unpacking to disk; one folder around everything
    is allowed. Classes are sorted by name, files in natural order within the class, training first.

    Parameters
    ----------
    path : path-like
        Folder or archive.
    subset : {None, "train", "test", "all"}, default=None
        None is the training part where the source is split, else everything.
    on_error : {"raise", "skip"}, default="raise"
        What an unreadable image does; "skip" lists it in ``skipped``.
    verbose : int, default=1
        1 shows progress on standard error.

    Returns
    -------
    sklearn.utils.Bunch
        ``images`` uint8 (n, h, w, c), one channel where all are grey, else RGB; ``target`` int64 (n,);
        ``target_names`` list of str; ``filenames`` and ``skipped`` lists of str; ``n_train`` the number of
        training images that come first, None of a source that is not split; ``sha256``; ``DESCR``.

    Raises
    ------
    DatasetError
        If the source is damaged or unsafe, images are unreadable or of mixed sizes, a class is empty or the only
        one, or a part is asked for that is not there.
    FileNotFoundError
        If there is no such path.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from PIL import Image
    >>> from sk_cifar_ovr import load_image_folder
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("cat", "dog"):
    ...         folder = pathlib.Path(root) / name
    ...         folder.mkdir()
    ...         Image.new("RGB", (8, 8)).save(folder / "0.png")
    ...     load_image_folder(root, verbose=0).target_names
    ['cat', 'dog']
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error={on_error!r} must be 'raise' or 'skip'.")
    _check_subset(subset, split=True, source=str(path))
    source, stack, skipped = Source(path, verbose), Stack(), []
    places: list[tuple[str | None, str, str]] = []
    tops: dict[str, str] = {}
    for name, content in source.files():
        if name.suffix.lower() not in IMAGE_ENDINGS or name.name.startswith("."):
            logger.info("%s is not an image and was passed over", name)
            continue
        top, part, label = _place(name, source.path)
        tops.setdefault(top, str(name))
        if subset in PARTS and part not in (None, subset):
            continue
        try:
            stack.add(content, name)
        except DatasetError as error:
            if on_error == "raise" or "mixed sizes" in str(error):
                raise
            skipped.append(str(name))
            continue
        places.append((part, label, str(name)))
    _check_layout(places, tops, source, subset)
    return _assembled(stack.array(), places, skipped, source, subset)


def _check_subset(subset, *, split: bool, source: str) -> None:
    if subset not in SUBSETS:
        raise ValueError(f"subset={subset!r} must be one of {SUBSETS}.")
    if not split and subset in PARTS:
        raise DatasetError(f"subset={subset!r}: {source} come in one part; use subset=None and split them yourself.")


def _place(name: PurePosixPath, path) -> tuple[str, str | None, str]:
    """Folder around everything, part and class of a file."""
    *above, _ = name.parts
    if above and above[0] in PARTS and len(above) == 2:
        return "", above[0], above[1]
    if len(above) == 3 and above[1] in PARTS:
        return above[0], above[1], above[2]
    if len(above) in (1, 2):
        return above[0] if len(above) == 2 else "", None, above[-1]
    raise DatasetError(f"{name} in {path} is not laid out as [train|test]/<class>/<file>.")


def _check_layout(places, tops, source: Source, subset) -> None:
    path = source.path
    if not places:
        raise DatasetError(f"{path} holds no images{f' in {subset}' if subset else ''}: expected <class>/<file>.")
    parts = {part for part, _, _ in places}
    if len(tops) > 1 or (None in parts and len(parts) > 1):
        examples = list(tops.values())[:2] if len(tops) > 1 else [places[0][2], places[-1][2]]
        raise DatasetError(f"{path} mixes layouts, as in {examples}: use [train|test]/<class>/<file> throughout.")
    if subset in PARTS and None in parts:
        raise DatasetError(f"{path} is not split into train and test: use subset=None and split it yourself.")
    found = {part: {label for p, label, _ in places if p == part} for part in parts}
    top = next(iter(tops))
    for folder in source.folders:
        inside = folder.parts[1:] if top and folder.parts[:1] == (top,) else folder.parts
        part = inside[0] if None not in parts and inside and inside[0] in PARTS else None
        label = inside[1:] if part else inside
        if len(label) == 1 and part in found and label[0] not in found[part]:
            raise DatasetError(f"Class folder {folder} in {path} holds no readable image: fill or remove it.")
    sets = list(found.values())
    if any(labels != sets[0] for labels in sets):
        only = sorted(set.union(*sets) - set.intersection(*sets))
        raise DatasetError(f"train and test of {path} have different classes: {only} are in one of them only.")
    if len(sets[0]) < 2:
        raise DatasetError(f"{path} holds one class only, {sorted(sets[0])}: a classifier needs at least two.")


def _assembled(images, places, skipped, source: Source, subset) -> Bunch:
    names = sorted({label for _, label, _ in places})
    numbers = {name: i for i, name in enumerate(names)}
    order = np.array(sorted(range(len(places)), key=lambda i: _sort_key(places[i])))
    reorder(images, order)
    places = [places[i] for i in order]
    target = np.array([numbers[label] for _, label, _ in places], dtype=np.int64)
    split = places[0][0] is not None
    n_train = sum(part == "train" for part, _, _ in places) if split else None
    rows, n_train = _part(subset, n_train, len(places))
    return Bunch(
        images=images[rows],
        target=target[rows],
        target_names=names,
        filenames=[name for _, _, name in places][rows],
        skipped=skipped,
        n_train=n_train,
        sha256=source.sha256,
        DESCR=f"{len(places)} images of {len(names)} classes from {source.path.name}.",
    )


def _part(subset, n_train, n) -> tuple[slice, int | None]:
    """Rows of a subset, and how many of them are for training."""
    if n_train is None or subset == "all":
        return slice(0, n), n_train
    if subset == "test":
        return slice(n_train, n), 0
    return slice(0, n_train), n_train


def _sort_key(place) -> tuple[bool, str, str]:
    """Training first, then classes, then files in natural order: 9.png before 10.png."""
    part, label, name = place
    return part == "test", label, re.sub(r"\d+", lambda number: number[0].zfill(12), name)


def read_image_files(paths: Iterable, *, shape: tuple[int, ...]) -> tuple[list[str], np.ndarray]:
    """Images of files, and of folders with all below them, for a network that takes `shape`.

    Parameters
    ----------
    paths : iterable of path-like
    shape : tuple of int
        (h, w, c) of the images.

    Returns
    -------
    names : list of str
    images : ndarray of uint8, shape (n, h, w, c)

    Raises
    ------
    DatasetError
        If a file cannot be read, or there is none.
    ImageShapeError
        If an image has another size.
    FileNotFoundError
        If a path does not exist.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"There is no {path}.")
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_ENDINGS) if path.is_dir() else [path]
        files.extend(inside)
    if not files:
        raise DatasetError(f"There is no image in {[str(path) for path in paths]}.")
    images = []
    for path in files:
        pixels = decode(path.read_bytes(), path, rgb=shape[-1] == 3)
        if pixels.shape != tuple(shape):
            raise ImageShapeError(f"{path} has shape {pixels.shape}, and the network takes {tuple(shape)}.")
        images.append(pixels)
    return [str(path) for path in files], np.stack(images)
