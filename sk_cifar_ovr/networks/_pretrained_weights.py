"""Weights of a backbone: from a file, or as published from Keras' own place; checked before anything takes them."""

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
HOST = "storage.googleapis.com"
PATIENCE = 5.0
# Weights do not depend on the size of the images they are loaded at; Keras refuses some sizes, or warns of them.
SIDES = (224, 224)


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
        TypeError
            If `source` is no path.
        FileNotFoundError
            If there is no such file.
        ChecksumError
            If the file is not the one that `sha256` names.
        WeightsError
            If the file is of another kind, the published weights are out of reach, or a checksum is given for them.
        """
        if self._published():
            if self.sha256 is not None:
                raise WeightsError("weights_sha256 is that of a file, and Keras checks the published weights itself.")
            _check_reach(self.application)
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
        options = tuple((self.options or {}).items())
        if self._published():
            return _download(self.application, options)
        self.check()
        path = Path(self.source)
        stat = path.stat()
        return _read(self.application, options, path, stat.st_mtime_ns, stat.st_size)

    def _published(self) -> bool:
        return isinstance(self.source, str) and self.source == "imagenet"

    def load_into(self, model: keras.Model) -> None:
        """Give the weights to the backbone of a network; one that cannot be loaded leaves it as it is."""
        write(model.get_layer("backbone").network.weights, self.values())


# Folds, candidates and classes ask for the same weights one after another.
@lru_cache(maxsize=1)
def _read(application: str, options: tuple, path: Path, modified: int, size: int) -> State:
    # A network of its own takes the values, so that a file that fails half way leaves no trace.
    network = make_application(application, SIDES, dict(options))
    try:
        _fitting_model(network, path).load_weights(path)
    except Exception as error:
        # Keras, h5py and zipfile each have exceptions of their own for a file that is damaged or does not fit.
        raise WeightsError(
            f"{path} could not be loaded into {application} ({_first_line(error)}). It must be a whole file of this "
            "network's weights without its top, as keras.applications with include_top=False and save_weights write it."
        ) from error
    return _values(network, str(path))


@lru_cache(maxsize=1)
def _download(application: str, options: tuple) -> State:
    _check_reach(application)
    try:
        network = make_application(application, SIDES, dict(options), weights="imagenet")
    except Exception as error:
        # urllib's, Keras' and h5py's own exceptions.
        raise WeightsError(
            f"weights='imagenet': Keras could not load the published weights of {application} ({_first_line(error)}). "
            "Where a file of them is at hand, give its path as weights='PATH'."
        ) from error
    return _values(network, "weights='imagenet'")


def _check_reach(application: str) -> None:
    folder = keras_home() / "models"
    if _is_kept(application, folder) or _host_answers():
        return
    file = WEIGHT_FILES.get(application)
    raise WeightsError(
        f"weights='imagenet': {HOST} does not answer, and there is no copy that Keras keeps of {application}'s weights "
        f"in {folder}. Fetch the file{f' ({file})' if file else ''} where there is internet, then give its path as "
        "weights='PATH'."
    )


def _is_kept(application: str, folder: Path) -> bool:
    """Whether Keras keeps a file of a network without its top; spelling differs from one network to the next."""
    # "resnet50" is in "resnet50v2", which is another.
    wanted = re.compile(rf"{application.lower()}(?!v\d).*notop")
    return any(wanted.search(re.sub(r"[^a-z0-9]", "", file.name.lower())) for file in folder.glob("*.h5"))


def _host_answers() -> bool:
    answers = []

    def ask():
        try:
            # As Keras does, so that a proxy counts.
            urlopen(Request(f"https://{HOST}/", method="HEAD"), timeout=PATIENCE).close()
        except HTTPError:
            pass
        except (OSError, HTTPException):
            return
        answers.append(True)

    # A name is looked up without any limit of time.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return bool(answers)


def _check_sum(path: Path, expected: str) -> None:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.lower():
        raise ChecksumError(f"{path} has SHA-256 {found}, not {expected}: it is another file, or was changed.")


def _values(network: keras.Model, source: str) -> State:
    values = read(backbone_of(network).weights)
    if not all(np.isfinite(each).all() for each in values):
        raise WeightsError(f"{source} holds weights that are NaN or infinite.")
    return values


def _fitting_model(network: keras.Model, path: Path) -> keras.Model:
    """The network, or its part behind the preprocessing: what a file has the arrays of.

    Keras would not notice more arrays than it asks for.
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
        # Seeds of random layers are kept as unsigned integers, and are no weights.
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer") and item.dtype.kind != "u":
            shapes.append(item.shape)

    with h5py.File(file) as weights:
        weights.visititems(collect)
    for model in (network, backbone_of(network)):
        if sorted(shapes) == sorted(tuple(weight.shape) for weight in model.weights):
            return model
    raise WeightsError(f"it holds {len(shapes)} arrays, and not the {len(network.weights)} shapes of this network")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
