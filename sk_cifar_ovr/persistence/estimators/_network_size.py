"""The size of a network that a file describes, found before memory is taken for it."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
from keras.src.backend.common import global_state

from ...engine.compiled import seeded_building
from ...networks import cut
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


@contextmanager
def without_values(n_variables: int, size: int) -> Iterator[None]:
    """Let Keras make variables without values, up to a number and a total size.

    Parameters
    ----------
    n_variables : int
    size : int

    Raises
    ------
    SavedFileError
        If there are more.
    """
    before = global_state.get_global_attribute(_WAITING)
    global_state.set_global_attribute(_WAITING, _Counted(n_variables, size))
    try:
        with seeded_building(0), keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_WAITING, before)


def check_size(build: Callable[[], keras.Model], sizes: list[int], n_heads: int | None = None) -> None:
    """Build a network without values, and check that it has no more weights than a file holds.

    Parameters
    ----------
    build : callable
        ``build() -> keras.Model``, which does not look at weights.
    sizes : list of int
        Sizes of the arrays of the file.
    n_heads : int or None
        Number of times that the network gets its last layer.

    Raises
    ------
    SavedFileError
        If it has more.
    """
    total = sum(sizes)
    n_variables = SPARE_VARIABLES + SPARE_FACTOR * len(sizes)
    with without_values(n_variables, SPARE_FACTOR * (total + SPARE_VARIABLES)):
        model = build()
        size = _size(model.variables)
        if n_heads is not None:
            size += (n_heads - 1) * sum(_size(layer.variables) for layer in cut(model)[1])
    check(size <= total, "the network has more weights")


def _size(variables) -> int:
    return sum(math.prod(variable.shape) for variable in variables)
