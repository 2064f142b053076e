"""Weights of a backbone: from a file, or as published from Keras' own place; checked before anything takes them."""

import hashlib
import io
import os
import socket
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from ._applications import WEIGHT_FILES, backbone_of, make_application
from .exceptions import ChecksumError, WeightsError

State = list[np.ndarray]

SUFFIXES = (".weights.h5", ".h5", ".keras")
HOST = "storage.googleapis.com"
PATIENCE = 3.0
# Weights do not depend on the size of the images they are loaded at; Keras refuses less for some networks.
SIDES = (96, 96)


@dataclass(frozen=True)
class Pretrained:
    """Where the weights of a backbone come from.

    Attributes
    ----------
    application : str
        Name of the network in `keras.applications`.
    source : str or path-like
        ``"imagenet"``, or a file.
    sha256 : str or None
        Checksum that the file must have.
    options : dict or None
        Further arguments of the function in `keras.applications`.
    """

    application: str
    source: Any
    sha256: str | None = None
    options: dict | None = None

    def check(self) -> None:
        """Check what can be checked before a network is built.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ChecksumError
            If the file is not the one that `sha256` names.
        WeightsError
            If the file is of another kind, or the published weights are out of reach.
        """
        if self._published():
            _check_reach(self.application)
            return
        path = Path(self.source)
        if not path.is_file():
            raise FileNotFoundError(
                f"weights={str(path)!r}: there is no such file; 'imagenet' names the published ones."
            )
        if not path.name.endswith(SUFFIXES):
            raise WeightsError(f"weights={str(path)!r}: the name of a file of weights ends in one of {SUFFIXES}.")
        if self.sha256 is not None:
            _check_sum(path, self.sha256)

    def values(self) -> State:
        """Values of the backbone's weights, in the order of its `weights`.

        Raises
        ------
        FileNotFoundError, ChecksumError
            As `check` does.
        WeightsError
            If the file is damaged or of another network, or the published weights are out of reach.
        """
        self.check()
        if self._published():
            return _download(self.application, self.options)
        path = Path(self.source)
        stat = path.stat()
        return _read(self.application, tuple((self.options or {}).items()), path, stat.st_mtime_ns, stat.st_size)

    def _published(self) -> bool:
        return isinstance(self.source, str) and self.source == "imagenet"

    def load_into(self, model: keras.Model) -> None:
        """Give the weights to the backbone of a network; one that cannot be loaded leaves it as it is."""
        values = self.values()
        for variable, value in zip(model.get_layer("backbone").network.weights, values, strict=True):
            variable.assign(value)


# Folds, candidates and classes ask for the same file one after another.
@lru_cache(maxsize=1)
def _read(application: str, options: tuple, path: Path, modified: int, size: int) -> State:
    # A network of its own takes the values, so that a file that fails half way leaves no trace.
    network = make_application(application, SIDES, dict(options))
    try:
        _check_same_arrays(network, path)
        network.load_weights(path)
    except Exception as error:
        # Keras, h5py and zipfile each have exceptions of their own for a file that is damaged or does not fit.
        raise WeightsError(
            f"{path} could not be loaded into {application} ({_first_line(error)}). It must be a whole file of this "
            "network's weights without its top, as keras.applications with include_top=False and save_weights write it."
        ) from error
    return _values(network, str(path))


def _download(application: str, options: dict | None) -> State:
    try:
        network = make_application(application, SIDES, options, weights="imagenet")
    except Exception as error:
        # urllib's, Keras' and h5py's own exceptions.
        raise WeightsError(
            f"weights='imagenet': Keras could not load the published weights of {application} ({_first_line(error)}). "
            "Where a file of them is at hand, give its path as weights='PATH'."
        ) from error
    return _values(network, "weights='imagenet'")


def _check_reach(application: str) -> None:
    file = WEIGHT_FILES.get(application)
    folder = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")).expanduser() / "models"
    if (file and (folder / file).is_file()) or _host_answers():
        return
    where = f"{folder / file}" if file else f"a file in {folder}"
    raise WeightsError(
        f"weights='imagenet': {HOST} does not answer, and there is no copy that Keras keeps of {application}'s weights "
        f"({where}). Fetch the file where there is internet, then give its path as weights='PATH', or put it there."
    )


def _host_answers() -> bool:
    try:
        socket.create_connection((HOST, 443), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def _check_sum(path: Path, expected: str) -> None:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.lower():
        raise ChecksumError(f"{path} has SHA-256 {found}, not {expected}: it is another file, or was changed.")


def _values(network: keras.Model, source: str) -> State:
    backbone = backbone_of(network)
    values = [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in backbone.weights]
    if not all(np.isfinite(each).all() for each in values):
        raise WeightsError(f"{source} holds weights that are NaN or infinite.")
    return values


def _check_same_arrays(network: keras.Model, path: Path) -> None:
    """Refuse a file in Keras' own format that has more arrays than the network: Keras would not notice."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            file: Any = io.BytesIO(archive.read("model.weights.h5"))
    elif path.name.endswith(".weights.h5"):
        file = path
    else:
        return
    shapes: list[tuple[int, ...]] = []

    def collect(name, item):
        # Seeds of random layers are kept as unsigned integers, and are no weights.
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer") and item.dtype.kind != "u":
            shapes.append(item.shape)

    with h5py.File(file) as weights:
        weights.visititems(collect)
    expected = [tuple(weight.shape) for weight in network.weights]
    if sorted(shapes) != sorted(expected):
        raise WeightsError(f"it holds {len(shapes)} arrays, and not the {len(expected)} shapes of this network")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
