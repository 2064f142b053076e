"""Estimators as JSON documents with arrays beside them, and back."""

import io
import json
import os
import zipfile
from collections.abc import Iterable
from importlib import import_module
from types import FunctionType
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._shared.variables import OptimizerState
from ..classifier import Bridge, loss_class, optimizer_class, with_recipe
from ..engine import FittedNetwork
from ..engine.compiled import NetworkSpec, alike, build_model
from ..exceptions import SavedFileError
from ..networks import BUILDERS, find_builder, split_weights
from ..one_vs_rest import calibrator_from, calibrator_state, is_search

Document = dict[str, Any]


class Encoder:
    """Turns estimators into JSON; arrays are numbered, each distinct one once."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._numbers: dict[int, int] = {}

    def write_arrays(self, archive: zipfile.ZipFile) -> None:
        """Add the arrays met so far to an archive."""
        for number, array in enumerate(self._arrays):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(f"arrays/{number}.npy", buffer.getvalue())

    def estimator(self, estimator) -> Document:
        """Parameters and, where it is fitted, what was learnt."""
        check_is_fitted(estimator)
        learn = self._one_vs_rest if hasattr(estimator, "estimators_") else self._one_network
        fitted = {
            "n_features_in": int(estimator.n_features_in_),
            "feature_names": self.value(getattr(estimator, "feature_names_in_", None)),
            "classes": self.value(estimator.classes_),
            "history": {name: [float(v) for v in values] for name, values in estimator.history_.items()},
            **learn(estimator),
        }
        return {**self._parameters(estimator), "fitted": fitted}

    def _parameters(self, estimator) -> Document:
        params = estimator.get_params(deep=False)
        try:
            values = {name: self.value(value) for name, value in params.items()}
        except TypeError as error:
            raise TypeError(f"{type(estimator).__name__} cannot be saved: {error}") from error
        return {"class": type(estimator).__name__, "params": values}

    def _one_network(self, estimator) -> Document:
        network = estimator._network
        _, spec = rebuilt(estimator, estimator.classes_, network.shape, network.spec.precision, network.spec.n_heads)
        if not alike(spec.key, network.spec.key):
            raise ValueError(
                "The parameters of the network are others than those it was fitted with, and the file would not fit "
                "together: fit again, or set them back."
            )
        if spec.key != network.spec.key:
            # The builder refers to what has changed, if only to a list that it writes to.
            build_model(spec, network.state)
        return {"network": self._network(network)}

    def _one_vs_rest(self, estimator) -> Document:
        return {
            "estimators": [self.estimator(e) for e in estimator.estimators_],
            "joint": None if estimator._joint is None else self._network(estimator._joint),
            "thresholds": self.value(estimator.thresholds_),
            "calibrators": self.value(
                estimator.calibrators_ and [calibrator_state(calibrator) for calibrator in estimator.calibrators_]
            ),
        }

    def _network(self, network: FittedNetwork) -> Document:
        return {
            "shape": list(network.shape),
            "scale": network.scale,
            "precision": network.spec.precision,
            "n_heads": network.spec.n_heads,
            "mirror": network.mirror,
            "shift": network.shift,
            "state": [self._number(array) for array in network.state],
            "optimizer": self._optimizer(network.optimizer_state),
        }

    def _optimizer(self, state: OptimizerState | None) -> Document | None:
        if state is None:
            return None
        return {"kind": state.kind.__name__, "values": [self._number(array) for array in state.values]}

    def _number(self, array: np.ndarray) -> int:
        if id(array) not in self._numbers:
            self._numbers[id(array)] = len(self._arrays)
            self._arrays.append(array)
        return self._numbers[id(array)]

    def value(self, value) -> Any:
        """A parameter as JSON.

        Raises
        ------
        TypeError
            If it is something that neither JSON nor an array can hold.
        """
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, np.generic):
            return self.value(value.item())
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if isinstance(value, np.ndarray):
            array = value.astype(str) if value.dtype == object else value
            return {"array": self._number(array), "objects": value.dtype == object}
        if isinstance(value, (list, tuple)):
            return {type(value).__name__: [self.value(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": [[self.value(k), self.value(v)] for k, v in value.items()]}
        if isinstance(value, FunctionType) or _is_keras_class(value):
            return {"import": _import_name(value)}
        if isinstance(value, _KERAS):
            return {"keras": json.loads(json.dumps(keras.saving.serialize_keras_object(value)))}
        if is_search(value):
            raise TypeError(
                "a search is no setting to be saved, but what it found is: set_params(estimator=ovr.estimators_[0]) "
                "first, or whichever settings a later fit is to start from; the trained networks stay as they are."
            )
        if hasattr(value, "get_params"):
            return {"estimator": {**self._parameters(value), "import": _import_name(type(value))}}
        raise TypeError(
            f"{value!r} is neither a plain value nor an array, a function of a module or a Keras object. "
            "Replace it with set_params first."
        )


_KERAS = (keras.losses.Loss, keras.optimizers.Optimizer, keras.layers.Layer)


def _is_keras_class(thing) -> bool:
    return isinstance(thing, type) and issubclass(thing, _KERAS)


def _import_name(thing) -> str:
    if "<" in thing.__qualname__ or thing.__module__ == "__main__":
        raise TypeError(f"{thing!r} cannot be imported again: define it at the top level of a module.")
    module = thing.__module__
    if _is_of_scikit_learn(module):
        # The packages promise the public module, and move what is below it.
        module = module.partition("._")[0]
    return f"{module}:{thing.__qualname__}"


def _is_of_scikit_learn(name: str) -> bool:
    return name.partition(".")[0] in ("sklearn", "imblearn")


def rebuilt(estimator, classes, shape, precision, n_heads) -> tuple[Bridge, NetworkSpec]:
    """The network that an estimator's parameters describe."""
    builder = find_builder(estimator.model)
    routed, _ = split_weights(builder, estimator._routed)
    loss, optimizer = loss_class(estimator.loss), optimizer_class(estimator.optimizer)
    bridge = Bridge(builder, loss=loss, optimizer=optimizer, image_shape=shape, **routed)
    bridge.learn_meta(np.zeros((1, *shape), "uint8"), classes)
    return bridge, bridge.network_spec(precision, n_heads=n_heads)


