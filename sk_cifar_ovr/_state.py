"""Values of a network's variables, apart from the network."""

from dataclasses import dataclass

import keras
import numpy as np

State = list[np.ndarray]


@dataclass(frozen=True)
class OptimizerState:
    """Values of an optimizer's variables, and of the weights that it averages; which kind of optimizer it was."""

    kind: type
    values: State


def read(variables) -> State:
    """Copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def fits(variables, values: State) -> bool:
    """Whether values have the shapes of the variables."""
    return [tuple(variable.shape) for variable in variables] == [value.shape for value in values]


def write(variables, values) -> None:
    """Assign values to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
