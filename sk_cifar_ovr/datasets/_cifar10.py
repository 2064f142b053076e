"""The original CIFAR-10 in its python and binary formats: where copies lie, checksums, pixels."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ..exceptions import ChecksumError, DatasetError
from ._archive import SourceFile, hash_files, read_source

CLASS_NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
RECORD = 1 + 3 * 32 * 32

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
HELP = "The dataset's page is https://www.cs.toronto.edu/~kriz/cifar.html."

# All that a CIFAR-10 pickle names: numpy's own means to rebuild an array, under numpy 1's name and numpy 2's.
REBUILD_ARRAY = np.empty(0).__reduce__()[0]
ALLOWED_GLOBALS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): REBUILD_ARRAY,
    ("numpy._core.multiarray", "_reconstruct"): REBUILD_ARRAY,
}

# Names under which the dataset's page, Keras 3 and Keras 2 leave it.
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


def find_copy(folder: Path) -> Path | None:
    """Return the extracted folder or archive of CIFAR-10 that is `folder` or lies in it, if any."""
    for name in FOLDERS:
        if any((folder / name / test).is_file() for test in ("test_batch.bin", "test_batch")):
            return folder / name
    for name in ARCHIVES:
        if (folder / name).is_file():
            return folder / name
    return None


def read_cifar10(
    path: str | os.PathLike, parts: list[str], *, verify: bool = True, verbose: int = 0
) -> tuple[np.ndarray, np.ndarray, int, str]:
    """Read parts of CIFAR-10 from an extracted folder or an archive, in either format.

    Parameters
    ----------
    path : path-like
        The folder or archive, or a folder that one lies in.
    parts : list of {"train", "test"}
    verify : bool, default=True
        Refuse files that are not the published ones, byte by byte.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    images : ndarray of uint8, shape (n, 32, 32, 3)
    target : ndarray of int64, shape (n,)
    n_train : int
        How many of the rows, the first, are of the training part.
    sha256 : str
        Of the archive, or over the files of the folder.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ChecksumError
        If a file is not the published one.
    DatasetError
        If it is not CIFAR-10 or cannot be read.
    """
    path = Path(path).expanduser()
    copy = find_copy(path) if path.is_dir() else path
    if copy is None:
        raise DatasetError(f"{str(path)!r} holds neither CIFAR-10's batches nor {' nor '.join(ARCHIVES[:2])}. {HELP}")
    source = read_source(copy, lambda name: _base(name) in PUBLISHED_MD5, verbose=verbose)
    sha256 = source.sha256 or hash_files(source.files)
    files = {_base(file.name): file for file in source.files}
    source.files.clear()  # an archive's 180 MB are let go batch by batch
    ending = ".bin" if "test_batch.bin" in files else ""
    names = [name + ending for part in parts for name in BATCHES[part]]
    missing = [name for name in names if name not in files]
    if missing:
        raise DatasetError(f"{str(copy)!r} is no complete CIFAR-10: {', '.join(missing)} not found. {HELP}")
    batches = [_read_batch(files.pop(name), verify) for name in names]
    n_train = sum(len(labels) for name, (_, labels) in zip(names, batches, strict=True) if "test" not in name)
    images, target = _join(batches)
    return images, target, n_train, sha256


def _base(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _join(batches: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Stack the batches, channels last; the list is emptied, so that each goes once it is copied."""
    target = np.concatenate([labels for _, labels in batches])
    images = np.empty((len(target), 32, 32, 3), np.uint8)
    start = 0
    while batches:
        pixels, labels = batches.pop(0)
        images[start : start + len(labels)] = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        start += len(labels)
    return images, target


def _read_batch(file: SourceFile, verify: bool) -> tuple[np.ndarray, np.ndarray]:
    content = file.read()
    if verify:
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        published = PUBLISHED_MD5[_base(file.name)]
        if found != published:
            raise ChecksumError(
                f"{file.label!r} is not the published CIFAR-10 file: its MD5 is {found}, not {published}. "
                f"Fetch it again, or pass verify=False to read other data in the same format. {HELP}"
            )
    parse = _parse_binary if file.name.endswith(".bin") else _parse_pickle
    pixels, labels = parse(content, file.label)
    if len(labels) == 0 or len(labels) != len(pixels) or labels.min() < 0 or labels.max() >= len(CLASS_NAMES):
        raise DatasetError(f"{file.label!r} does not hold a label from 0 to 9 for every image. {HELP}")
    return pixels, labels


def _parse_binary(content: bytes, label: str) -> tuple[np.ndarray, np.ndarray]:
    if len(content) % RECORD:
        raise DatasetError(f"{label!r} is truncated: it does not divide into records of {RECORD} bytes. {HELP}")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _parse_pickle(content: bytes, label: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
        batch = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        pixels, labels = batch["data"], np.array(batch["labels"], dtype=np.int64)
    except Exception as error:  # a damaged or crafted pickle can raise anything
        raise DatasetError(
            f"{label!r} is not a CIFAR-10 batch in python format ({type(error).__name__}: {error}). {HELP}"
        ) from error
    if getattr(pixels, "dtype", None) != np.uint8 or pixels.shape[1:] != (RECORD - 1,) or labels.ndim != 1:
        raise DatasetError(f"{label!r} does not hold rows of {RECORD - 1} bytes and their labels. {HELP}")
    return pixels, labels


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds plain containers and numpy arrays, and refuses to call anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"refused to run {module}.{name}, which CIFAR-10 does not contain")
        return ALLOWED_GLOBALS[module, name]