class Decoder:
    """Turns documents back into estimators, importing only what is trusted."""

    def __init__(self, archive: zipfile.ZipFile, trusted: Iterable[str], kinds: dict[str, type]):
        self._archive, self._trusted, self._kinds = archive, frozenset(trusted), kinds
        self._arrays: dict[int, np.ndarray] = {}

    def estimator(self, document: Document):
        """A fitted estimator."""
        estimator, fitted = self._unfitted(document), document["fitted"]
        estimator.n_features_in_ = fitted["n_features_in"]
        names = self.value(fitted["feature_names"])
        if names is not None:
            estimator.feature_names_in_ = names
        classes = self.value(fitted["classes"])
        if "network" in fitted:
            bridge, network = self._network(estimator, classes, fitted["network"])
            return estimator._adopt(bridge, network, fitted["history"])
        estimator.classes_, estimator.history_ = classes, fitted["history"]
        estimator.estimators_ = [self.estimator(e) for e in fitted["estimators"]]
        estimator.thresholds_ = self.value(fitted["thresholds"])
        calibrators = self.value(fitted["calibrators"])
        estimator.calibrators_ = calibrators and [calibrator_from(state) for state in calibrators]
        estimator._joint = estimator.searches_ = None
        if fitted["joint"] is not None:
            first = estimator.estimators_[0]
            estimator._joint = self._network(first, first.classes_, fitted["joint"])[1]
        return estimator

    def _unfitted(self, document: Document):
        kind = self._kinds.get(document["class"]) or self._other_kind(document)
        return kind(**{name: self.value(value) for name, value in document["params"].items()})

    def _other_kind(self, document: Document) -> type:
        """A sampler, or what one holds: made unfitted, so that it runs nothing."""
        if "import" not in document:
            raise SavedFileError(f"The file holds a {document['class']!r}, which this version does not know.")
        name = document["import"]
        if not _is_of_scikit_learn(name):
            self._check_trusted(name)
        kind = _imported(name)
        if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
            raise SavedFileError(f"The file names {name!r} as an estimator, which it is not.")
        return kind

    def _network(self, estimator, classes, document: Document) -> tuple[Bridge, FittedNetwork]:
        shape = tuple(document["shape"])
        bridge, spec = rebuilt(estimator, classes, shape, document["precision"], document["n_heads"])
        state = [self._array(number) for number in document["state"]]
        views = {"mirror": document["mirror"], "shift": document.get("shift", 0)}
        optimizer = self._optimizer(estimator, document.get("optimizer"))
        return bridge, FittedNetwork(spec, shape, document["scale"], state, optimizer, **views)

    def _optimizer(self, estimator, document: Document | None) -> OptimizerState | None:
        """Where the optimizer was, unless the estimator's is another by now."""
        optimizer = optimizer_class(with_recipe(estimator).optimizer)
        kind = optimizer if isinstance(optimizer, type) else type(optimizer)
        if document is None or document["kind"] != kind.__name__:
            return None
        return OptimizerState(kind, [self._array(number) for number in document["values"]])

    def _array(self, number: int) -> np.ndarray:
        if number not in self._arrays:
            data = io.BytesIO(self._archive.read(f"arrays/{number}.npy"))
            try:
                self._arrays[number] = np.load(data, allow_pickle=False)
            except ValueError as error:
                raise SavedFileError(f"Array {number} of the file is damaged: {error}.") from error
        return self._arrays[number]

    def value(self, value) -> Any:
        """A parameter from its JSON."""
        if not isinstance(value, dict):
            return value
        if "array" in value:
            array = self._array(value["array"])
            return array.astype(object) if value["objects"] else array
        if "list" in value:
            return [self.value(item) for item in value["list"]]
        if "tuple" in value:
            return tuple(self.value(item) for item in value["tuple"])
        if "dict" in value:
            return {self.value(k): self.value(v) for k, v in value["dict"]}
        if "import" in value:
            return self._import(value["import"])
        if "keras" in value:
            return self._keras(value["keras"])
        return self._unfitted(value["estimator"])

    def _import(self, name: str):
        self._check_trusted(name)
        thing = _imported(name)
        if name not in self._trusted and thing not in BUILDERS.values() and not _is_keras_class(thing):
            raise SavedFileError(f"The file names {name!r}, which is no builder, loss, optimizer or layer.")
        return thing

    def _keras(self, config: Document):
        for inner in _configs(config):
            self._check_trusted(f"{inner['module']}:{inner['class_name']}")
        return keras.saving.deserialize_keras_object(config, safe_mode=True)

    def _check_trusted(self, name: str) -> None:
        package = name.partition(":")[0].partition(".")[0]
        ours = name.startswith(f"{__name__.partition('.')[0]}.")
        if not (ours or package == "keras" or name in self._trusted):
            raise SavedFileError(
                f"The file wants to import {name!r}. If you trust it, call load(path, trusted=[{name!r}])."
            )


def _imported(name: str):
    module, _, qualname = name.partition(":")
    thing = import_module(module)
    for part in qualname.split("."):
        thing = getattr(thing, part)
    return thing


def _configs(config):
    """All serialised objects inside one, itself included."""
    if isinstance(config, dict):
        if "class_name" in config and config.get("module") is not None:
            yield config
        for inner in config.values():
            yield from _configs(inner)
    elif isinstance(config, list):
        for inner in config:
            yield from _configs(inner)
