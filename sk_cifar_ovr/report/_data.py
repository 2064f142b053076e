"""Any dataset as images to train on and images to be read once."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from ..datasets import CLASS_NAMES, fetch_cifar10, load_digit_images, load_image_folder
from ..exceptions import DatasetError

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """Images to train on and images to be read once.

    Attributes
    ----------
    X_train, X_test : ndarray of uint8, shape (n, h, w, c)
    y_train, y_test : ndarray of int, shape (n,)
    target_names : list of str
    sha256 : str
        Of the source.
    origin : str
        Where the data came from and how it was split.
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
        """Whether the reference figures, which were read on CIFAR-10's test images, can stand beside it."""
        return list(self.target_names) == CLASS_NAMES and len(self.X_test) == 10_000


def load_split(data: str, *, seed: int, verbose: int = 1) -> Split:
    """Read a dataset; one without a test part is split, stratified, a fifth to the test.

    Parameters
    ----------
    data : str
        ``"digits"``, ``"cifar10"``, or the path of an image folder or archive.
    seed : int
        Of the split.
    verbose : int, default=1
        1 shows progress.

    Returns
    -------
    Split

    Raises
    ------
    DatasetError
        If the source cannot be read.
    """
    if data == "digits":
        whole = load_digit_images()
    elif data == "cifar10":
        return _given_split(fetch_cifar10(subset="all", verbose=verbose), data)
    else:
        whole = load_image_folder(data, subset="all", verbose=verbose)
        if whole.n_train is not None:
            return _given_split(whole, _name(data))
    names = [str(name) for name in whole.target_names]
    try:
        train, test = train_test_split(
            np.arange(len(whole.images)), test_size=TEST_SHARE, stratify=whole.target, random_state=seed
        )
    except ValueError as error:
        counts = ", ".join(f"{name} {n}" for name, n in zip(names, np.bincount(whole.target), strict=True))
        raise DatasetError(
            f"{_name(data)} is too small for a fifth of each class to be held out ({counts}): add images, or lay them "
            "out as train/<class>/<image> and test/<class>/<image>."
        ) from error
    origin = f"{_name(data)}; a stratified fifth held out with seed {seed}"
    X, y = whole.images, whole.target
    return Split(X[train], y[train], X[test], y[test], names, whole.sha256, origin)


def _name(data: str) -> str:
    """The last part of a path, of "." and "photos/.." too."""
    return Path(os.path.abspath(data)).name


def _given_split(whole, name: str) -> Split:
    n = whole.n_train
    if not 0 < n < len(whole.images):
        raise DatasetError(f"{name} has only one of a train and a test part: add the other, or leave out both.")
    X, y = whole.images, whole.target
    names = [str(name) for name in whole.target_names]
    return Split(X[:n], y[:n], X[n:], y[n:], names, whole.sha256, f"{name}; its own test part")
