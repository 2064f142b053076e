"""The layout of a dataset in folders: which files belong to which part and class."""

from __future__ import annotations

import re

import numpy as np

from ..exceptions import DatasetError
from ._min_images import check_min_images, small_classes
from ._subset import PARTS
from .files import SUFFIXES, Source, SourceFile, is_image

LAYOUT = (
    "Arrange the images as <class>/<image>, or as train/<class>/<image> and test/<class>/<image>, and "
    "val/<class>/<image> if there are validation images."
)
# Names of the folders of parts, in lower case.
PART_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

FilesByClass = dict[str, list[SourceFile]]


def natural_sort_key(name: str) -> tuple:
    """Return a sort key that puts ``2.png`` before ``10.png``."""
    pieces = re.split(r"([0-9]+)", name)
    # Python refuses to convert thousands of digits, which an archive may contain.
    pieces[1::2] = [(len(digits := piece.lstrip("0")), digits) for piece in pieces[1::2]]  # type: ignore[misc]
    return (*pieces, name)


def group_by_class(
    source: Source, on_error: str, min_images: int = 1
) -> tuple[dict[str, FilesByClass], list[str], dict[str, int]]:
    """Group the images of a folder or archive by part and class.

    Parameters
    ----------
    source : Source
        Files of the folder or archive.
    on_error : {"raise", "skip"}
        Whether a file in a class folder that is not an image is an error.
    min_images : int, default=1
        Classes with fewer files in training, or in all if there is no training part, are left out.

    Returns
    -------
    parts : dict
        ``{"train": {class: files}, "val": ..., "test": ...}``, or ``{"": {class: files}}`` if the source is not split.
        Each part has the same classes, sorted by name. Files are in natural order, and in validation and test a class
        may have none.
    skipped : list of str
        Files in class folders that are not images, and files that are never read.
    skipped_classes : dict of str to int
        Classes that were left out, and their number of images.

    Raises
    ------
    ValueError
        If `min_images` is no positive integer.
    DatasetError
        If the source has another layout, an empty class, a single class, or a class in validation or test that
        training does not have.
    """
    check_min_images(min_images)
    name = repr(str(source.path))
    if not source.files:
        raise DatasetError(f"{name} contains no images ({', '.join(SUFFIXES)}). {LAYOUT}")
    skip = _n_common_folders(source.files)
    folder_of = _folders_of_parts(source, skip)
    depth = 2 if folder_of else 1
    parts: dict[str, FilesByClass] = {}
    for file in source.files:
        path = file.name.split("/")[skip:]
        if len(path) <= depth:
            raise DatasetError(f"{name} contains {file.name!r}, which belongs to no class. {LAYOUT}")
        parts.setdefault(folder_of.get(path[0], ""), {}).setdefault(path[depth - 1], []).append(file)
    for folder in source.folders:
        path = folder.split("/")[skip:]
        if len(path) == depth and not is_image(path[-1]) and (not folder_of or path[0] in folder_of):
            parts.setdefault(folder_of.get(path[0], ""), {}).setdefault(path[-1], [])
    not_images = [ignored for ignored in source.ignored if len(ignored.split("/")) - skip > depth]
    if not_images and on_error == "raise":
        raise DatasetError(
            f"{name} contains {not_images[0]!r} among the images, which is not an image. Remove it, or pass "
            "on_error='skip'."
        )
    skipped_classes = small_classes(_class_sizes(parts), min_images, name)
    for part in parts:
        parts[part] = {label: files for label, files in parts[part].items() if label not in skipped_classes}
    classes = _check_classes(name, parts)
    ordered = {part: _in_order(parts[part], classes) for part in ("", *PARTS) if part in parts}
    return ordered, not_images + source.passed_over, skipped_classes


def _class_sizes(parts: dict[str, FilesByClass]) -> dict[str, int]:
    """Number of training images of each class; of all images if there is no training part."""
    classes = {label for part in parts.values() for label in part}
    counted = [parts["train"]] if "train" in parts else list(parts.values())
    return {label: sum(len(part.get(label, ())) for part in counted) for label in sorted(classes)}


def check_all_classes_left(
    target: np.ndarray, part_of: np.ndarray, grouped: dict[str, FilesByClass], parts: list[str]
) -> None:
    """Raise an error if all images of a class in one of the parts were skipped.

    Parameters
    ----------
    target : ndarray of int, shape (n,)
        Classes of the images that are left.
    part_of : ndarray of int, shape (n,)
        Their parts, as indices of `parts`.
    grouped : dict
        From `group_by_class`.
    parts : list of str
        The parts that were read.
    """
    for i, part in enumerate(parts):
        left = set(target[part_of == i])
        for label, (name, files) in enumerate(grouped[part].items()):
            if files and label not in left:
                place = f" of part {part!r}" if part else ""
                raise DatasetError(
                    f"No image of class {name!r}{place} can be read. Restore its files, or remove its folder."
                )


def _n_common_folders(files: list[SourceFile]) -> int:
    """Return 1 if one folder, neither a part nor a class, contains all files, and 0 otherwise."""
    top_folders = {file.name.split("/")[0] for file in files}
    is_common = len(top_folders) == 1 and next(iter(top_folders)).lower() not in PART_NAMES
    return int(is_common and all(file.name.count("/") >= 2 for file in files))


def _folders_of_parts(source: Source, skip: int) -> dict[str, str]:
    """Return the part of each top folder, ``{"Training": "train", ...}``; empty if the source is not split.

    Images directly inside show that a folder is a class, whatever its name.
    """
    paths = [file.name.split("/")[skip:] for file in source.files]
    classes = {path[0] for path in paths if len(path) == 2}
    parts = {path[0]: PART_NAMES[path[0].lower()] for path in paths if path[0].lower() in PART_NAMES}
    parts = {folder: part for folder, part in parts.items() if folder not in classes}
    for path in paths:
        if parts and path[0] not in parts:
            raise DatasetError(
                f"{str(source.path)!r} contains {'/'.join(path)!r}, which belongs to no class, beside the folder "
                f"{next(iter(parts))!r}. {LAYOUT}"
            )
    if len(set(parts.values())) < len(parts):
        raise DatasetError(f"{str(source.path)!r} has several folders of one part: {', '.join(sorted(parts))}.")
    return parts


def _in_order(files: FilesByClass, classes: list[str]) -> FilesByClass:
    return {name: sorted(files.get(name, []), key=lambda file: natural_sort_key(file.name)) for name in classes}


def _check_classes(source_name: str, parts: dict[str, FilesByClass]) -> list[str]:
    """Return the names of the classes, or raise an error."""
    for part, classes in parts.items():
        place = f"{source_name}, part {part!r}," if part else source_name
        for name, files in classes.items():
            if not files and part in ("", "train"):
                raise DatasetError(f"{place} has no image in class {name!r}. Add images or remove the folder.")
            if len({file.name for file in files}) < len(files):
                raise DatasetError(f"{place} contains a file twice in class {name!r}. Create the archive again.")
    known = {name for part in parts if part in ("", "train") for name in parts[part]}
    known = known or {name for classes in parts.values() for name, files in classes.items() if files}
    for part, classes in parts.items():
        unknown = sorted(name for name, files in classes.items() if files and name not in known)
        if unknown:
            raise DatasetError(
                f"{source_name} has different classes in train and {part}: train has no images of {unknown}. Add "
                "training images of them, or remove their folders."
            )
    if len(known) < 2:
        place = f"{source_name}, part 'train'," if "train" in parts else source_name
        raise DatasetError(f"{place} has only one class, {min(known)!r}. A classifier needs two. {LAYOUT}")
    return sorted(known)
