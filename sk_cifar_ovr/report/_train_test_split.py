"""Datasets split into a training and a test part."""

import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from .._shared.label_matrices import label_matrix
from .._shared.lazy_arrays import LazyArray
from .._shared.stratification import stratified_split
from ..datasets import (
    CLASS_NAMES,
    fetch_cifar10,
    image_sizes,
    load_digit_images,
    load_image_folder,
    load_image_table,
)
from ..datasets.files import is_image, printable
from ..exceptions import DatasetError
from ._defaults import choose_image_size

TEST_SIZE = 0.2
# Names of files in a message.
N_SHOWN = 3


@dataclass(frozen=True)
class TrainTestSplit:
    """Training and test images of a dataset.

    Attributes
    ----------
    X_train, X_test : ndarray of uint8, ImageFiles or LazyArray, shape (n, h, w, c)
    y_train, y_test : ndarray of int, shape (n,), or of numbers, shape (n, K)
        Indices into `target_names`, or label matrices of 0, 1 and NaN (not known).
    target_names : list of str
    sha256 : str
        Checksum of the source.
    origin : str
        Name of the source and how it was split.
    reading : dict or None, default=None
        How the images were brought in, see `load_image_folder`; None if they were no image files.
    note : str, default=""
        What was chosen for the images, as a sentence.
    skipped : list of str
        Files that were left out.
    """

    X_train: Any
    y_train: np.ndarray
    X_test: Any
    y_test: np.ndarray
    target_names: list[str]
    sha256: str
    origin: str
    reading: dict[str, Any] | None = None
    note: str = ""
    skipped: list[str] = field(default_factory=list)

    @property
    def skipped_note(self) -> str:
        """Number and first names of the files that were left out, as a sentence; empty if there are none."""
        if not self.skipped:
            return ""
        names = ", ".join(map(repr, self.skipped[:N_SHOWN])) + (" and others" if len(self.skipped) > N_SHOWN else "")
        n = len(self.skipped)
        return f"{n:,} {'files were' if n > 1 else 'file was'} left out: {names}."

    @property
    def is_cifar10(self) -> bool:
        """Whether the test images are those of CIFAR-10, on which the reference results were measured."""
        return list(self.target_names) == CLASS_NAMES and len(self.X_test) == 10_000 and not self.multilabel

    @property
    def multilabel(self) -> bool:
        """Whether the labels are a matrix with a column for each class."""
        return self.y_train.ndim == 2

    def as_labels(self, y: np.ndarray) -> np.ndarray | pd.DataFrame:
        """Labels as estimators take them: class names, or a data frame whose columns are the classes."""
        if self.multilabel:
            return pd.DataFrame(y, columns=self.target_names)
        return np.asarray(self.target_names)[y]


@dataclass(frozen=True)
class ImageOptions:
    """How image files are read: parameters of `load_image_folder` and `load_image_table`."""

    image_size: tuple[int, int] | None = None
    fit: str = "crop"
    sixteen_bit: str = "refuse"
    lazy: bool = False
    cache: Path | None = None
    on_error: str = "raise"


@dataclass(frozen=True)
class LabelTable:
    """The columns of a CSV file that lists images: parameters of `load_image_table`."""

    path_column: str
    label_columns: str | list[str]
    root: Path | None = None


def load_train_test_split(
    data: str,
    *,
    seed: int,
    verbose: int = 1,
    options: ImageOptions | None = None,
    table: LabelTable | None = None,
) -> TrainTestSplit:
    """Read a dataset; if it has no test part, hold out a stratified fifth.

    Parameters
    ----------
    data : str
        ``"digits"``, ``"cifar10"``, the path of an image folder or archive, or of a CSV file if `table` is given.
    seed : int
        Random seed of the split.
    verbose : int, default=1
        1 shows progress.
    options : ImageOptions or None, default=None
        How image files are read. If there is no image size, one is chosen for images of different sizes and for large
        ones.
    table : LabelTable or None, default=None
        The columns of a CSV file.

    Returns
    -------
    TrainTestSplit

    Raises
    ------
    DatasetError
        If the source cannot be read or is too small to be split.
    ValueError
        If there are options for image files, and the dataset has none.
    """
    name, options = _file_name(data), options or ImageOptions()
    _check_table(data, name, table)
    if table is None and data in ("digits", "cifar10") and options != ImageOptions():
        raise ValueError(f"{data} is not read from a folder: leave out the options that say how image files are read.")
    if table is None and data == "digits":
        return _held_out(load_digit_images(), name, seed)
    if table is None and data == "cifar10":
        return _existing_split(fetch_cifar10(subset="all", verbose=verbose), name, seed)
    options, note = _with_image_size(data, options, table)
    whole = _load(data, options, table, verbose)
    skipped = [printable(path) for path in whole.skipped]
    return replace(_existing_split(whole, name, seed), reading=whole.reading, note=note, skipped=skipped)


