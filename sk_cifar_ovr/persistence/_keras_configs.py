"""Keras objects from their configurations, which name nothing but parts of networks."""

import copy
import json
import re
from typing import Any

import keras

from ..exceptions import SavedFileError
from ..networks import ModelCopies, check_config
from ._trusted_names import PACKAGE, TrustedNames, import_trusted
from .estimators import without_values

MAX_OBJECTS = 50_000
# The largest network of keras.applications has about a thousand. Each takes up to a millisecond to be made.
MAX_LAYERS = 2_000
# Losses, optimizers and layers that change images have hardly any: their number, and their total size.
MAX_VARIABLES_OF_AN_OBJECT = (1_000, 1_000_000)
_PARTS = "layers|initializers|regularizers|constraints|activations|losses|optimizers|random|ops|models|dtype_policies"
_MODULES = re.compile(rf"(?!.*_test)(keras(\.src)?\.({_PARTS})(\.\w+)*|{PACKAGE}\.(augment|losses|networks)(\.\w+)*)")
_LAYER = re.compile(r"\b(layers|models|networks|ops)\b")
_PLAIN = {"DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "Functional", "Model", "Sequential"}
_VALUES = {"__keras_tensor__", "__slice__", "__ellipsis__", "__tensor__", "__numpy__"}
# These read files, or run what is in them.
_REFUSED = {
    "FlaxLayer",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
}
_DTYPE = re.compile(r"(bfloat|float|uint|int|bool)\d{0,2}")


def keras_object(config: Any, names: TrustedNames) -> Any:
    """Make a loss, an optimizer or a layer.

    Raises
    ------
    SavedFileError
        If it contains code, reads files, or an object is not trusted.
    """
    custom = _check(config, names)
    if not custom and not all(_has_no_weights(found) for found in _objects(config)):
        with without_values(*MAX_VARIABLES_OF_AN_OBJECT):
            keras.saving.deserialize_keras_object(copy.deepcopy(config), custom_objects=custom, safe_mode=True)
    return keras.saving.deserialize_keras_object(config, custom_objects=custom, safe_mode=True)


def model_copies(structure: Any, values: list | None, names: TrustedNames) -> ModelCopies:
    """What makes a Keras model again from its configuration.

    Parameters
    ----------
    structure : dict
        ``config``, in JSON, and ``trainable``.
    values : list of ndarray or None
    names : TrustedNames

    Raises
    ------
    SavedFileError
        If it contains code, reads files, or an object is not trusted.
    """
    config, trainable = structure["config"], structure["trainable"]
    check_config(config, "The file", foreign=True)
    if not isinstance(trainable, list) or not all(isinstance(each, bool) for each in trainable):
        raise SavedFileError("The file does not tell which variables of a model are trained.")
    custom = _check(config, names)
    return ModelCopies(json.dumps(config), values, trainable, custom, safe_mode=True)


def _check(config: Any, names: TrustedNames) -> dict[str, type]:
    """Check all objects of a configuration, and import those that the user trusts."""
    custom: dict[str, type] = {}
    objects = list(_objects(config))
    if len(objects) > MAX_OBJECTS:
        raise SavedFileError(f"The file describes {len(objects):,} Keras objects, which no network has.")
    n_layers = sum(_LAYER.search(str(found.get("module"))) is not None for found in objects)
    if n_layers > MAX_LAYERS:
        raise SavedFileError(f"The file describes {n_layers:,} layers, which no network has.")
    for found in objects:
        kind, module = found["class_name"], found.get("module")
        if not isinstance(kind, str) or kind in _REFUSED:
            raise SavedFileError(f"The file holds the Keras object {str(kind)[:60]!r}, which runs code or reads files.")
        if isinstance(found.get("config"), dict) and found["config"].get("unroll"):
            raise SavedFileError("The file holds a recurrent layer that is unrolled, which may take any time.")
        if kind.startswith("__"):
            _check_value(kind, found.get("config"))
            continue
        registered = found.get("registered_name") or kind
        name = f"{module}:{kind}"
        if name in names:
            custom[registered] = import_trusted(name)
            continue
        known = keras.saving.get_registered_object(registered)
        if known is not None and known.__module__.partition(".")[0] not in (PACKAGE, "keras"):
            raise names.refusal([f"{known.__module__}:{known.__qualname__}"])
        if module is not None and not _is_part_of_networks(str(module), kind, found.get("config")):
            raise names.refusal([name])
    return custom


def _has_no_weights(found: Any) -> bool:
    """Whether a serialised object has no variables, or, as optimizers have, single numbers."""
    return re.fullmatch(r"keras(\.src)?\.(optimizers|losses)(\.\w+)*", str(found.get("module"))) is not None


def _check_value(kind: str, config: Any) -> None:
    if kind not in _VALUES:
        raise SavedFileError(f"The file holds the Keras value {kind[:60]!r}, which is not saved.")
    dtype = config.get("dtype") if isinstance(config, dict) else None
    if dtype is not None and not (isinstance(dtype, str) and _DTYPE.fullmatch(dtype)):
        raise SavedFileError(f"The file holds a Keras value of dtype {str(dtype)[:60]!r}.")


def _is_part_of_networks(module: str, kind: str, config: Any) -> bool:
    if module == "builtins":
        return kind == "function" and isinstance(config, str) and hasattr(keras.activations, config)
    return (module == "keras" and kind in _PLAIN) or _MODULES.fullmatch(module) is not None


def _objects(config: Any):
    """Yield all serialised objects of a configuration."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
