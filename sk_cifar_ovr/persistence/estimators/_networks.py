"""Trained networks: documents of their values and of how they are built, and the reverse."""

import json
import math
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from ..._shared.variables import OptimizerState, optimizer_kind
from ...classifier import optimizer_class, restored_spec, with_recipe
from ...engine import FittedNetwork
from ...engine.compiled import PRECISIONS, NetworkSpec, borrow, build_model
from ...networks import ModelCopies, find_builder, is_builtin, is_keras_model
from .._checks import a_number, check
from ._network_size import check_size

MAX_VALUES_OF_AN_IMAGE = 2**28
MAX_HEADS = 2**20


def network_document(network: FittedNetwork, encoder) -> dict[str, Any]:
    """Describe a trained network.

    Raises
    ------
    ValueError
        If a weight is not finite: no file with it would be loaded.
    """
    optimizer = network.optimizer_state
    if not all(map(_is_finite, network.state + ([] if optimizer is None else optimizer.values))):
        raise ValueError("A weight of the network is NaN or infinite, and such files are refused: fit again.")
    return {
        "shape": list(network.shape),
        "scale": network.scale,
        "precision": network.spec.precision,
        "n_heads": network.spec.n_heads,
        "mirror": network.test_flip,
        "shift": network.test_shift,
        "state": [encoder.array(array) for array in network.state],
        "optimizer": optimizer
        and {"kind": optimizer.kind.rpartition(".")[2], "values": [encoder.array(array) for array in optimizer.values]},
        "structure": encoder.structure(network.spec.build),
    }


def check_is_built_by_parameters(estimator, network: FittedNetwork) -> None:
    """Check that the parameters of an estimator still describe its network.

    Raises
    ------
    ValueError
        If they have changed since it was fitted.
    """
    if isinstance(network.spec.build, ModelCopies):
        # It keeps how it is built, whatever has become of the model or its file.
        return
    spec = restored_spec(estimator, estimator.classes_, network.shape, network.spec.precision, network.spec.n_heads)
    if not network.is_built_by(spec):
        raise ValueError(
            "The parameters of the network have changed since it was fitted, so the saved weights would not match "
            "them: fit again, or restore the parameters."
        )


class NetworkDecoder:
    """Makes networks of documents. Networks that are built alike are built once.

    Parameters
    ----------
    decoder : Decoder
    """

    def __init__(self, decoder):
        self._decoder = decoder
        self._specs: dict[str, tuple[NetworkSpec, list[tuple]]] = {}

    def __call__(self, document: Any, estimator, classes: np.ndarray, params: Any) -> FittedNetwork:
        """Make a network.

        Parameters
        ----------
        document : dict
        estimator : CNNClassifier
            With its parameters.
        classes : ndarray of shape (n_classes,)
        params : dict
            Document of the parameters.

        Raises
        ------
        SavedFileError
            If the values do not fit the network that the parameters describe, or are not finite.
        """
        shape, shift, mirror = tuple(document["shape"]), document.get("shift", 0), document["mirror"]
        check(len(shape) in (1, 3) and all(a_number(side, 1) for side in shape), "an image has an impossible shape")
        check(math.prod(shape) <= MAX_VALUES_OF_AN_IMAGE, "an image is too large")
        check(isinstance(mirror, bool), "views at test time are described wrongly")
        room = min(shape[:2]) if len(shape) == 3 else 1
        check(a_number(shift, 0) and shift < room and (len(shape) == 3 or not mirror), "images are moved too far")
        scale = document["scale"]
        check(type(scale) in (int, float) and 0 < scale < math.inf, "the pixel scale is not positive")
        check(document["precision"] in (None, *set(PRECISIONS) - {"auto"}), "the precision is unknown")
        n_heads = document["n_heads"]
        check(n_heads is None or (a_number(n_heads, 1) and n_heads <= MAX_HEADS), "the number of heads is impossible")
        state = [self._decoder.array(number) for number in document["state"]]
        spec = self._fitting_spec(document, (estimator, classes, params), state)
        optimizer = self._optimizer(estimator, document.get("optimizer"))
        return FittedNetwork(spec, shape, float(scale), state, optimizer, test_flip=mirror, test_shift=shift)

    def _fitting_spec(self, document: Any, built_for: tuple, state: list[np.ndarray]) -> NetworkSpec:
        """The spec of a network whose variables have the shapes and dtypes of a state."""
        estimator, classes, params = built_for
        structure = document.get("structure")
        precision, n_heads = document["precision"], document["n_heads"]
        key = json.dumps([params, document["shape"], precision, n_heads, structure, len(classes)])
        if key not in self._specs:
            if structure is not None:
                spec = NetworkSpec(self._decoder.structure(structure), len(classes), precision, n_heads)
            else:
                check(not is_keras_model(estimator.model), "the file lacks the configuration of a Keras model")
                spec = restored_spec(estimator, classes, tuple(document["shape"]), precision, n_heads)
            if _is_known(spec, estimator):
                check_size(spec.build, [array.size for array in state], n_heads)
            self._specs[key] = _built(spec, state)
        spec, variables = self._specs[key]
        found = [(array.shape, array.dtype.name) for array in state]
        check(found == variables, "the weights do not fit the network that the parameters describe")
        check(all(map(_is_finite, state)), "a weight is not finite")
        return spec

    def _optimizer(self, estimator, document: Any) -> OptimizerState | None:
        """State of the optimizer; None if the estimator's optimizer is of another class."""
        kind = optimizer_kind(optimizer_class(with_recipe(estimator).optimizer))
        if document is None or document["kind"] != kind.rpartition(".")[2]:
            return None
        values = [self._decoder.array(number) for number in document["values"]]
        check(all(map(_is_finite, values)), "the state of the optimizer is not finite")
        return OptimizerState(kind, values)


def _built(spec: NetworkSpec, state: list[np.ndarray]) -> tuple[NetworkSpec, list[tuple]]:
    """A spec with its key, if that takes no prediction, and the kinds of its variables."""
    if isinstance(spec.build, ModelCopies):
        return spec, [_kind(variable) for variable in build_model(spec, state).variables]
    with borrow(spec) as network:
        # Spares the first prediction from building the network to learn its graph.
        return replace(spec, key=network.spec.key), [_kind(variable) for variable in network.model.variables]


def _is_known(spec: NetworkSpec, estimator) -> bool:
    """Whether no code of the user builds a network."""
    if isinstance(spec.build, ModelCopies):
        return not spec.build.custom_objects
    return is_builtin(find_builder(estimator.model))


def _kind(variable: keras.Variable) -> tuple[tuple[int, ...], str]:
    return tuple(variable.shape), keras.backend.standardize_dtype(variable.dtype)


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind in "iub" or bool(np.isfinite(array.astype("float32", copy=False)).all())
