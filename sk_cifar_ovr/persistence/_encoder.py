"""Convert fitted estimators to JSON documents and numbered arrays."""

import hashlib
import json
import math
import os
import warnings
from collections import OrderedDict
from types import FunctionType
from typing import Any

import keras
import numpy as np

from ..exceptions import SavedFileError
from ..networks import ModelCopies, check_config, copies_of
from ._trusted_names import KERAS_OBJECTS, import_name, is_keras_class
from .estimators import KINDS, estimator_document
from .scikit_learn import (
    Reference,
    distribution_document,
    is_distribution,
    is_scikit_learn_part,
    scikit_learn_document,
)

Document = dict[str, Any]


class Encoder:
    """Converts objects to documents. Each object is converted once; equal arrays are stored once.

    Attributes
    ----------
    documents : list of dict
        Documents of estimators and of other objects that several may share. They refer to each other by number.
    arrays : list of ndarray
    """

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.arrays: list[np.ndarray] = []
        self._document_numbers: dict[int, int] = {}
        self._unfinished: set[int] = set()
        self._structures: dict[str, int] = {}
        self._array_numbers: dict[int, int] = {}
        self._by_content: dict[tuple, int] = {}
        # Objects are known by their ids, which Python uses again.
        self._seen: list[Any] = []

    def part(self, obj) -> int:
        """Number of the document of an object.

        Raises
        ------
        TypeError
            If it cannot be saved, or contains itself.
        """
        if id(obj) not in self._document_numbers:
            number = self._reserve(obj)
            self._unfinished.add(number)
            self.documents[number] = self._document(obj)
            self._unfinished.remove(number)
        number = self._document_numbers[id(obj)]
        if number in self._unfinished:
            raise TypeError(f"{type(obj).__name__} contains itself, and cannot be saved.")
        return number

    def _reserve(self, obj) -> int:
        number = len(self.documents)
        self.documents.append({})
        self._document_numbers[id(obj)] = number
        self._seen.append(obj)
        return number

    def _document(self, obj) -> Document:
        if type(obj) in KINDS:
            return estimator_document(obj, self)
        if is_scikit_learn_part(obj) and not is_distribution(obj) and not _is_unfitted(obj):
            return scikit_learn_document(obj, self._reference, self.array)
        return {"kind": "value", "value": self.value(obj)}

    def _reference(self, obj) -> Reference | None:
        """What stands for an object in a document of skops; None if skops writes the object itself."""
        if type(obj) in KINDS or isinstance(obj, (FunctionType, keras.Model, *KERAS_OBJECTS)):
            return Reference.to(self.part(obj))
        return Reference.to(self.part(obj)) if is_keras_class(obj) or is_distribution(obj) else None

    def array(self, array: np.ndarray) -> int:
        """Number of an array."""
        if id(array) not in self._array_numbers:
            # The initial weights of a model, and frozen layers of several estimators, are equal arrays.
            order = array.flags.f_contiguous and not array.flags.c_contiguous
            content = (array.dtype.str, array.shape, order, hashlib.sha256(array.tobytes("A")).digest())
            if content not in self._by_content:
                self._by_content[content] = len(self.arrays)
                self.arrays.append(array)
            self._array_numbers[id(array)] = self._by_content[content]
            self._seen.append(array)
        return self._array_numbers[id(array)]

    def structure(self, build) -> int | None:
        """Number of the configuration of a network that was made from a Keras model; None of another network."""
        if not isinstance(build, ModelCopies):
            return None
        key = json.dumps([build.config, build.trainable])
        if key not in self._structures:
            config = json.loads(build.config)
            try:
                check_config(config, "The network", foreign=True)
            except SavedFileError as error:
                raise TypeError(f"The Keras model cannot be saved: {error}") from error
            self._structures[key] = len(self.documents)
            self.documents.append({"kind": "structure", "config": config, "trainable": build.trainable})
        return self._structures[key]

    def value(self, value) -> Any:
        """Convert a value to JSON.

        Raises
        ------
        TypeError
            If it cannot be stored as JSON or as an array.
        """
        if isinstance(value, np.generic) and not isinstance(value, str):
            value = value.item()
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if type(value) in (np.ndarray, np.memmap):
            return self._array_value(value)
        if type(value) in (list, tuple):
            return {type(value).__name__: [self.value(item) for item in value]}
        if type(value) in (dict, OrderedDict):
            return {"dict": [[self.value(k), self.value(v)] for k, v in value.items()]}
        if isinstance(value, FunctionType) or is_keras_class(value):
            return {"import": import_name(value)}
        if isinstance(value, keras.Model):
            return {"keras_model": self._keras_model(value)}
        if isinstance(value, KERAS_OBJECTS):
            with warnings.catch_warnings():
                # Keras reads a learning rate in a way that NumPy 2 deprecates.
                warnings.simplefilter("ignore", DeprecationWarning)
                return {"keras": json.loads(json.dumps(keras.saving.serialize_keras_object(value)))}
        if is_distribution(value):
            return distribution_document(value, self.value)
        if type(value) in KINDS:
            return {"part": self.part(value)}
        if _is_unfitted(value):
            return {"estimator": {"import": import_name(type(value)), "params": self.parameters(value)}}
        if is_scikit_learn_part(value):
            return {"part": self.part(value)}
        raise TypeError(
            f"{value!r} is neither a plain value nor an array, a function of a module or a Keras object. "
            "Replace it with set_params first."
        )

    def parameters(self, estimator) -> Document:
        """Convert the parameters of an estimator.

        Raises
        ------
        TypeError
            Naming the estimator, if one of them cannot be stored.
        """
        try:
            return {name: self.value(value) for name, value in estimator.get_params(deep=False).items()}
        except TypeError as error:
            raise TypeError(f"{type(estimator).__name__} cannot be saved: {error}") from error

    def _array_value(self, array: np.ndarray) -> Document:
        if array.dtype == object:
            return {"objects": [self.value(item) for item in array.ravel()], "shape": list(array.shape)}
        return {"array": self.array(array)}

    def _keras_model(self, model: keras.Model) -> Document:
        copies = copies_of(model)
        values = [self.array(value) for value in copies.values or [] if value is not None]
        return {"structure": self.structure(copies), "values": values}


def _is_unfitted(value) -> bool:
    """Whether an estimator is nothing but its parameters."""
    if isinstance(value, type) or not hasattr(value, "get_params") or not hasattr(value, "__dict__"):
        return False
    return set(vars(value)) == set(value.get_params(deep=False))
