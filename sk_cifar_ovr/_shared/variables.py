"""Values of a network's variables, apart from the network."""

from dataclasses import dataclass

import keras
import numpy as np

from ..exceptions import NetworkError

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


def check_fits(model: keras.Model, values: State) -> None:
    """Refuse values of another network than this one, which its builder has made again.

    Raises
    ------
    NetworkError
        If the shapes differ.
    """
    if not fits(model.variables, values):
        raise NetworkError(
            f"The builder of {model.name!r} makes another network now than when the estimator was fitted: something "
            "that it reads from elsewhere has changed. Set that back, or fit again; what changes between fits is best "
            "a parameter of the builder, model__NAME."
        )


def write(variables, values) -> None:
    """Assign values to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
