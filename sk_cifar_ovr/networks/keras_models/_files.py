"""Keras models from ``.keras`` files, read without running code of the file."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from ...exceptions import SavedFileError

SUFFIX = ".keras"
_HDF5 = (".h5", ".hdf5")
# Layers that hold code, or load it from elsewhere.
_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_TRUSTED_PACKAGES = ("keras", __name__.partition(".")[0])


def is_model_path(model) -> bool:
    """Whether the parameter `model` of an estimator names a file: a path-like, or a str that ends as files do."""
    return isinstance(model, os.PathLike) or (isinstance(model, str) and model.lower().endswith((SUFFIX, *_HDF5)))


def read_model(path) -> keras.Model:
    """Read a Keras model from a file.

    Parameters
    ----------
    path : str or path-like
        File that ``model.save("name.keras")`` wrote.

    Returns
    -------
    keras.Model
        Uncompiled.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SavedFileError
        If the file has another format, is damaged, or holds code (a `Lambda` layer, for example) or layers that are
        neither Keras' nor registered in this process.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"model={str(path)!r}: there is no such file.")
    if path.name.lower().endswith(_HDF5):
        raise SavedFileError(_about_hdf5(path))
    if path.suffix.lower() != SUFFIX or not path.is_file():
        raise SavedFileError(f"model={str(path)!r} is no .keras file: write one with model.save('name.keras').")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError, RuntimeError) as error:
        raise SavedFileError(f"{str(path)!r} is not a whole .keras file: {error}.") from error
    try:
        check_config(config, str(path))
    except SavedFileError as error:
        raise SavedFileError(
            f"{error} If you trust the file, load the model yourself with keras.saving.load_model and pass the model."
        ) from None
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Keras, h5py and zipfile raise different exceptions for a file that is damaged or does not fit.
        raise SavedFileError(f"{str(path)!r} could not be read as a Keras model: {_shortened(error)}") from error


def check_config(config: dict[str, Any], source: str, *, foreign: bool = False) -> None:
    """Check that the configuration of a model names no code, and no classes that this process does not know.

    Parameters
    ----------
    config : dict
        As Keras serialises a model.
    source : str
        Name of the file, for messages.
    foreign : bool, default=False
        Take classes that this process does not know, but no compilation: another check follows.

    Raises
    ------
    SavedFileError
        The message names the layer or class.
    """
    for part in _parts(config):
        if foreign and "compile_config" in part:
            raise SavedFileError(f"{source} holds the compilation of a model, which is never saved.")
        kind, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
        name = (part.get("config") or {}).get("name") if isinstance(part.get("config"), dict) else part.get("config")
        if kind in _CODE or kind == "__lambda__":
            raise SavedFileError(
                f"{source} holds the layer {name!r} ({kind}), which runs code of its own: replace it by a layer of "
                "Keras, such as Rescaling."
            )
        known = keras.saving.get_registered_object(registered or kind) is not None
        package = str(module or "").partition(".")[0]
        if foreign or kind.startswith("__") or known or package in _TRUSTED_PACKAGES or module == "builtins":
            continue
        raise SavedFileError(
            f"{source} names the class {registered or kind!r}, which this process does not know: import the module "
            "that registers it with keras.saving.register_keras_serializable first."
        )


def _parts(config):
    """Yield all serialised objects, but not those of the compilation, which is not used."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            yield config
        for key, inner in config.items():
            if key not in ("compile_config", "build_config"):
                yield from _parts(inner)
    elif isinstance(config, list):
        for inner in config:
            yield from _parts(inner)


def _about_hdf5(path: Path) -> str:
    if path.name.lower().endswith(".weights.h5"):
        return (
            f"{str(path)!r} holds weights only, not a model: build the model, call model.load_weights with this file, "
            "and pass the model, or what model.save('name.keras') writes."
        )
    return (
        f"{str(path)!r} is a HDF5 file, which may hold code: if you trust it, pass the model instead, "
        f"model=keras.saving.load_model({path.name!r}), or what its save('name.keras') writes."
    )


def _shortened(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:300]}"
