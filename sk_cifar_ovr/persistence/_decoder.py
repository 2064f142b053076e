"""Build fitted estimators from JSON documents, importing only trusted names."""

import io
import json
import zipfile
from typing import Any

import numpy as np

from .._shared.variables import OptimizerState, optimizer_kind
from ..classifier import CHOICES, optimizer_class, restored_spec, set_fitted, with_recipe
from ..engine import FittedNetwork
from ..engine.compiled import NetworkSpec, seeded_building
from ..exceptions import SavedFileError
from ..networks import ModelCopies
from ..one_vs_rest import calibrator_from
from ._trusted_names import TrustedNames

Document = dict[str, Any]


class Decoder:
    """Builds fitted estimators from the documents of `Encoder`.

    Parameters
    ----------
    archive : zipfile.ZipFile
        Archive with the arrays.
    names : TrustedNames
        Imports the classes and functions that documents refer to.
    kinds : dict of str to type
        Classes of fitted estimators, by name.
    """

    def __init__(self, archive: zipfile.ZipFile, names: TrustedNames, kinds: dict[str, type]):
        self._archive, self._names, self._kinds = archive, names, kinds
        self._arrays: dict[int, np.ndarray] = {}

    def estimator(self, document: Document):
        """Build the fitted estimator of a document."""
        estimator, fitted = self._unfitted(document), document["fitted"]
        estimator.n_features_in_ = fitted["n_features_in"]
        names = self.value(fitted["feature_names"])
        if names is not None:
            estimator.feature_names_in_ = names
        classes = self.value(fitted["classes"])
        # Earlier versions did not write what is read by `get`.
        estimator.image_reading_ = self.value(fitted.get("image_reading"))
        for name in CHOICES:
            if name in fitted.get("choices", {}):
                setattr(estimator, name, self.value(fitted["choices"][name]))
        if "network" in fitted:
            network = self._network(estimator, classes, fitted["network"])
            return set_fitted(estimator, network, classes, fitted["history"])
        estimator.classes_, estimator.history_ = classes, fitted["history"]
        estimator.multilabel_, estimator.promises_ = fitted.get("multilabel", False), self.value(fitted.get("promises"))
        estimator.estimators_ = [self.estimator(e) for e in fitted["estimators"]]
        estimator.thresholds_ = self.value(fitted["thresholds"])
        calibrators = self.value(fitted["calibrators"])
        estimator.calibrators_ = calibrators and [calibrator_from(state) for state in calibrators]
        estimator.joint_network_ = estimator.searches_ = None
        if fitted["joint"] is not None:
            first = estimator.estimators_[0]
            estimator.joint_network_ = self._network(first, first.classes_, fitted["joint"])
        return estimator

    def _unfitted(self, document: Document):
        kind = self._kinds.get(document["class"])
        if kind is None:
            # A sampler or one of its parameters.
            if "import" not in document:
                raise SavedFileError(f"The file holds a {document['class']!r}, which this version does not know.")
            kind = self._names.estimator_class(document["import"])
        return kind(**{name: self.value(value) for name, value in document["params"].items()})

    def _network(self, estimator, classes, document: Document) -> FittedNetwork:
        shape = tuple(document["shape"])
        precision, n_heads = document["precision"], document["n_heads"]
        if document.get("keras_model") is None:
            spec = restored_spec(estimator, classes, shape, precision, n_heads)
        else:
            spec = NetworkSpec(self._copies(document["keras_model"]), len(classes), precision, n_heads)
        return FittedNetwork(
            spec,
            shape,
            document["scale"],
            [self._array(number) for number in document["state"]],
            self._optimizer(estimator, document.get("optimizer")),
            test_flip=document["mirror"],
            test_shift=document.get("shift", 0),
        )

    def _copies(self, number: int, values: list[int] | None = None) -> ModelCopies:
        """What makes a Keras model again, from the number of its configuration and those of its weights."""
        structure = json.loads(self._array(number).tobytes())
        arrays = None if values is None else [self._array(each) for each in values]
        return self._names.keras_model(structure["config"], structure["trainable"], arrays)

    def _optimizer(self, estimator, document: Document | None) -> OptimizerState | None:
        """State of the optimizer; None if the estimator's optimizer is of another class."""
        kind = optimizer_kind(optimizer_class(with_recipe(estimator).optimizer))
        if document is None or document["kind"] != kind.rpartition(".")[2]:
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
        """Convert the JSON form of a parameter back to its value."""
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
            return self._names.setting(value["import"])
        if "keras_model" in value:
            document = value["keras_model"]
            with seeded_building(0):
                return self._copies(document["structure"], document["values"])()
        if "keras" in value:
            return self._names.keras_object(value["keras"])
        return self._unfitted(value["estimator"])
