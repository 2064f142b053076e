"""The files of CIFAR-10, in its python and binary formats: checksums, labels and pixels."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...exceptions import ChecksumError, DatasetError
from ..files import SourceFile, hash_files, read_source

CLASS_NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
N_PIXELS = 3 * 32 * 32
RECORD_SIZE = 1 + N_PIXELS

# MD5 of the files of the python format, as published in torchvision/datasets/cifar.py
# (https://github.com/pytorch/vision).
PYTHON_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
# MD5 of the files of the binary format, as published in cmake/fetch_cifar10.cmake
# (https://github.com/prabhuomkar/pytorch-cpp).
BINARY_MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
PUBLISHED_MD5 = PYTHON_MD5 | BINARY_MD5
DATASET_PAGE = "The website of the dataset is https://www.cs.toronto.edu/~kriz/cifar.html."

# All names in CIFAR-10's pickles: what numpy needs to rebuild an array, in numpy 1 and numpy 2.
REBUILD_ARRAY = np.empty(0).__reduce__()[0]
ALLOWED_GLOBALS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): REBUILD_ARRAY,
    ("numpy._core.multiarray", "_reconstruct"): REBUILD_ARRAY,
}


def read_cifar10(
    path: Path, parts: list[str], *, verify: bool = True, verbose: int = 0
) -> tuple[np.ndarray, np.ndarray, int, str]:
    """Read parts of CIFAR-10 in either format.

    Parameters
    ----------
    path : Path
        The extracted folder or the archive.
    parts : list of {"train", "test"}
        Parts to read.
    verify : bool, default=True
        Whether files that differ from the published ones are an error.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    images : ndarray of uint8, shape (n, 32, 32, 3)
    target : ndarray of int64, shape (n,)
    n_train : int
        Number of training images, which are first.
    sha256 : str
        Hash of the archive, or of the files in the folder.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ChecksumError
        If a file is not the published one.
    DatasetError
        If a file is missing or cannot be read.
    """
    source = read_source(
        path, lambda name: PurePosixPath(name).name in PUBLISHED_MD5, follow_links=True, verbose=verbose
    )
    sha256 = source.sha256 or hash_files(source.files)
    files = {PurePosixPath(file.name).name: file for file in source.files}
    source.files.clear()  # so that the memory of an archive, 180 MB, is released batch by batch
    suffix = ".bin" if "test_batch.bin" in files else ""
    names = [name + suffix for part in parts for name in BATCHES[part]]
    missing = [name for name in names if name not in files]
    if missing:
        raise DatasetError(f"{str(path)!r} is not a complete CIFAR-10: {', '.join(missing)} not found. {DATASET_PAGE}")
    batches = [_read_batch(files.pop(name), verify) for name in names]
    n_train = sum(len(labels) for name, (_, labels) in zip(names, batches, strict=True) if "test" not in name)
    images, target = _concatenate(batches)
    return images, target, n_train, sha256


def _concatenate(batches: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Concatenate batches, channels last. Batches are removed from the list, to release their memory."""
    target = np.concatenate([labels for _, labels in batches])
    images = np.empty((len(target), 32, 32, 3), np.uint8)
    start = 0
    while batches:
        pixels, labels = batches.pop(0)
        images[start : start + len(labels)] = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        start += len(labels)
    return images, target


def _read_batch(file: SourceFile, verify: bool) -> tuple[np.ndarray, np.ndarray]:
    try:
        content = file.read()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file.display_name!r} cannot be read ({error}). {DATASET_PAGE}") from error
    file.release()
    if verify:
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        published = PUBLISHED_MD5[PurePosixPath(file.name).name]
        if found != published:
            raise ChecksumError(
                f"{file.display_name!r} is not the published CIFAR-10 file: its MD5 is {found}, not {published}. "
                f"Download it again, or pass verify=False to read other data in the same format. {DATASET_PAGE}"
            )
    parse = _parse_binary if file.name.endswith(".bin") else _parse_pickle
    pixels, labels = parse(content, file.display_name)
    if len(labels) == 0 or len(labels) != len(pixels) or labels.min() < 0 or labels.max() >= len(CLASS_NAMES):
        raise DatasetError(
            f"{file.display_name!r} does not contain a label from 0 to 9 for every image. {DATASET_PAGE}"
        )
    return pixels, labels


def _parse_binary(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    if len(content) % RECORD_SIZE:
        raise DatasetError(f"{name!r} is truncated: its size is not a multiple of {RECORD_SIZE} bytes. {DATASET_PAGE}")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD_SIZE)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _parse_pickle(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
        batch = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        pixels, labels = batch["data"], np.array(batch["labels"], dtype=np.int64)
    except Exception as error:  # a damaged or crafted pickle can raise anything
        raise DatasetError(
            f"{name!r} is not a CIFAR-10 batch in python format ({type(error).__name__}: {error}). {DATASET_PAGE}"
        ) from error
    if getattr(pixels, "dtype", None) != np.uint8 or pixels.shape[1:] != (N_PIXELS,) or labels.ndim != 1:
        raise DatasetError(f"{name!r} does not contain images of {N_PIXELS} bytes with their labels. {DATASET_PAGE}")
    return pixels, labels


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds only plain containers and numpy arrays, so that a pickle cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"refused to run {module}.{name}, which CIFAR-10 does not contain")
        return ALLOWED_GLOBALS[module, name]
