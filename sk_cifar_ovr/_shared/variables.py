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


def read(variables) -> State:
    """Copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def same_shapes(variables, values: State) -> bool:
    """Whether values have the shapes of the variables."""
    return [tuple(variable.shape) for variable in variables] == [value.shape for value in values]


def write(variables, values) -> None:
    """Assign values to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
