"""Folders of images: which files belong to which part and class, and their pixels."""

from __future__ import annotations

import io
import logging
import re
import warnings
from typing import Literal

import numpy as np

from ..exceptions import DatasetError
from ._archive import Source, SourceFile, track

logger = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff")
PARTS = ("train", "test")
LAYOUT = "Lay the images out as <class>/<image>, or as train/<class>/<image> and test/<class>/<image>."

Subset = Literal["train", "test", "all"] | None
Classes = dict[str, list[SourceFile]]


def is_image(name: str) -> bool:
    """Say whether a file name ends as an image's does."""
    return name.lower().endswith(SUFFIXES)


def natural_key(name: str) -> tuple:
    """Return a sort key that puts ``2.png`` before ``10.png``."""
    pieces = re.split(r"([0-9]+)", name)
    pieces[1::2] = [int(piece) for piece in pieces[1::2]]  # type: ignore[misc]
    return (*pieces, name)


def sort_into_classes(source: Source, on_error: str) -> tuple[dict[str, Classes], list[str]]:
    """Sort the images of a source into its parts and their classes.

    Parameters
    ----------
    source : Source
    on_error : {"raise", "skip"}
        What to do with a file among the images that is none.

    Returns
    -------
    parts : dict
        ``{"train": {class: files}, "test": ...}``, or ``{"": {class: files}}`` where the source is not split;
        classes sorted by name, files in natural order.
    skipped : list of str
        Files that are no images.

    Raises
    ------
    DatasetError
        If the layout is another one, a class is empty or the only one, or train and test have different ones.
    """
    if not source.files:
        raise DatasetError(f"{str(source.path)!r} holds no images ({', '.join(SUFFIXES)}). {LAYOUT}")
    skip = _shared_top(source.files)
    split = all(_is_in_part(file.name.split("/")[skip:]) for file in source.files)
    depth = 3 if split else 2
    parts: dict[str, Classes] = {}
    for file in source.files:
        path = file.name.split("/")[skip:]
        if len(path) != depth:
            raise DatasetError(f"{str(source.path)!r} holds {file.name!r}, which belongs to no class. {LAYOUT}")
        parts.setdefault(path[0] if split else "", {}).setdefault(path[-2], []).append(file)
    for name in source.folders:
        path = name.split("/")[skip:]
        if len(path) == depth - 1 and (not split or path[0] in PARTS):
            parts.setdefault(path[0] if split else "", {}).setdefault(path[-1], [])
    skipped = [name for name in source.others if len(name.split("/")) - skip == depth]
    if skipped and on_error == "raise":
        raise DatasetError(
            f"{str(source.path)!r} holds {skipped[0]!r} among the images, which is none. Remove it, or pass "
            "on_error='skip'."
        )
    _check_classes(source, parts)
    ordered = {part: parts[part] for part in ("", *PARTS) if part in parts}
    return {part: _in_order(classes) for part, classes in ordered.items()}, skipped


def _is_in_part(path: list[str]) -> bool:
    return len(path) == 3 and path[0] in PARTS


def _shared_top(files: list[SourceFile]) -> int:
    """Count the folders, none or one, that everything lies in and that are neither a part nor a class."""
    tops = {file.name.split("/")[0] for file in files}
    shared = len(tops) == 1 and not tops & set(PARTS)
    return int(shared and all(file.name.count("/") >= 2 for file in files))


def _in_order(classes: Classes) -> Classes:
    return {name: sorted(classes[name], key=lambda file: natural_key(file.name)) for name in sorted(classes)}


def _check_classes(source: Source, parts: dict[str, Classes]) -> None:
    where = str(source.path)
    for part, classes in parts.items():
        named = f"{where!r}, part {part!r}," if part else f"{where!r}"
        for name, files in classes.items():
            if not files:
                raise DatasetError(f"{named} has no image in class {name!r}. Add images or remove the folder.")
            if len({file.name for file in files}) < len(files):
                raise DatasetError(f"{named} holds a file twice in class {name!r}. Pack the archive anew.")
        if len(classes) < 2:
            raise DatasetError(f"{named} has only one class, {name!r}; a classifier needs two. {LAYOUT}")
    if len(parts) == 2:
        train, test = (set(parts[part]) for part in PARTS)
        if train != test:
            raise DatasetError(
                f"{where!r} has different classes in train and test: only in train {sorted(train - test)}, "
                f"only in test {sorted(test - train)}. Give both the same class folders."
            )


