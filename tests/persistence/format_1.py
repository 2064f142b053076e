"""Writes files of format 1, as `save` did until format 2: the encoder of that time, kept as it was."""

import hashlib
import io
import json
import os
import zipfile
from importlib.metadata import version
from types import FunctionType
from typing import Any

import keras
import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_cifar_ovr._shared.variables import OptimizerState
from sk_cifar_ovr.classifier import CHOICES, restored_spec
from sk_cifar_ovr.engine import FittedNetwork
from sk_cifar_ovr.exceptions import SavedFileError
from sk_cifar_ovr.networks import ModelCopies, check_config, copies_of
from sk_cifar_ovr.one_vs_rest import calibrator_state, is_search
from sk_cifar_ovr.persistence._trusted_names import KERAS_OBJECTS, import_name, is_keras_class

Document = dict[str, Any]


def save_format_1(estimator, path) -> None:
    """Write a fitted estimator to a file of format 1."""
    encoder = Encoder()
    document = {
        "format": 1,
        "versions": {name: version(name) for name in ("sk_cifar_ovr", "keras", "scikit-learn", "numpy")},
        "backend": keras.backend.backend(),
        "estimator": encoder.estimator(estimator),
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("estimator.json", json.dumps(document, indent=1))
        encoder.write_arrays(archive)


class Encoder:
    """Converts fitted estimators to JSON. Arrays are numbered and collected; equal arrays are stored once."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._numbers: dict[int, int] = {}
        self._by_content: dict[tuple, int] = {}
        # Arrays are known by their ids, which Python uses again.
        self._seen: list[np.ndarray] = []

    def write_arrays(self, archive: zipfile.ZipFile) -> None:
        """Write the arrays of all encoded estimators to an archive."""
        for number, array in enumerate(self._arrays):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(f"arrays/{number}.npy", buffer.getvalue())

    def estimator(self, estimator) -> Document:
        """Convert the parameters and fitted attributes of an estimator."""
        check_is_fitted(estimator)
        encode = self._one_vs_rest if hasattr(estimator, "estimators_") else self._one_network
        fitted = {
            "n_features_in": int(estimator.n_features_in_),
            "feature_names": self.value(getattr(estimator, "feature_names_in_", None)),
            "classes": self.value(estimator.classes_),
            "image_reading": self.value(getattr(estimator, "image_reading_", None)),
            "choices": {name: self.value(getattr(estimator, name)) for name in CHOICES if hasattr(estimator, name)},
            "history": {name: [float(v) for v in values] for name, values in estimator.history_.items()},
            **encode(estimator),
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
        network = estimator.network_
        if isinstance(network.spec.build, ModelCopies):
            # It keeps how it is built, whatever has become of the model or its file.
            return {"network": self._network(network)}
        precision, n_heads = network.spec.precision, network.spec.n_heads
        if not network.is_built_by(restored_spec(estimator, estimator.classes_, network.shape, precision, n_heads)):
            raise ValueError(
                "The parameters of the network have changed since it was fitted, so the saved weights would not match "
                "them: fit again, or restore the parameters."
            )
        return {"network": self._network(network)}

    def _one_vs_rest(self, estimator) -> Document:
        return {
            "estimators": [self.estimator(e) for e in estimator.estimators_],
            "joint": None if estimator.joint_network_ is None else self._network(estimator.joint_network_),
            "multilabel": bool(estimator.multilabel_),
            "thresholds": self.value(estimator.thresholds_),
            "promises": self.value(estimator.promises_),
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
            "mirror": network.test_flip,
            "shift": network.test_shift,
            "state": [self._number(array) for array in network.state],
            "optimizer": self._optimizer(network.optimizer_state),
            "keras_model": self._structure(network.spec.build),
        }

    def _structure(self, build) -> int | None:
        """Number of the configuration of a network that was made from a Keras model."""
        if not isinstance(build, ModelCopies):
            return None
        try:
            check_config(json.loads(build.config), "The network", foreign=True)
        except SavedFileError as error:
            raise TypeError(f"The Keras model cannot be saved: {error}") from error
        # As an array it is stored once, though each of K tasks has it.
        structure = {"config": build.config, "trainable": build.trainable}
        return self._number(np.frombuffer(json.dumps(structure).encode(), np.uint8))

    def _keras_model(self, model: keras.Model) -> Document:
        copies = copies_of(model)
        values = [self._number(value) for value in copies.values or [] if value is not None]
        return {"structure": self._structure(copies), "values": values}

    def _optimizer(self, state: OptimizerState | None) -> Document | None:
        if state is None:
            return None
        return {"kind": state.kind.rpartition(".")[2], "values": [self._number(array) for array in state.values]}

    def _number(self, array: np.ndarray) -> int:
        if id(array) not in self._numbers:
            # The initial weights of a model, and frozen layers of several estimators, are equal arrays.
            content = (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
            if content not in self._by_content:
                self._by_content[content] = len(self._arrays)
                self._arrays.append(array)
            self._numbers[id(array)] = self._by_content[content]
            self._seen.append(array)
        return self._numbers[id(array)]

    def value(self, value) -> Any:
        """Convert a parameter to JSON.

        Raises
        ------
        TypeError
            If the value cannot be stored as JSON or as an array.
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
        if isinstance(value, FunctionType) or is_keras_class(value):
            return {"import": import_name(value)}
        if isinstance(value, keras.Model):
            return {"keras_model": self._keras_model(value)}
        if isinstance(value, KERAS_OBJECTS):
            return {"keras": json.loads(json.dumps(keras.saving.serialize_keras_object(value)))}
        if is_search(value):
            raise TypeError(
                "a search cannot be saved as a parameter. Replace it first, for example with the settings it found, "
                "by set_params(estimator=ovr.estimators_[0]). The trained networks are not affected."
            )
        if hasattr(value, "get_params"):
            return {"estimator": {**self._parameters(value), "import": import_name(type(value))}}
        raise TypeError(
            f"{value!r} is neither a plain value nor an array, a function of a module or a Keras object. "
            "Replace it with set_params first."
        )
