"""Datasets read for a run, and split into a training and a test part."""

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ..._shared.lazy_arrays import LazyArray
from ..._shared.stratification import Split
from ...datasets import (
    fetch_cifar10,
    image_sizes,
    load_digit_images,
    load_image_folder,
    load_image_table,
)
from ...datasets.files import is_image, printable
from ...exceptions import DatasetError
from .._defaults import choose_image_size
from ._copies import Copies, find_copies
from ._groups import DUPLICATES, Groups, find_groups
from ._hold_out import class_sizes, hold_out
from ._train_test_split import N_CLASSES, TrainTestSplit, listed


@dataclass(frozen=True)
class ImageOptions:
    """How image files are read: parameters of `load_image_folder` and `load_image_table`."""

    image_size: tuple[int, int] | None = None
    fit: str = "crop"
    sixteen_bit: str = "refuse"
    lazy: bool = False
    cache: Path | None = None
    on_error: str = "raise"
    min_images: int = 1


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
    groups: str | None = None,
) -> TrainTestSplit:
    """Read a dataset; if it has no test part, hold out a stratified fifth.

    Classes with fewer than five images are then trained on only. Near-identical images on both sides are looked for.

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
    groups : str or None, default=None
        Images that belong together, for the split and for the training: a column of the table, "duplicates", or a
        regular expression on the file names; see `find_groups`.

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
        return _split(load_digit_images(), name, seed, groups, verbose)
    if table is None and data == "cifar10":
        return _split(fetch_cifar10(subset="all", verbose=verbose), name, seed, groups, verbose)
    options, note = _with_image_size(data, options, table)
    whole = _load(data, options, table, verbose)
    skipped = [printable(path) for path in whole.skipped]
    return replace(
        _split(whole, name, seed, groups, verbose),
        reading=whole.reading,
        note=note,
        skipped=skipped,
        skipped_classes=whole.skipped_classes,
    )


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
        headers = replace(options, image_size=(1, 1), fit="crop", lazy=True, cache=None)
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


def _existing_parts(whole: Bunch, name: str) -> tuple[Split, str] | None:
    """The parts of the source; a validation part is the test part if there is none, and training otherwise.

    None if the source is not split.
    """
    n_train, n_val = whole.n_train, whole.get("n_val")
    if n_train is None:
        return None
    n_images = len(whole.images)
    n_rest = n_images - n_train
    if not n_train or not n_rest:
        raise DatasetError(f"{name} has only one of a train and a test part: add the other, or leave out both.")
    how = "its own test part"
    if n_val == n_rest:
        how = "its validation part is the test part"
    elif n_val:
        n_train, how = n_train + n_val, f"its own test part; the {n_val:,} images for validation are trained on"
    return (np.arange(n_train), np.arange(n_train, n_images)), how


def _held_out_parts(whole: Bunch, name: str, seed: int, groups: Groups | None) -> tuple[Split, str]:
    target = np.asarray(whole.target)
    try:
        parts = hold_out(target, seed, None if groups is None else groups.codes)
    except ValueError as error:
        sizes = zip(whole.target_names, class_sizes(target, len(whole.target_names)), strict=True)
        counts = listed([f"{label} {n}" for label, n in sizes], N_CLASSES)
        why = "" if groups is None else f" {error} {groups.described()}."
        raise DatasetError(
            f"{name} is too small to hold out a fifth of each class ({counts}): add images, or lay them out as "
            f"train/<class>/<image> and test/<class>/<image>.{why}"
        ) from error
    return parts, f"a stratified fifth held out with seed {seed}"


def _split(whole: Bunch, name: str, seed: int, groups: str | None, verbose: int) -> TrainTestSplit:
    # Selected rows of a memory-mapped file would be copied into memory.
    X = LazyArray(whole.images) if isinstance(whole.images, np.memmap) else whole.images
    y = np.asarray(whole.target)
    found = None if groups is None else find_groups(groups, whole, verbose=verbose)
    existing = _existing_parts(whole, name)
    (train, test), how = _held_out_parts(whole, name, seed, found) if existing is None else existing
    # Slices of arrays are no copies.
    rows = [slice(part[0], part[-1] + 1) if existing else part for part in (train, test)]
    X_train, X_test = (X[part] for part in rows)
    if existing is None and groups == DUPLICATES:
        copies = Copies(np.empty(0, int), np.empty(0, int))
    else:
        copies = find_copies(X_train, X_test, verbose)
    names = [printable(path) for path in whole.get("filenames", map("image {}".format, range(len(y))))]
    return TrainTestSplit(
        X_train,
        y[train],
        X_test,
        y[test],
        [str(label) for label in whole.target_names],
        whole.sha256,
        f"{name}; {how}",
        held_out=existing is None,
        groups=None if found is None else found.codes[train],
        grouped="" if found is None else _grouped(found, train, test),
        names_train=[names[i] for i in train],
        names_test=[names[i] for i in test],
        copies=copies,
    )


def _grouped(groups: Groups, train: np.ndarray, test: np.ndarray) -> str:
    """How images are grouped, and how many groups the source has on both sides."""
    n_cut = len(np.intersect1d(groups.codes[train], groups.codes[test]))
    cut = f"; the source has images of {n_cut:,} groups in both of its parts" if n_cut else ""
    return groups.described() + cut


def _file_name(path: str) -> str:
    """Last part of a path, also of "." and "photos/..", in which bytes that are not UTF-8 are escaped."""
    return printable(Path(os.path.abspath(path)).name)
