"""`fetch_cifar10`: the original CIFAR-10 from a local copy, or else downloaded."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from sklearn.utils import Bunch

from ..._shared.files import keras_home
from ...exceptions import DatasetError
from .._subset import Subset, select_parts
from ._cifar10_files import CLASS_NAMES, DATASET_PAGE, read_cifar10
from ._download import download_cifar10

logger = logging.getLogger(__name__)

# Names of the dataset's website, Keras 3 and Keras 2.
FOLDERS = (
    ".",
    "cifar-10-batches-bin",
    "cifar-10-batches-py",
    "cifar-10-batches-py-target/cifar-10-batches-py",
)
ARCHIVES = (
    "cifar-10-binary.tar.gz",
    "cifar-10-python.tar.gz",
    "cifar-10-batches-py-target_archive",
    "cifar-10-batches-py.tar.gz",
)


def fetch_cifar10(
    source: str | os.PathLike | None = None,
    *,
    subset: Subset = None,
    data_home: str | os.PathLike | None = None,
    verify: bool = True,
    verbose: int = 1,
) -> Bunch:
    """Load the original CIFAR-10 [1]_ from a local copy, or else download it.

    Parameters
    ----------
    source : path-like, default=None
        Your copy: ``cifar-10-python.tar.gz``, ``cifar-10-binary.tar.gz``, the extracted folder of one of them, or a
        folder that contains one of these. If None, look in Keras' cache, and then download 170 MB.
    subset : {None, "train", "test", "all"}, default=None
        Part to load. None is the training part.
    data_home : path-like, default=None
        Folder for downloads. None is scikit-learn's data home.
    verify : bool, default=True
        Whether files that differ from the published ones are an error. If False, read any data in the same formats.
    verbose : int, default=1
        If 1, show progress on standard error.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (n, 32, 32, 3). Up to 50,000 training images, then up to 10,000 test images,
          in the original order.
        - target : ndarray of int64, shape (n,).
        - target_names : list of str.
        - n_train : int. Number of training images, which are first.
        - verified : bool. Whether the files were compared with the published ones.
        - sha256 : str. Hash of the archive, or of the names and contents of the files in the folder.
        - DESCR : str.

    Raises
    ------
    FileNotFoundError
        If `source` does not exist.
    ChecksumError
        If a file is not the published one.
    DatasetError
        If the copy is damaged or incomplete, or the download fails.
    ValueError
        If `subset` has another value.

    See Also
    --------
    load_image_folder : Your own images.
    load_digit_images : Small images without a download.
    keras.datasets.cifar10.load_data : The same images from Keras, whose cache this function reads.

    References
    ----------
    .. [1] A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report, University of
       Toronto, 2009.

    Examples
    --------
    >>> from sk_cifar_ovr import fetch_cifar10
    >>> data = fetch_cifar10("cifar-10-python.tar.gz", subset="test")  # doctest: +SKIP
    >>> data.images.shape  # doctest: +SKIP
    (10000, 32, 32, 3)
    """
    parts = select_parts(subset, ["train", "test"], "CIFAR-10")
    images, target, n_train, sha256 = _read_copy_or_download(source, parts, data_home, verify, verbose)
    return Bunch(
        images=images,
        target=target,
        target_names=list(CLASS_NAMES),
        n_train=n_train,
        verified=verify,
        sha256=sha256,
        DESCR=f"CIFAR-10 (Krizhevsky, 2009), {len(images)} images of 32x32 pixels in ten classes.",
    )


def _read_copy_or_download(source, parts, data_home, verify, verbose):
    from sklearn.datasets import get_data_home

    if source is not None:
        return read_cifar10(_resolve(Path(source).expanduser()), parts, verify=verify, verbose=verbose)
    cached = _find_copy(keras_home() / "datasets")
    if cached is not None:
        try:
            return read_cifar10(cached, parts, verify=verify, verbose=verbose)
        except DatasetError as error:
            logger.warning("The copy in Keras' cache cannot be used: %s", error)
    archive = download_cifar10(Path(get_data_home(data_home)) / "sk_cifar_ovr", verbose=verbose)
    return read_cifar10(archive, parts, verify=verify, verbose=verbose)


def _resolve(source: Path) -> Path:
    """Return the extracted folder or archive in a folder, and other paths unchanged."""
    copy = _find_copy(source) if source.is_dir() else source
    if copy is None:
        raise DatasetError(
            f"{str(source)!r} contains neither CIFAR-10's batches nor {' nor '.join(ARCHIVES[:2])}. {DATASET_PAGE}"
        )
    return copy


def _find_copy(folder: Path) -> Path | None:
    """Return the extracted CIFAR-10 or archive that is this folder or inside it, if any."""
    for name in FOLDERS:
        if any((folder / name / test).is_file() for test in ("test_batch.bin", "test_batch")):
            return folder / name
    for name in ARCHIVES:
        if (folder / name).is_file():
            return folder / name
    return None
