"""The original CIFAR-10 in its python and binary formats."""

import hashlib
import io
import os
import pickle
from pathlib import Path

import numpy as np

from ._archives import Source
from .exceptions import ChecksumError, DatasetError

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE = "cifar-10-python.tar.gz"
# SHA-256 of cifar-10-python.tar.gz: published in Keras 3, keras/src/datasets/cifar10.py (file_hash).
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
# MD5 of cifar-10-binary.tar.gz: published on the CIFAR-10 page, https://www.cs.toronto.edu/~kriz/cifar.html.
BINARY_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
# MD5 of the python batches: published in torchvision, torchvision/datasets/cifar.py (train_list, test_list).
BATCH_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
RECORD = 1 + 3072


class _ArraysOnly(pickle.Unpickler):
    """Rebuilds NumPy arrays and plain containers; every other name is refused."""

    ALLOWED = {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.numeric", "_frombuffer"),
        ("_codecs", "encode"),
    }

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of images")
        return super().find_class(module, name)


def cached_copy(data_home: Path) -> Path | None:
    """A local copy where Keras or this package keeps one, or None."""
    keras_home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets"
    places = [
        data_home / ARCHIVE,
        keras_home / "cifar-10-batches-py-target" / "cifar-10-batches-py",
        keras_home / "cifar-10-batches-py",
        keras_home / "cifar-10-batches-py.tar.gz",
        keras_home / ARCHIVE,
    ]
    return next((place for place in places if place.exists()), None)


def download(data_home: Path, *, url: str = URL, sha256: str = SHA256, verbose: int = 1) -> Path:
    """Fetch the archive, trying again when the line breaks; an unverified file never gets its name.

    Raises
    ------
    DatasetError
        If it cannot be fetched; says how to point at a local copy instead.
    """
    import pooch

    base, _, name = url.rpartition("/")
    fetcher = pooch.create(data_home, base_url=base + "/", registry={name: f"sha256:{sha256}"}, retry_if_failed=2)
    pooch.get_logger().setLevel("WARNING")
    try:
        bar = _Bar(verbose)
        return Path(fetcher.fetch(name, downloader=pooch.HTTPDownloader(progressbar=bar, timeout=60)))
    except Exception as error:
        hint = "Name a copy you have, a folder or archive: fetch_cifar10('path/to/cifar-10-python.tar.gz')."
        kind = ChecksumError if "hash" in str(error) else DatasetError
        raise kind(f"CIFAR-10 could not be fetched from {url}: {error}. {hint}") from error


class _Bar:
    """What pooch asks of a progress bar, drawn by rich."""

    def __init__(self, verbose: int):
        self.total = 0
        self._verbose = verbose
        self._done = 0
        self._line = self._at = None

    def update(self, n: int) -> None:
        from ._archives import progress_line

        if self._line is None:
            self._line = progress_line("downloading CIFAR-10", self.total, self._verbose)
            self._at = self._line.__enter__()
        self._done += n
        self._at(self._done)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        if self._line is not None:
            self._line.__exit__(None, None, None)
            self._line = None


def read(path: Path, *, verify: bool, verbose: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Images and labels of all six batches, training first.

    Parameters
    ----------
    path : pathlib.Path
        Archive, extracted folder or a folder that holds one of them; python or binary format.
    verify : bool
        Compare with the published checksums.
    verbose : int

    Returns
    -------
    images : ndarray of uint8, shape (60000, 32, 32, 3)
    labels : ndarray of int64, shape (60000,)
    sha256 : str

    Raises
    ------
    ChecksumError
        If the data is not the published one.
    DatasetError
        If a batch is missing or damaged.
    """
    if verify and path.is_file():
        _verify_archive(path)
    source = Source(path, verbose)
    batches: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, content in source.files():
        stem = name.name.removesuffix(".bin")
        if stem not in BATCHES:
            continue
        if verify and path.is_dir() and not name.name.endswith(".bin"):
            _check(hashlib.md5(content, usedforsecurity=False).hexdigest(), BATCH_MD5[stem], path / name)
        batches[stem] = _binary(content, name) if name.name.endswith(".bin") else _python(content, name)
    missing = [name for name in BATCHES if name not in batches]
    if missing:
        raise DatasetError(f"{path} lacks {', '.join(missing)}: it is not a whole CIFAR-10 in python or binary format.")
    images = np.concatenate([batches[name][0] for name in BATCHES])
    labels = np.concatenate([batches[name][1] for name in BATCHES])
    return images, labels, source.sha256


def _verify_archive(path: Path) -> None:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 == SHA256:
            return
        file.seek(0)
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    if md5 != BINARY_MD5:
        raise ChecksumError(
            f"{path} is not the published CIFAR-10: its SHA-256 is {sha256}, and that of {ARCHIVE} is {SHA256}. "
            "Fetch it again, or pass verify=False for a copy that you packed yourself."
        )


def _check(found: str, published: str, path: Path) -> None:
    if found != published:
        raise ChecksumError(
            f"{path} is not the published batch: its MD5 is {found}, not {published}. Fetch it again, or pass "
            "verify=False for a copy that you trust."
        )


def _python(content: bytes, name) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
        batch = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        return _images(np.asarray(batch["data"], dtype=np.uint8), batch["labels"])
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, AttributeError, TypeError, IndexError) as error:
        raise DatasetError(f"{name} is not a batch of CIFAR-10 in python format: {error}.") from error


def _binary(content: bytes, name) -> tuple[np.ndarray, np.ndarray]:
    if not content or len(content) % RECORD:
        raise DatasetError(f"{name} has {len(content)} bytes, which are not whole records of {RECORD}: truncated?")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD)
    return _images(records[:, 1:], records[:, 0])


def _images(rows: np.ndarray, labels) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(labels, dtype=np.int64)
    if len(labels) != len(rows) or labels.min() < 0 or labels.max() >= len(NAMES):
        raise ValueError("its labels do not fit its images")
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), labels
