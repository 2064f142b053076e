"""Pretrained weights of a backbone, from a file or as published by Keras; checked before they are used."""

import hashlib
import io
import os
import re
import threading
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import h5py
import keras
import numpy as np

from .._shared.files import keras_home
from .._shared.variables import State, read, write
from ..exceptions import ChecksumError, WeightsError
from ._keras_applications import WEIGHT_FILES, backbone_of, make_application

SUFFIXES = (".weights.h5", ".h5", ".keras")
WEIGHTS_HOST = "storage.googleapis.com"
TIMEOUT_SECONDS = 5.0
# Weights do not depend on the image size at which they are loaded; Keras refuses some sizes or warns about them.
SIDES = (224, 224)


@dataclass(frozen=True)
class Pretrained:
    """Source of the weights of a backbone.

    Attributes
    ----------
    application : str
        Name of the network in `keras.applications`.
    source : str or path-like
        ``"imagenet"`` or the path of a file.
    sha256 : str or None, default=None
        SHA-256 checksum that the file must have.
    options : dict or None, default=None
        Further arguments of the function in `keras.applications`.
    """

    application: str
    source: Any
    sha256: str | None = None
    options: dict | None = None

    def check(self) -> None:
        """Check the source without building a network.

        Raises
        ------
        TypeError
            If `source` is no path.
        FileNotFoundError
            If the file does not exist.
        ChecksumError
            If the file has another checksum than `sha256`.
        WeightsError
            If the file has an unknown suffix, the published weights are neither cached nor reachable, or `sha256` is
            given with published weights.
        """
        if self._is_published():
            if self.sha256 is not None:
                raise WeightsError("weights_sha256 is that of a file, and Keras checks the published weights itself.")
            _check_available(self.application)
            return
        if not isinstance(self.source, (str, os.PathLike)):
            raise TypeError(
                f"weights is of type {type(self.source).__name__}: give the path of a file, 'imagenet' or None."
            )
        path = Path(self.source)
        if not path.is_file():
            raise FileNotFoundError(
                f"weights={str(path)!r}: there is no such file; 'imagenet' names the published ones."
            )
        if not path.name.endswith(SUFFIXES):
            raise WeightsError(f"weights={str(path)!r}: the name of a file of weights ends in one of {SUFFIXES}.")
        if self.sha256 is not None:
            _check_sha256(path, self.sha256)

    def values(self) -> State:
        """Read the weights.

        Returns
        -------
        list of ndarray
            In the order of the ``weights`` of the backbone.

        Raises
        ------
        TypeError, FileNotFoundError, ChecksumError
            See `check`.
        WeightsError
            If the file is damaged or belongs to another network, or the published weights are not available.
        """
        options = tuple((self.options or {}).items())
        if self._is_published():
            return _download(self.application, options)
        self.check()
        path = Path(self.source)
        stat = path.stat()
        return _read(self.application, options, path, stat.st_mtime_ns, stat.st_size)

    def _is_published(self) -> bool:
        return isinstance(self.source, str) and self.source == "imagenet"

    def load_into(self, model: keras.Model) -> None:
        """Assign the weights to the backbone of a network. If they cannot be read, the network is not changed.

        Parameters
        ----------
        model : keras.Model
            A network made by `keras_application`.
        """
        write(model.get_layer("backbone").network.weights, self.values())


# Fits of folds, candidates and classes ask for the same weights one after another.
@lru_cache(maxsize=1)
def _read(application: str, options: tuple, path: Path, modified: int, size: int) -> State:
    # Loaded into a temporary network, because Keras may fail after it has assigned some of the weights.
    network = make_application(application, SIDES, dict(options))
    try:
        _matching_model(network, path).load_weights(path)
    except Exception as error:
        # Keras, h5py and zipfile raise different exceptions for a file that is damaged or does not fit.
        raise WeightsError(
            f"{path} could not be loaded into {application} ({_first_line(error)}). It must be a whole file of this "
            "network's weights without its top, as keras.applications with include_top=False and save_weights write it."
        ) from error
    return _finite_values(network, str(path))


@lru_cache(maxsize=1)
def _download(application: str, options: tuple) -> State:
    _check_available(application)
    try:
        network = make_application(application, SIDES, dict(options), weights="imagenet")
    except Exception as error:
        # urllib, Keras and h5py raise different exceptions.
        raise WeightsError(
            f"weights='imagenet': Keras could not load the published weights of {application} ({_first_line(error)}). "
            "If you have a file of them, give its path as weights='PATH'."
        ) from error
    return _finite_values(network, "weights='imagenet'")


def _check_available(application: str) -> None:
    folder = keras_home() / "models"
    if _is_cached(application, folder) or _host_answers():
        return
    file = WEIGHT_FILES.get(application)
    raise WeightsError(
        f"weights='imagenet': {WEIGHTS_HOST} does not answer, and Keras has no copy of the weights of {application} in "
        f"{folder}. Download the file{f' ({file})' if file else ''} on a computer with internet access, then give its "
        "path as weights='PATH'."
    )


def _is_cached(application: str, folder: Path) -> bool:
    """Whether Keras' cache has a file of a network without its top. File names are spelled differently."""
    # "resnet50" is also part of "resnet50v2".
    wanted = re.compile(rf"{application.lower()}(?!v\d).*notop")
    return any(wanted.search(re.sub(r"[^a-z0-9]", "", file.name.lower())) for file in folder.glob("*.h5"))


def _host_answers() -> bool:
    answers = []

    def ask():
        try:
            # With urllib, as Keras does, so that the same proxy settings apply.
            urlopen(Request(f"https://{WEIGHTS_HOST}/", method="HEAD"), timeout=TIMEOUT_SECONDS).close()
        except HTTPError:
            pass
        except (OSError, HTTPException):
            return
        answers.append(True)

    # In a thread, because the timeout of urllib does not limit the name lookup.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(TIMEOUT_SECONDS)
    return bool(answers)


def _check_sha256(path: Path, expected: str) -> None:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.lower():
        raise ChecksumError(f"{path} has SHA-256 {found}, not {expected}: it is another file or was changed.")


def _finite_values(network: keras.Model, source: str) -> State:
    values = read(backbone_of(network).weights)
    if not all(np.isfinite(each).all() for each in values):
        raise WeightsError(f"{source} contains weights that are NaN or infinite.")
    return values


def _matching_model(network: keras.Model, path: Path) -> keras.Model:
    """The whole network or its backbone, whichever has the array shapes of the file.

    Checked here, because Keras ignores surplus arrays in a file.
    """
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            file: Any = io.BytesIO(archive.read("model.weights.h5"))
    elif path.name.endswith(".weights.h5"):
        file = path
    else:
        return network
    shapes: list[tuple[int, ...]] = []

    def collect(name, item):
        # Unsigned integers are the seeds of random layers, not weights.
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer") and item.dtype.kind != "u":
            shapes.append(item.shape)

    with h5py.File(file) as weights:
        weights.visititems(collect)
    for model in (network, backbone_of(network)):
        if sorted(shapes) == sorted(tuple(weight.shape) for weight in model.weights):
            return model
    raise WeightsError(f"its {len(shapes)} arrays do not have the {len(network.weights)} shapes of this network")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
