"""The layout of a dataset in folders: which files belong to which part and class."""

from __future__ import annotations

import re

import numpy as np

from ..exceptions import DatasetError
from ._archive import Source, SourceFile
from ._decoding import SUFFIXES
from ._subset import PARTS

LAYOUT = "Arrange the images as <class>/<image>, or as train/<class>/<image> and test/<class>/<image>."

FilesByClass = dict[str, list[SourceFile]]


def natural_sort_key(name: str) -> tuple:
    """Return a sort key that puts ``2.png`` before ``10.png``."""
    pieces = re.split(r"([0-9]+)", name)
    pieces[1::2] = [int(piece) for piece in pieces[1::2]]  # type: ignore[misc]
    return (*pieces, name)


def group_by_class(source: Source, on_error: str) -> tuple[dict[str, FilesByClass], list[str]]:
    """Group the images of a folder or archive by part and class.

    Parameters
    ----------
    source : Source
        Files of the folder or archive.
    on_error : {"raise", "skip"}
        Whether a file in a class folder that is not an image is an error.

    Returns
    -------
    parts : dict
        ``{"train": {class: files}, "test": ...}``, or ``{"": {class: files}}`` if the source is not split. Classes
        are sorted by name, files in natural order.
    skipped : list of str
        Files in class folders that are not images.

    Raises
    ------
    DatasetError
        If the source has another layout, an empty class, a single class, or different classes in train and test.
    """
    if not source.files:
        raise DatasetError(f"{str(source.path)!r} contains no images ({', '.join(SUFFIXES)}). {LAYOUT}")
    skip = _n_common_folders(source.files)
    split = all(_is_in_part(file.name.split("/")[skip:]) for file in source.files)
    depth = 3 if split else 2
    parts: dict[str, FilesByClass] = {}
    for file in source.files:
        path = file.name.split("/")[skip:]
        if len(path) != depth:
            raise DatasetError(f"{str(source.path)!r} contains {file.name!r}, which belongs to no class. {LAYOUT}")
        parts.setdefault(path[0] if split else "", {}).setdefault(path[-2], []).append(file)
    for name in source.folders:
        path = name.split("/")[skip:]
        if len(path) == depth - 1 and (not split or path[0] in PARTS):
            parts.setdefault(path[0] if split else "", {}).setdefault(path[-1], [])
    skipped = [name for name in source.ignored if len(name.split("/")) - skip == depth]
    if skipped and on_error == "raise":
        raise DatasetError(
            f"{str(source.path)!r} contains {skipped[0]!r} among the images, which is not an image. Remove it, or pass "
            "on_error='skip'."
        )
    _check_classes(source, parts)
    ordered = {part: parts[part] for part in ("", *PARTS) if part in parts}
    return {part: _in_order(classes) for part, classes in ordered.items()}, skipped


def _is_in_part(path: list[str]) -> bool:
    return len(path) == 3 and path[0] in PARTS


def _n_common_folders(files: list[SourceFile]) -> int:
    """Return 1 if one folder, neither a part nor a class, contains all files, and 0 otherwise."""
    top_folders = {file.name.split("/")[0] for file in files}
    is_common = len(top_folders) == 1 and not top_folders & set(PARTS)
    return int(is_common and all(file.name.count("/") >= 2 for file in files))


def _in_order(classes: FilesByClass) -> FilesByClass:
    return {name: sorted(classes[name], key=lambda file: natural_sort_key(file.name)) for name in sorted(classes)}


def _check_classes(source: Source, parts: dict[str, FilesByClass]) -> None:
    source_name = str(source.path)
    for part, classes in parts.items():
        place = f"{source_name!r}, part {part!r}," if part else f"{source_name!r}"
        for name, files in classes.items():
            if not files:
                raise DatasetError(f"{place} has no image in class {name!r}. Add images or remove the folder.")
            if len({file.name for file in files}) < len(files):
                raise DatasetError(f"{place} contains a file twice in class {name!r}. Create the archive again.")
        if len(classes) < 2:
            raise DatasetError(f"{place} has only one class, {name!r}. A classifier needs two. {LAYOUT}")
    if len(parts) == 2:
        train, test = (set(parts[part]) for part in PARTS)
        if train != test:
            raise DatasetError(
                f"{source_name!r} has different classes in train and test: only in train {sorted(train - test)}, "
                f"only in test {sorted(test - train)}. Give both the same class folders."
            )


def check_all_classes_left(target: np.ndarray, is_train: np.ndarray, names: list[str], parts: list[str]) -> None:
    """Raise an error if all images of a class in one of the parts were skipped."""
    for part in parts:
        labels = target if len(parts) == 1 else target[is_train == (part == "train")]
        for label in np.flatnonzero(np.bincount(labels, minlength=len(names)) == 0):
            raise DatasetError(
                f"No image of class {names[label]!r} can be read. Restore its files, or remove its folder."
            )
