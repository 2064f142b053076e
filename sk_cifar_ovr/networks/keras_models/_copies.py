"""Copies of a Keras model from plain data: its configuration and its weights."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from ..._shared.variables import read, to_numpy
from ...exceptions import NetworkError


@dataclass(frozen=True, eq=False)
class ModelCopies:
    """Makes equal models; calling it makes one.

    Attributes
    ----------
    config : str
        Configuration of a functional model, as Keras serialises it, in JSON: Keras changes a dict that it reads.
    values : list of (ndarray or None), or None
        Values of the variables. None draws new ones.
    trainable : list of bool
        Whether each variable is trained.
    custom_objects : dict of str to type
        Layer classes that are not Keras' own, by registered name.
    safe_mode : bool
        Whether the configuration comes from a file, so that `Lambda` layers are refused.
    """

    config: str
    values: Sequence[np.ndarray | None] | None = None
    trainable: list[bool] = field(default_factory=list)
    custom_objects: dict[str, type] = field(default_factory=dict)
    safe_mode: bool = False

    def __call__(self) -> keras.Model:
        """Make a functional model of new layers.

        Raises
        ------
        NetworkError
            If Keras cannot make it from its configuration.
        """
        config = json.loads(self.config)
        name = config["config"].get("name")
        try:
            model = keras.saving.deserialize_keras_object(
                config, custom_objects=self.custom_objects, safe_mode=self.safe_mode
            )
        except Exception as error:
            # Whatever a layer's constructor raises.
            raise NetworkError(
                f"Keras cannot make the model {name!r} again from its configuration "
                f"({type(error).__name__}: {_innermost(error)}). Give its layers a get_config, register custom "
                "functions with keras.saving.register_keras_serializable, or pass a builder instead of a model."
            ) from error
        for variable, trainable in zip(model.variables, self.trainable, strict=bool(self.trainable)):
            variable.trainable = trainable
        for variable, value in zip(model.variables, self.values or [], strict=self.values is not None):
            if value is not None:
                variable.assign(value)
        return model

    def without_values(self) -> "ModelCopies":
        """The same models with weights that are drawn anew."""
        return replace(self, values=None)


def copies_of(model: keras.Model) -> ModelCopies:
    """Describe a Keras model by plain data. The model is not changed.

    Parameters
    ----------
    model : keras.Model
        Functional, Sequential, or a subclass that Keras can make again from its `get_config`.

    Returns
    -------
    ModelCopies

    Raises
    ------
    NetworkError
        If the model is not built, or Keras cannot describe it.
    """
    model = _functional(model)
    try:
        # Only plain data is kept: later changes of the model do not matter.
        with warnings.catch_warnings():
            # Of lambdas, which Keras would not load from a file; these stay in the process.
            warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`", UserWarning)
            config = json.dumps(_described(keras.saving.serialize_keras_object(model), model))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise _cannot_copy(model, error) from error
    constant = {id(variable) for layer in _normalizations(model) for variable in layer.variables}
    variables = [variable for variable in model.variables if id(variable) not in constant]
    trained = {id(variable) for variable in model.trainable_variables}
    return ModelCopies(config, read(variables), [id(variable) in trained for variable in variables], _custom(model))


def _functional(model: keras.Model) -> keras.Model:
    """The model as a functional one."""
    if isinstance(model, keras.Sequential):
        if not model.built or not model.inputs:
            raise NetworkError(
                f"model={model.name!r} has no input shape yet: start the Sequential with keras.Input(shape), or call "
                "it once."
            )
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if type(model).__module__.partition(".")[0] == "keras" and getattr(model, "inputs", None):
        return model
    if hasattr(model, "_nodes") and getattr(model, "inputs", None):
        # A subclass that calls super().__init__(inputs, outputs): its own `call` or `train_step` is not used.
        return keras.Model(model.inputs, model.outputs, name=model.name)
    return _wrapped(model)


def _wrapped(model: keras.Model) -> keras.Model:
    """A functional model of one layer, a copy of a subclassed model."""
    shape = (model.get_build_config() or {}).get("input_shape")
    if not model.built or shape is None:
        raise NetworkError(
            f"model={model.name!r} is a subclassed model that takes no images yet: call it once on images, or pass a "
            "functional model."
        )
    try:
        copy = type(model).from_config(model.get_config())
        inputs = keras.Input(tuple(shape)[1:])
        outputs = copy(inputs)
    except Exception as error:
        # Whatever the constructor and the call of a user's class raise.
        raise _cannot_copy(model, error) from error
    if [tuple(variable.shape) for variable in copy.variables] != [tuple(each.shape) for each in model.variables]:
        raise NetworkError(
            f"model={model.name!r}: a copy from its get_config has other variables than the model itself. Return all "
            "arguments of its constructor from get_config, or pass a functional model."
        )
    for variable, source in zip(copy.variables, model.variables, strict=True):
        variable.assign(to_numpy(source))
        variable.trainable = source.trainable
    return keras.Model(inputs, outputs, name=model.name)


def _described(config: Any, model: keras.Model) -> Any:
    """A serialised model without its compilation, and with the statistics of its normalisations as constants."""
    found = {key: value for key, value in config.items() if key not in ("compile_config", "build_config")}
    own = {operation.name: operation for operation in getattr(model, "operations", model.layers)}
    described = []
    for part in found["config"]["layers"]:
        layer = own.get(part.get("name") or part["config"].get("name"))
        if isinstance(layer, keras.Model) and "layers" in part["config"]:
            part = _described(part, layer)
        elif _is_adapted(layer):
            part = {**part, **_as_rescaling(layer)}
        described.append(part)
    return {**found, "config": {**found["config"], "layers": described}}


def _is_adapted(layer) -> bool:
    """Whether a layer learnt its statistics by `adapt`, which Keras keeps in variables and in constants."""
    return isinstance(layer, keras.layers.Normalization) and getattr(layer, "input_mean", 0) is None


def _normalizations(model: keras.Model) -> list[keras.layers.Normalization]:
    return [layer for layer in model._flatten_layers() if _is_adapted(layer)]


def _as_rescaling(layer: keras.layers.Normalization) -> dict[str, Any]:
    """A normalisation with its statistics as constants, which its own configuration does not hold."""
    mean, variance = to_numpy(layer.mean), to_numpy(layer.variance)
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    scale, offset = (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)
    values = {"scale": scale.reshape(scale.shape[1:]).tolist(), "offset": offset.reshape(scale.shape[1:]).tolist()}
    made = keras.layers.Rescaling(1.0, name=layer.name, dtype=layer.dtype_policy)
    part = keras.saving.serialize_keras_object(made)
    return {**part, "config": {**part["config"], **values}}


def _custom(model: keras.Model) -> dict[str, type]:
    kinds = {type(layer) for layer in model._flatten_layers()}
    foreign = {kind for kind in kinds if kind.__module__.partition(".")[0] != "keras"}
    return {keras.saving.get_registered_name(kind): kind for kind in foreign}


def _cannot_copy(model: keras.Model, error: Exception) -> NetworkError:
    return NetworkError(
        f"model={model.name!r} ({type(model).__name__}) cannot be copied, since Keras cannot make it again from its "
        f"configuration: {_innermost(error)} Give it a get_config, or pass a functional model or a builder."
    )


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip().partition("\n")[0][:300]
    return text if text.endswith(".") else f"{text}."