def choose_parts(subset: Subset, parts: list[str], where: str) -> list[str]:
    """Say which parts of a source make up a subset; a source that is not split is the part ``""``."""
    if subset not in (None, "all", *PARTS):
        raise ValueError(f"subset is {subset!r}; it must be None, 'train', 'test' or 'all'.")
    if subset == "all" or (subset is None and parts == [""]):
        return parts
    wanted = subset or "train"
    if wanted in parts:
        return [wanted]
    if parts == [""]:
        raise DatasetError(f"{where} is not split, so it has no part {wanted!r}; pass subset=None and split it.")
    raise DatasetError(f"{where} has no part {wanted!r}, only {parts[0]!r}; pass subset={parts[0]!r}.")


def decode_files(
    files: list[SourceFile],
    *,
    on_error: str = "raise",
    channels: int | None = None,
    size: tuple[int, int] | None = None,
    verbose: int = 0,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Decode images of one size into one array.

    Parameters
    ----------
    files : list of SourceFile
    on_error : {"raise", "skip"}, default="raise"
        What to do with a file that cannot be decoded.
    channels : {1, 3}, default=None
        None gives 1 where every image is grey and 3 otherwise.
    size : tuple of int, default=None
        ``(h, w)`` to bring images to that have another size.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    images : ndarray of uint8, shape (n, h, w, c)
    kept : ndarray of int, shape (n,)
        Positions in `files` of the images.
    skipped : list of str
        Names of the files left out.

    Raises
    ------
    DatasetError
        If a file cannot be decoded, or two images differ in size.
    """
    from PIL import Image

    images: np.ndarray | None = None
    kept: list[int] = []
    skipped: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for i, file in enumerate(track(files, "Decoding images", verbose)):
            try:
                pixels = _decode(file, channels, size)
            except DatasetError as error:
                if on_error == "raise":
                    raise
                logger.info("Skipped: %s", error)
                skipped.append(file.name)
                continue
            if images is None:
                images = np.empty((len(files), *pixels.shape), np.uint8)
            if pixels.shape[:2] != images.shape[1:3]:
                raise _mixed_sizes(files[kept[0]], images.shape[1:], file, pixels.shape)
            if pixels.shape[2] > images.shape[3]:
                images = np.repeat(images, 3, axis=3)  # the first in colour after grey ones
            images[len(kept)] = pixels
            kept.append(i)
    if images is None:
        raise DatasetError(f"None of the {len(files)} images can be read; the first is {files[0].label!r}.")
    return images[: len(kept)], np.array(kept), skipped


MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _decode(file: SourceFile, channels: int | None, size: tuple[int, int] | None) -> np.ndarray:
    from PIL import Image

    try:
        image: Image.Image = Image.open(io.BytesIO(file.read()), formats=FORMATS)
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"{image.mode} pixels: more than 8 bits a channel")
        if channels is None:
            channels = 1 if image.mode in ("1", "L") else 3
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")
        image = image.convert(MODES[channels])
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1], Image.Resampling.BICUBIC)
    except Exception as error:  # Pillow's readers raise nearly anything on damaged files
        raise DatasetError(
            f"{file.label!r} cannot be read as an 8-bit image ({type(error).__name__}: {error}). "
            "Restore or convert it, or pass on_error='skip'."
        ) from error
    return np.asarray(image).reshape(image.height, image.width, -1)


def _mixed_sizes(first: SourceFile, shape: tuple, other: SourceFile, differs: tuple) -> DatasetError:
    return DatasetError(
        f"Images of mixed sizes: {first.label!r} is {shape[1]}x{shape[0]} (width x height), {other.label!r} "
        f"is {differs[1]}x{differs[0]}. Resize them to one size, which `sk-cifar-ovr predict` does with --resize."
    )


def check_left(target: np.ndarray, kept: np.ndarray, n_train: int, names: list[str], chosen: list[str]) -> None:
    """Refuse a class of which every image was skipped."""
    for part in chosen:
        rows = target if len(chosen) == 1 else target[(kept < n_train) == (part == "train")]
        for label in np.flatnonzero(np.bincount(rows, minlength=len(names)) == 0):
            raise DatasetError(
                f"No image of class {names[label]!r} can be read. Restore its files, or remove its folder."
            )
