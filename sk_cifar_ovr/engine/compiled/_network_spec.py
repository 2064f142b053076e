"""What makes the graph of a network, and the building of it."""

import random
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras
from keras.src.random import seed_generator

from ..._shared.variables import State, write
from ...networks import infer_by_default
from ._joint_network import JointNetwork, with_branches, with_heads
from ._model_checks import check_fits, check_own_layers, checked_model
from ._precision import with_precision

# One at a time: what layers draw their seeds from belongs to the process.
_building = threading.RLock()


@contextmanager
def seeded_building(seed: int) -> Iterator[None]:
    """Make layers draw their seeds from `seed`, and leave Python's global generator as it was.

    Keras draws from the global generator, as other threads do at the same time (those of a Dask worker, for example).
    Inside this context Keras has a generator of its own.
    """
    with _building:
        state = random.getstate()
        shared = seed_generator.python_random
        random.seed(seed)
        seed_generator.python_random = random.Random(seed)
        try:
            yield
        finally:
            seed_generator.python_random = shared
            random.setstate(state)


@dataclass(frozen=True)
class NetworkSpec:
    """What makes the graph of a network: plain data, if the arguments of the builder are.

    Attributes
    ----------
    build : callable
        ``build() -> keras.Model``; a `functools.partial` of the builder and its arguments.
    n_classes : int or None
        Outputs of the softmax; None takes a model with any output.
    precision : str or None
        Dtype policy; None leaves the builder's.
    n_heads : int or None
        Tasks answered together; None for a plain network.
    shares_trunk : bool
        Whether the tasks are heads on one trunk or whole networks side by side.
    key : str or None
        Equal for equal graphs. None if it is not known before the network is built, see `model_key`.
    """

    build: Callable[[], keras.Model]
    n_classes: int | None = 2
    precision: str | None = None
    n_heads: int | None = None
    shares_trunk: bool = True
    key: str | None = None

    def pool_key(self) -> Hashable:
        """`key` with all else that makes a compiled graph, Keras' own settings included."""
        return (
            self.key,
            self.n_classes,
            self.precision,
            self.n_heads,
            self.shares_trunk,
            keras.config.floatx(),
            keras.config.image_data_format(),
            keras.config.dtype_policy().name,
            keras.distribution.distribution(),
        )


@dataclass(frozen=True)
class BuiltNetwork:
    """A model that a builder returned, and the model that is trained.

    Attributes
    ----------
    base : keras.Model
        As the builder returned it.
    model : keras.Model
        In the precision of the spec and with its heads.
    joint : JointNetwork or None
        Of a network with heads.
    """

    base: keras.Model
    model: keras.Model
    joint: JointNetwork | None = None


def build_network(spec: NetworkSpec, seed: int) -> BuiltNetwork:
    """Call the builder and give its model the precision and the heads of the spec.

    Raises
    ------
    NetworkError
        If the builder returns something else than a model that can be trained so.
    """
    with seeded_building(seed):
        base = model = checked_model(spec.build(), spec.n_classes)
        infer_by_default(base)
        if spec.precision is not None:
            model = with_precision(model, spec.precision)
            infer_by_default(model)
        check_own_layers(model)
        if spec.n_heads is None:
            return BuiltNetwork(base, model)
        joint = (with_heads if spec.shares_trunk else with_branches)(model, spec.n_heads)
        infer_by_default(joint.model)
        return BuiltNetwork(base, joint.model, joint)


def copied_model(model: keras.Model) -> keras.Model:
    """A model of new layers with the values and the settings of all variables."""
    copy = keras.models.clone_model(model)
    for variable, source in zip(copy.variables, model.variables, strict=True):
        variable.assign(source.value)
        variable.trainable, variable.regularizer = source.trainable, source.regularizer
        variable.constraint = source.constraint
    return copy


def build_model(spec: NetworkSpec, state: State) -> keras.Model:
    """A model with these values that shares nothing with other networks."""
    model = build_network(spec, 0).model
    check_fits(model, state)
    write(model.variables, state)
    return model
