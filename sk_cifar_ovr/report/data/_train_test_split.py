"""`TrainTestSplit`: the images of a run, and what was decided about them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...datasets import CLASS_NAMES
from ._copies import Copies
from ._hold_out import MIN_MEASURED, class_sizes

# Names in a sentence: of files, and of classes.
N_FILES, N_CLASSES = 3, 30


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
    skipped_classes : dict of str to int
        Classes that were left out, and their number of images.
    held_out : bool, default=False
        Whether the test part was held out here, instead of being one of the source.
    groups : ndarray of int, shape (n_train,), or None, default=None
        Groups of the training images that splits keep together.
    grouped : str, default=""
        How images were grouped.
    names_train, names_test : list of str
        File name of each image, or its number in the dataset; may be empty.
    copies : Copies or None, default=None
        Test images that are near-identical to training images; None if they were not looked for.
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
    skipped_classes: dict[str, int] = field(default_factory=dict)
    held_out: bool = False
    groups: np.ndarray | None = None
    grouped: str = ""
    names_train: list[str] = field(default_factory=list)
    names_test: list[str] = field(default_factory=list)
    copies: Copies | None = None

    @property
    def notes(self) -> list[str]:
        """What the user should know before the training, one or two sentences each."""
        grouped = f"Images are kept together in {self.grouped}." if self.grouped else ""
        copies = self.copies_note if self.copies else ""
        notes = self.note, self.skipped_note, self.skipped_classes_note, grouped, copies
        return [note for note in notes if note]

    @property
    def skipped_note(self) -> str:
        """Number and first names of the files that were left out, as a sentence; empty if there are none."""
        n = len(self.skipped)
        if not n:
            return ""
        return f"{n:,} {'files were' if n > 1 else 'file was'} left out: {listed(map(repr, self.skipped), N_FILES)}."

    @property
    def skipped_classes_note(self) -> str:
        """Names and sizes of the classes that were left out, as a sentence; empty if there are none."""
        n = len(self.skipped_classes)
        if not n:
            return ""
        return f"{n:,} {'classes were' if n > 1 else 'class was'} left out: {with_sizes(self.skipped_classes)}."

    @property
    def copies_note(self) -> str:
        """Number of test images that are near-identical to a training image, and what to do about them."""
        if self.copies is None:
            return ""
        n, n_test = len(self.copies), len(self.X_test)
        if not n:
            return "No test image is near-identical to a training image."
        remedy = "--groups duplicates keeps such images on one side" if self.held_out else "Leave them out of one part"
        return (
            f"{n:,} of {n_test:,} test images {'are' if n > 1 else 'is'} near-identical to a training image, so that "
            f"scores may be too high. {remedy}."
        )

    def not_measured_note(self, classes: Iterable[str]) -> str:
        """Why classes without test images have no results, and which they are; empty if there are none."""
        sizes = dict(zip(self.target_names, class_sizes(self.y_train, len(self.target_names)).tolist(), strict=True))
        absent = {name: sizes[name] for name in classes}
        n = len(absent)
        if not n:
            return ""
        why = "no image in the test part"
        if self.held_out:
            why = f"fewer than {MIN_MEASURED} images" if self.groups is None else "too few groups"
        return (
            f"{n:,} of {len(sizes):,} classes {'are' if n > 1 else 'is'} trained on but not measured ({why}): "
            f"{with_sizes(absent)}. Means are over the other classes."
        )

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


def with_sizes(sizes: dict[str, int]) -> str:
    """Names and numbers of images of classes: "a (1), b (3)"."""
    return listed([f"{name} ({n})" for name, n in sizes.items()], N_CLASSES)


def listed(names: Iterable[str], n_shown: int) -> str:
    """The first of some names, and the number of the others.

    Examples
    --------
    >>> listed("abc", 2)
    'a, b and 1 other'
    """
    names = list(names)
    n_others = len(names) - n_shown
    shown = ", ".join(names[:n_shown])
    return f"{shown} and {n_others:,} other{'s' if n_others > 1 else ''}" if n_others > 0 else shown
