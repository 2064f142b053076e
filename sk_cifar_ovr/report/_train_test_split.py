"""Datasets split into a training and a test part."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from ..datasets import CLASS_NAMES, fetch_cifar10, load_digit_images, load_image_folder
from ..exceptions import DatasetError

TEST_SIZE = 0.2


@dataclass(frozen=True)
class TrainTestSplit:
    """Training and test images of a dataset.

    Attributes
    ----------
    X_train, X_test : ndarray of uint8, shape (n, h, w, c)
    y_train, y_test : ndarray of int, shape (n,)
        Indices into `target_names`.
    target_names : list of str
    sha256 : str
        Checksum of the source.
    origin : str
        Name of the source and how it was split.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    target_names: list[str]
    sha256: str
    origin: str

    @property
    def is_cifar10(self) -> bool:
        """Whether the test images are those of CIFAR-10, on which the reference results were measured."""
        return list(self.target_names) == CLASS_NAMES and len(self.X_test) == 10_000


def load_train_test_split(data: str, *, seed: int, verbose: int = 1) -> TrainTestSplit:
    """Read a dataset; if it has no test part, hold out a stratified fifth.

    Parameters
    ----------
    data : str
        ``"digits"``, ``"cifar10"``, or the path of an image folder or archive.
    seed : int
        Random seed of the split.
    verbose : int, default=1
        1 shows progress.

    Returns
    -------
    TrainTestSplit

    Raises
    ------
    DatasetError
        If the source cannot be read or is too small to be split.
    """
    if data == "digits":
        whole = load_digit_images()
    elif data == "cifar10":
        return _existing_split(fetch_cifar10(subset="all", verbose=verbose), data)
    else:
        whole = load_image_folder(data, subset="all", verbose=verbose)
        if whole.n_train is not None:
            return _existing_split(whole, _file_name(data))
    name = _file_name(data)
    try:
        train, test = train_test_split(
            np.arange(len(whole.images)), test_size=TEST_SIZE, stratify=whole.target, random_state=seed
        )
    except ValueError as error:
        sizes = zip(whole.target_names, np.bincount(whole.target), strict=True)
        raise DatasetError(
            f"{name} is too small to hold out a fifth of each class "
            f"({', '.join(f'{label} {n}' for label, n in sizes)}): add images, or lay them out as "
            "train/<class>/<image> and test/<class>/<image>."
        ) from error
    return _split(whole, train, test, f"{name}; a stratified fifth held out with seed {seed}")


def _existing_split(whole: Bunch, name: str) -> TrainTestSplit:
    n = whole.n_train
    if not 0 < n < len(whole.images):
        raise DatasetError(f"{name} has only one of a train and a test part: add the other, or leave out both.")
    return _split(whole, slice(n), slice(n, None), f"{name}; its own test part")


def _split(whole: Bunch, train, test, origin: str) -> TrainTestSplit:
    X, y = whole.images, whole.target
    names = [str(name) for name in whole.target_names]
    return TrainTestSplit(X[train], y[train], X[test], y[test], names, whole.sha256, origin)


def _file_name(path: str) -> str:
    """Last part of a path, also of "." and "photos/.."."""
    return Path(os.path.abspath(path)).name