def _check_table(data: str, name: str, table: LabelTable | None) -> None:
    """Raise an error if the columns of a CSV file are missing, or given for something else."""
    if table is not None:
        if data in ("digits", "cifar10") and not os.path.exists(data):
            raise DatasetError(f"{data} is no CSV file: leave out --path-column, --label-columns and --root.")
        if os.path.isdir(data):
            raise DatasetError(
                f"{name} is a folder, in which the class of an image is the name of its folder: leave out "
                "--path-column, --label-columns and --root, or name a CSV file with --data."
            )
    elif name.lower().endswith((".csv", ".tsv")):
        raise DatasetError(f"{name} is a table: name its columns with --path-column and --label-columns.")
    elif is_image(name) and os.path.isfile(data):
        raise DatasetError(
            f"{name} is a single image: pass a folder that has a folder of images for each class, an archive of it, or "
            "a CSV file with --path-column and --label-columns."
        )


def _load(data: str, options: ImageOptions, table: LabelTable | None, verbose: int) -> Bunch:
    settings: dict[str, Any] = {**asdict(options), "verbose": verbose}
    if table is not None:
        return load_image_table(data, **asdict(table), **settings)
    return load_image_folder(data, subset="all", **settings)


def _with_image_size(data: str, options: ImageOptions, table: LabelTable | None) -> tuple[ImageOptions, str]:
    """The options with an image size, if one is needed and none is given, and a sentence about it."""
    if options.image_size is not None:
        return options, ""
    if table is None:
        sizes = image_sizes(data)
    else:
        headers = ImageOptions((1, 1), sixteen_bit=options.sixteen_bit, lazy=True, on_error=options.on_error)
        sizes = image_sizes(_load(data, headers, table, 0).images.paths)
    chosen = choose_image_size(sizes) if len(sizes) else None
    if chosen is None:
        return options, ""
    n_sizes = len(np.unique(sizes, axis=0))
    (first_height, first_width), (height, width) = sizes[0], chosen
    kind = f"{n_sizes:,} different sizes" if n_sizes > 1 else f"{first_height}x{first_width} pixels"
    return replace(options, image_size=chosen), (
        f"Images of {kind} are brought to {height}x{width} ({options.fit}); choose another size with --image-size."
    )


def _existing_split(whole: Bunch, name: str, seed: int) -> TrainTestSplit:
    """Split as the source is split; a validation part is the test part if there is none, and training otherwise."""
    n_train, n_val = whole.n_train, whole.get("n_val")
    if n_train is None:
        return _held_out(whole, name, seed)
    n_rest = len(whole.images) - n_train
    if not n_train or not n_rest:
        raise DatasetError(f"{name} has only one of a train and a test part: add the other, or leave out both.")
    how = "its own test part"
    if n_val == n_rest:
        how = "its validation part is the test part"
    elif n_val:
        n_train, how = n_train + n_val, f"its own test part; the {n_val:,} images for validation are trained on"
    return _split(whole, slice(n_train), slice(n_train, None), f"{name}; {how}")


def _held_out(whole: Bunch, name: str, seed: int) -> TrainTestSplit:
    target = np.asarray(whole.target)
    labels = label_matrix(target)[0] if target.ndim == 2 else target
    try:
        train, test = stratified_split(labels, TEST_SIZE, seed)
    except ValueError as error:
        n_images = (target == 1).sum(axis=0) if target.ndim == 2 else np.bincount(target)
        counts = ", ".join(f"{label} {n}" for label, n in zip(whole.target_names, n_images, strict=True))
        raise DatasetError(
            f"{name} is too small to hold out a fifth of each class ({counts}): add images, or lay them out as "
            "train/<class>/<image> and test/<class>/<image>."
        ) from error
    return _split(whole, train, test, f"{name}; a stratified fifth held out with seed {seed}")


def _split(whole: Bunch, train, test, origin: str) -> TrainTestSplit:
    # Selected rows of a memory-mapped file would be copied into memory.
    X = LazyArray(whole.images) if isinstance(whole.images, np.memmap) else whole.images
    y = np.asarray(whole.target)
    names = [str(name) for name in whole.target_names]
    return TrainTestSplit(X[train], y[train], X[test], y[test], names, whole.sha256, origin)


def _file_name(path: str) -> str:
    """Last part of a path, also of "." and "photos/..", in which bytes that are not UTF-8 are escaped."""
    return printable(Path(os.path.abspath(path)).name)
