"""What tells one training from another: a digest of each thing that its outcome depends on."""

import hashlib
import json
from importlib.metadata import version
from types import CodeType, FunctionType
from typing import Any

import keras
import numpy as np

from ..._shared.lazy_arrays import read
from ..._shared.variables import optimizer_config
from ..._shared.variables import read as read_variables
from .._training_job import TrainingJob
from ..compiled import graph_config
from ._files import START, Description

PACKAGE = __name__.partition(".")[0]
# More images than that, and images that are not in memory, are known by some of them.
ALL_BYTES = 2**31
SOME = 256


def describe(model: keras.Model, job: TrainingJob) -> Description:
    """Describe a training by the name and digest of each thing on which its outcome depends.

    Images that are read on demand, and more than 2 GiB of them, are known by their number, shape and 256 of them.

    Parameters
    ----------
    model : keras.Model
        With the values that it starts from.
    job : TrainingJob

    Returns
    -------
    dict of str to str
    """
    data, plan = job.data, job.plan
    things = {
        "images": _images(data.X),
        "labels": data.labels,
        "sample_weight": data.weights,
        "class_weight": data.class_weights,
        "images to train on": data.train,
        "images held out for validation": data.validation,
        "pixel_max": data.scale,
        "balanced_batches": None if data.balance is None else [data.balance.groups, data.balance.shares],
        "model": _network(model),
        "loss": [_settings(job.objective.graph.loss), _attributes(job.objective.graph.loss), job.objective.values],
        "optimizer": _settings(job.optimizer),
        "augment": _settings(job.augmentation),
        START: [read_variables(model.variables), job.start.optimizer_state and job.start.optimizer_state.values],
        "epochs": [plan.epochs, plan.first_epoch],
        "batch_size": plan.batch_size,
        "random_state": plan.seed,
        "schedule": plan.learning_rate,
        "early_stopping": [plan.early_stopping, plan.patience],
        "batch_statistics": plan.batch_statistics,
        "callbacks": [[_name(callback), _attributes(callback)] for callback in plan.callbacks],
        "version of this package": version(PACKAGE),
        "version of Keras": keras.version(),
        "backend": keras.backend.backend(),
    }
    return {name: _digest(thing) for name, thing in things.items()}


def _images(X) -> list:
    facts = [list(X.shape), np.dtype(X.dtype).str]
    if isinstance(X, np.ndarray) and X.nbytes <= ALL_BYTES:
        return [*facts, X]
    return [*facts, read(X, np.unique(np.linspace(0, len(X) - 1, SOME).astype(int)))]


def _network(model: keras.Model) -> list:
    shapes = [[list(variable.shape), str(variable.dtype), variable.trainable] for variable in model.variables]
    try:
        return [graph_config(model), shapes]
    except (NotImplementedError, TypeError, ValueError, KeyError):
        # A layer that Keras cannot describe.
        return [[_name(layer) for layer in model.layers], shapes]


def _settings(thing) -> Any:
    if thing is None:
        return None
    try:
        config = optimizer_config(thing) if isinstance(thing, keras.optimizers.Optimizer) else thing.get_config()
    except (NotImplementedError, TypeError, ValueError):
        config = {}
    return [_name(thing), {key: value for key, value in config.items() if key != "name"}]


def _attributes(thing) -> dict[str, Any]:
    """Public attributes of an object of the user's that are settings: numbers, texts or functions, which stay."""
    found = {} if thing is None else vars(thing)
    return {key: value for key, value in found.items() if _is_setting(value) and key[0] != "_" and key != "name"}


def _is_setting(value) -> bool:
    return isinstance(value, (bool, int, float, str, FunctionType))


def _code(code: CodeType) -> list:
    constants = [_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), constants]


def _function(function: FunctionType) -> list:
    """What a function computes, as far as its own code, defaults and closure tell."""
    cells = [cell.cell_contents for cell in function.__closure__ or () if _is_setting(cell.cell_contents)]
    return [_code(function.__code__), function.__defaults__, function.__kwdefaults__, cells]


def _name(thing) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _digest(thing) -> str:
    """SHA-256 of plain values and arrays."""

    def plain(value):
        if isinstance(value, np.ndarray):
            values = np.ascontiguousarray(value)
            # A datetime or an object has no buffer.
            content = values.view(np.uint8).data if values.dtype.kind in "biuf" and values.size else repr(values)
            return [values.dtype.str, values.shape, _sha256(content)]
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, FunctionType):
            return _function(value)
        return _settings(value) if hasattr(value, "get_config") else _name(value)

    return _sha256(json.dumps(thing, sort_keys=True, default=plain))


def _sha256(content) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
