"""Build fitted estimators from JSON documents, importing only trusted names."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.compiled import seeded_building
from ..exceptions import SavedFileError
from ..networks import ModelCopies
from ._checks import check
from ._keras_configs import keras_object, model_copies
from ._trusted_names import TrustedNames
from .estimators import NetworkDecoder, check_size, estimator_from
from .scikit_learn import distribution_from, scikit_learn_object

MAX_NESTED = 32
_FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


class Decoder:
    """Builds objects from the documents of `Encoder`.

    Parameters
    ----------
    documents : list of dict
    array : callable
        ``array(number) -> ndarray``.
    names : TrustedNames
        Imports the classes and functions that documents refer to.
    """

    def __init__(self, documents: Any, array: Callable[[Any], np.ndarray], names: TrustedNames):
        check(isinstance(documents, list) and documents, "it has no documents")
        self._documents, self.array, self._names = documents, array, names
        self._parts: dict[int, Any] = {}
        self._structures: dict[int, ModelCopies] = {}
        self._unfinished: list[int] = []
        self.network = NetworkDecoder(self)

    def part(self, number: Any) -> Any:
        """The object of a document, made once.

        Raises
        ------
        SavedFileError
            If there is no such document, it contains itself, or too many are inside each other.
        """
        document = self._document(number)
        if number not in self._parts:
            check(number not in self._unfinished, "an object contains itself")
            check(len(self._unfinished) < MAX_NESTED, f"more than {MAX_NESTED} objects are inside each other")
            self._unfinished.append(number)
            self._parts[number] = self._made(document)
            self._unfinished.pop()
        return self._parts[number]

    def _made(self, document: Any) -> Any:
        kind = document.get("kind")
        if kind == "value":
            return self.value(document["value"])
        if kind == "scikit-learn":
            return scikit_learn_object(document, self._names, self.array, self.part)
        return estimator_from(document, self)

    def _document(self, number: Any) -> Any:
        check(type(number) is int and 0 <= number < len(self._documents), "a document is missing")
        check(isinstance(self._documents[number], dict), "a document is none")
        return self._documents[number]

    def parameters_of(self, value: Any) -> Any:
        """The document of the parameters of an estimator."""
        return self._document(value["part"])["params"]

    def structure(self, number: Any) -> ModelCopies:
        """What makes a Keras model of the configuration in a document."""
        document = self._document(number)
        check(document.get("kind") == "structure", "the configuration of a Keras model is missing")
        if number not in self._structures:
            self._structures[number] = model_copies(document, None, self._names)
        return self._structures[number]

    def value(self, value: Any) -> Any:
        """Convert the JSON form of a value back to it."""
        if not isinstance(value, dict):
            check(not isinstance(value, list), "a list is described wrongly")
            return value
        if set(value) == {"objects", "shape"}:
            return self._objects(value["objects"], value["shape"])
        check(len(value) == 1, "a value is described wrongly")
        ((kind, content),) = value.items()
        if kind == "list":
            return [self.value(item) for item in content]
        if kind == "tuple":
            return tuple(self.value(item) for item in content)
        if kind == "dict":
            return {self.value(k): self.value(v) for k, v in content}
        simple: dict[str, Callable[[Any], Any]] = {
            "array": self.array,
            "part": self.part,
            "float": _FLOATS.__getitem__,
            "import": self._names.setting,
            "keras": lambda config: keras_object(config, self._names),
            "keras_model": self._keras_model,
            "distribution": lambda document: distribution_from(document, self.value),
            "estimator": self._unfitted,
        }
        if kind not in simple:
            raise SavedFileError(f"The file holds a value of the kind {kind[:60]!r}, which this version does not know.")
        return simple[kind](content)

    def _unfitted(self, document: Any) -> Any:
        kind = self._names.estimator_class(document["import"])
        return kind(**{name: self.value(value) for name, value in document["params"].items()})

    def _objects(self, items: Any, shape: Any) -> np.ndarray:
        check(isinstance(items, list) and len(shape) <= 32, "an array of objects is described wrongly")
        objects = np.empty(len(items), object)
        objects[:] = [self.value(item) for item in items]
        return objects.reshape(shape)

    def _keras_model(self, document: Any) -> Any:
        structure = self.structure(document["structure"])
        values = [self.array(number) for number in document["values"]]
        if not structure.custom_objects:
            check_size(structure, [value.size for value in values])
        with seeded_building(0):
            return ModelCopies(
                structure.config, values, structure.trainable, structure.custom_objects, structure.safe_mode
            )()
