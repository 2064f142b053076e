"""The size of a network that a file describes, found before memory is taken for it."""

import math

import keras
from keras.src.backend.common import global_state

from ...engine.compiled import NetworkSpec, seeded_building
from .._checks import check

# Builders may make layers that do not stay in the network, such as the top of a backbone.
SPARE_VARIABLES = 1_000
SPARE_FACTOR = 10
_WAITING = "uninitialized_variables"


class _Counted(list):
    """Collects variables that wait for their values, up to a number and a size."""

    def __init__(self, n_variables: int, size: int):
        super().__init__()
        self._n_variables, self._size = n_variables, size

    def append(self, variable) -> None:
        super().append(variable)
        self._size -= math.prod(variable.shape)
        check(len(self) <= self._n_variables and self._size >= 0, "the network has more weights than the file")


def check_size(spec: NetworkSpec, sizes: list[int]) -> None:
    """Build a network without values, and check that it has no more weights than a file holds.

    Parameters
    ----------
    spec : NetworkSpec
        Of a builder that does not look at weights.
    sizes : list of int
        Sizes of the arrays of the file.

    Raises
    ------
    SavedFileError
        If it has more.
    """
    before = global_state.get_global_attribute(_WAITING)
    counted = _Counted(SPARE_VARIABLES + SPARE_FACTOR * len(sizes), SPARE_FACTOR * (sum(sizes) + SPARE_VARIABLES))
    global_state.set_global_attribute(_WAITING, counted)
    try:
        with seeded_building(0), keras.StatelessScope(initialize_variables=False):
            variables = spec.build().variables
    finally:
        global_state.set_global_attribute(_WAITING, before)
    check(sum(math.prod(variable.shape) for variable in variables) <= sum(sizes), "the network has more weights")
