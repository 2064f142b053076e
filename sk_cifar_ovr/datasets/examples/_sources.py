"""A source of images -> its images and labels, one after another."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._shared.image_collections import dataset_of_examples, defined_in, image_columns, is_column, items_of, kind_of
from ...exceptions import DatasetError

# Names of images and labels in examples that are dicts, by precedence.
IMAGE_KEYS = ("image", "images", "img", "pixel_values", "x")
LABEL_KEYS = ("label", "labels", "target", "class", "y")
CHANNELS = (1, 3, 4)
INFINITE = -1


@dataclass
class Examples:
    """Images with their labels.

    Attributes
    ----------
    pairs : iterator of (image, label)
        A label is None if the source has none.
    what : str
        The source, for messages.
    n : int or None, default=None
        Number of images, if it is known.
    names : list of str or None, default=None
        Names of the classes, if the source has them.
    channels_first : bool, default=False
        Whether arrays may have their channels first, as PyTorch's.
    """

    pairs: Iterator[tuple[Any, Any]]
    what: str
    n: int | None = None
    names: list[str] | None = None
    channels_first: bool = False


def examples_of(source: Any) -> Examples:
    """Find out what a source is, and how its images and labels are read.

    Raises
    ------
    DatasetError
        If it is something else, or does not tell where its images are. The message says what to pass.
    """
    kind = dataset_of_examples(source)
    if defined_in(source, "datasets") and isinstance(source, dict):
        raise DatasetError(
            f"The source has the parts {', '.join(map(repr, source))}: pass one, source[{next(iter(source))!r}]."
        )
    if kind == "dataset of Hugging Face":
        return _of_hugging_face(source, kind)
    if kind is not None:
        names = _class_names(source)
        first = defined_in(source, "torch")
        n = None if kind == "tf.data.Dataset" else _n_examples(source)
        return Examples(_pairs(source, kind), f"a {kind}", n, names, first)
    if isinstance(source, (str, os.PathLike)):
        raise DatasetError(
            f"The source is one path, {str(source)!r}: load_image_folder reads folders and archives; pass files as a "
            "list of paths."
        )
    if hasattr(source, "columns"):
        source = _column_of(source)
    if is_column(source):
        source = items_of(source)
    if not isinstance(source, Iterable) or isinstance(source, (bytes, dict)) or kind_of(source) == "pillow":
        raise DatasetError(f"The source is one {type(source).__name__}; pass images in a list or another collection.")
    if isinstance(source, np.ndarray) and source.ndim == 3 and source.shape[-1] in CHANNELS:
        raise DatasetError(
            f"The source has the shape {source.shape} of one image: pass image[numpy.newaxis], or several images."
        )
    if isinstance(source, io.IOBase):
        raise DatasetError("The source is one open file: pass its path in a list.")
    n = len(source) if isinstance(source, Sized) else None
    what = "an array" if isinstance(source, np.ndarray) else f"a {type(source).__name__}"
    return Examples((_of_item(item) for item in source), what, n)


def _of_item(item: Any) -> tuple[Any, Any]:
    """One item of a plain collection, which may be an image, or a tuple, list or dict of image and label."""
    is_example = isinstance(item, dict) and kind_of(item) != "record" or isinstance(item, tuple) or _is_pair(item)
    return _split(item) if is_example else (item, None)


def _is_pair(item: Any) -> bool:
    """Whether a list is an image and its label, and not the rows of an image."""
    if not isinstance(item, list) or len(item) != 2:
        return False
    kind = kind_of(item[0])
    return (
        kind in ("pillow", "bytes", "path", "record") or kind == "array" and np.ndim(item[0]) > max(1, np.ndim(item[1]))
    )


def _pairs(source: Any, kind: str) -> Iterator[tuple[Any, Any]]:
    if kind == "tf.data.Dataset":
        if int(source.cardinality()) == INFINITE:
            raise DatasetError("The tf.data.Dataset has no end: leave out repeat(), or pass source.take(n).")
        for element in source.as_numpy_iterator():
            images, labels = _split(element)
            yield from _unbatched(images, labels) if _is_batch(images) else [(images, labels)]
    elif kind == "PyTorch Dataset":
        is_mapping = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        yield from map(_split, (source[i] for i in range(len(source))) if is_mapping else source)
    else:
        is_batched = kind == "PyDataset of Keras" or source.batch_sampler is not None or source.batch_size is not None
        batches = (source[i] for i in range(len(source))) if kind == "PyDataset of Keras" else source
        for batch in batches:
            yield from _unbatched(*_split(batch)) if is_batched else [_split(batch)]


def _is_batch(images: Any) -> bool:
    shape = np.shape(images)
    return len(shape) == 4 or len(shape) == 3 and shape[-1] not in CHANNELS or len(shape) == 1


def _split(example: Any) -> tuple[Any, Any]:
    """Images and labels of an example or a batch."""
    if isinstance(example, dict):
        image = next((key for key in IMAGE_KEYS if key in example), None)
        if image is None:
            raise DatasetError(
                f"The examples are dicts of {', '.join(map(repr, example))}, of which none is named "
                f"{' or '.join(map(repr, IMAGE_KEYS))}: pass (image, label) pairs, or a list of the images."
            )
        return example[image], next((example[key] for key in LABEL_KEYS if key in example), None)
    if isinstance(example, (tuple, list)):
        if len(example) not in (1, 2):
            raise DatasetError(
                f"The examples have {len(example)} parts: map them to images, or to pairs of images and labels, first."
            )
        return example[0], example[1] if len(example) == 2 else None
    return example, None


def _unbatched(images: Any, labels: Any) -> Iterator[tuple[Any, Any]]:
    if labels is None:
        yield from ((image, None) for image in images)
        return
    if len(images) != len(labels):
        raise DatasetError(f"A batch has {len(images)} images and {len(labels)} labels.")
    yield from zip(images, labels, strict=True)


def _n_examples(source: Any) -> int | None:
    """Number of images of a dataset or loader of PyTorch; None if it is not known."""
    if getattr(source, "drop_last", False) or not hasattr(source, "__getitem__") and not hasattr(source, "dataset"):
        return None
    try:
        return len(source.dataset if hasattr(source, "collate_fn") else source)
    except TypeError:
        return None


def _class_names(source: Any) -> list[str] | None:
    """Names of the classes that a dataset, or the one that it wraps, has."""
    for _ in range(9):
        names = getattr(source, "class_names", None) or getattr(source, "classes", None)
        if isinstance(names, (list, tuple)):
            return [str(name) for name in names]
        if not hasattr(source, "dataset"):
            break
        source = source.dataset
    return None


def _of_hugging_face(source: Any, kind: str) -> Examples:
    features = source.features or {}
    images = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    images = images or [name for name in IMAGE_KEYS if name in features]
    classes = {name: list(feature.names) for name, feature in features.items() if hasattr(feature, "names")}
    labels = list(classes) or [name for name in LABEL_KEYS if name in features]
    for what, found, preferred in (("images", images, "image"), ("classes", labels, "label")):
        if len(found) > 1 and preferred not in found:
            raise DatasetError(
                f"The dataset has several columns of {what}: {', '.join(map(repr, found))}. Select one with the others "
                f"that you need: source.select_columns(...)."
            )
    n = len(source) if hasattr(source, "__len__") else None
    if features and not images:
        raise DatasetError(f"None of the columns {', '.join(map(repr, features))} holds images; pass one as a list.")
    if not features:
        return Examples(map(_split, source), f"a {kind}", n)
    image = "image" if "image" in images else images[0]
    label = None if not labels else "label" if "label" in labels else labels[0]
    pairs = ((row[image], None if label is None else row[label]) for row in source)
    return Examples(pairs, f"a {kind}", n, None if label is None else classes.get(label))


def _column_of(frame: Any) -> Any:
    """The only column of a table that holds images."""
    names, found = list(getattr(frame, "column_names", frame.columns)), image_columns(frame)
    if len(names) == 1 and found:
        return frame[names[0]]
    if not found:
        raise DatasetError(f"The source is a table without images; its columns are {', '.join(map(repr, names[:9]))}.")
    name = next(iter(found))
    raise DatasetError(
        f"The source is a table: pass its column of images, source[{name!r}], and keep the labels aside."
    )
