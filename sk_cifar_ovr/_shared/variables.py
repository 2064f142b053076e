"""Values of Keras variables, apart from the network or optimizer that they belong to."""

from dataclasses import dataclass

import keras
import numpy as np

State = list[np.ndarray]


@dataclass(frozen=True)
class OptimizerState:
    """Values of an optimizer's variables and, if it averages weights, of the weights that it continues from.

    Attributes
    ----------
    kind : str
        Class of the optimizer, see `optimizer_kind`.
    values : list of ndarray
    """

    kind: str
    values: State


def optimizer_kind(optimizer) -> str:
    """Module and name of the class of an optimizer; takes an instance or a class."""
    cls = optimizer if isinstance(optimizer, type) else type(optimizer)
    return f"{cls.__module__}.{cls.__qualname__}"


def optimizer_config(optimizer) -> dict:
    """``optimizer.get_config()``, without a DeprecationWarning of NumPy on JAX and PyTorch.

    Keras reads the learning rate by `Variable.numpy`, see `to_numpy`, but not a learning rate that is a plain tensor.
    """
    twin = object.__new__(type(optimizer))
    twin.__dict__.update(optimizer.__dict__)
    rate = twin.__dict__.get("_learning_rate")
    if isinstance(rate, keras.Variable):
        twin.__dict__["_learning_rate"] = rate.value
    return twin.get_config()


def to_numpy(tensor) -> np.ndarray:
    """Copy of the value of a tensor or variable of any backend.

    `keras.ops.convert_to_numpy` and `Variable.numpy` request a copy from variables and from PyTorch's tensors, whose
    `__array__` has no such argument. NumPy 2 warns about that, and ``python -W error`` makes it an error.
    """
    if isinstance(tensor, keras.Variable):
        tensor = tensor.value
    if keras.backend.backend() == "torch":
        tensor = tensor.detach().cpu()
        if keras.backend.standardize_dtype(tensor.dtype) == "bfloat16":
            # PyTorch converts every dtype but this one.
            return tensor.float().numpy().astype("bfloat16")
        tensor = tensor.numpy()
    return np.asarray(tensor).copy()


def read(variables) -> State:
    """Copies of the values of variables."""
    return [to_numpy(variable) for variable in variables]


def same_shapes(variables, values: State) -> bool:
    """Whether values have the shapes of the variables."""
    return [tuple(variable.shape) for variable in variables] == [value.shape for value in values]


def write(variables, values) -> None:
    """Assign values to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
