"""A built model with what is compiled for it: its prediction and its training steps."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import keras
import numpy as np

from ..._shared.variables import (
    OptimizerState,
    State,
    optimizer_config,
    optimizer_kind,
    read,
    same_shapes,
    write,
)
from ...exceptions import NetworkError
from ._backends import compile_program
from ._graph_key import settings_key
from ._model_checks import check_fits
from ._model_parts import normalizing_layers, statistics_of
from ._network_spec import seeded_building
from ._objective import LossGraph

MAX_TRAINERS = 8
# As Keras names the state of a random generator.
SEED_STATE = "seed_generator_state"


class Trainer:
    """A model with an augmentation, an optimizer and a loss, compiled together.

    Parameters
    ----------
    model : keras.Model
    augmentation : keras.layers.Layer or None
    optimizer : keras.optimizers.Optimizer
        Settings; like `augmentation` it is copied, and the original is not changed.
    graph : LossGraph
    """

    def __init__(self, model: keras.Model, augmentation, optimizer: keras.optimizers.Optimizer, graph: LossGraph):
        with seeded_building(0):
            self.model = augmented(model, augmentation)
        own = {id(variable) for variable in model.variables}
        self._augmentation = [v for v in self.model.variables if id(v) not in own]
        self._augmentation_start = read(self._augmentation)
        self.statistics = statistics_of(normalizing_layers(model))
        kept = {id(variable) for variable in (*model.trainable_variables, *self.statistics)}
        # Seeds above all, and whatever else a layer changes in training.
        self._moving = [variable for variable in self.model.variables if id(variable) not in kept]
        self.optimizer = optimizer.__class__.from_config(optimizer_config(optimizer))
        self.optimizer.build(model.trainable_variables)
        self._fresh = read(self.optimizer.variables)
        # An optimizer that averages weights continues from the weights themselves.
        averaged = model.trainable_variables if self.optimizer.use_ema else []
        self._variables = [*self.optimizer.variables, *averaged]
        self.program = compile_program(self.model, self.optimizer, graph)

    def reset_optimizer(self) -> None:
        """Put the optimizer back to its first state."""
        write(self.optimizer.variables, self._fresh)

    def optimizer_state(self) -> OptimizerState:
        """State from which a later training may continue."""
        return OptimizerState(optimizer_kind(self.optimizer), read(self._variables))

    def resume(self, state: OptimizerState) -> None:
        """Continue from a state; if it is that of another optimizer, this one starts anew."""
        if state.kind == optimizer_kind(self.optimizer) and same_shapes(self._variables, state.values):
            write(self._variables, state.values)

    def reseed_augmentation(self, seed) -> None:
        """Put the augmentation back to its start and let it draw anew from `seed`."""
        write(self._augmentation, self._augmentation_start)
        generator = np.random.default_rng(seed)
        for variable in self._augmentation:
            if variable.name == SEED_STATE:
                variable.assign(generator.integers(2**31 - 1, size=variable.shape))

    @contextmanager
    def averaging_statistics(self, seed, n_before: float = 0) -> Iterator[Callable]:
        """Yield ``add(x, scale)``: after each call the statistics are the mean of those of all batches so far.

        Nothing else is changed in the end; the augmentation draws from `seed`. The present statistics count as those
        of `n_before` batches.
        """
        before, n_done = read(self._moving), n_before
        self.reseed_augmentation(seed)

        def add(x: np.ndarray, scale: np.ndarray) -> None:
            nonlocal n_done
            self.program.update_statistics(x, scale, scale.dtype.type(n_done / (n_done + 1)))
            n_done += 1

        self.program.begin()
        yield add
        self.program.end()
        write(self._moving, before)

    def begin_epoch(self, epoch: int) -> None:
        """Call `begin_epoch` of the layers that have it, as an augmentation may."""
        for layer in self.model.layers:
            if hasattr(layer, "begin_epoch"):
                layer.begin_epoch(epoch)


class CompiledNetwork:
    """A built model, its compiled prediction and its trainers. Used by one fit or prediction at a time.

    Parameters
    ----------
    model : keras.Model
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._trainers: OrderedDict[Hashable, Trainer] = OrderedDict()
        self._program = compile_program(model)
        self._holds: object = None

    def set_state(self, state: State) -> None:
        """Load values into the variables; the same list twice in a row is loaded once."""
        if self._holds is not state:
            check_fits(self.model, state)
            # An interrupt in the middle leaves values of two states, and then none is held.
            self._holds = None
            write(self.model.variables, state)
            self._holds = state

    def forget(self) -> None:
        """Note that the variables are about to change without `set_state`."""
        self._holds = None

    def get_state(self) -> State:
        """Values of all variables."""
        return read(self.model.variables)

    def trainer(self, augmentation, optimizer: keras.optimizers.Optimizer, graph: LossGraph) -> Trainer:
        """Trainer for these settings, compiled on first use."""
        key = (_augmentation_key(augmentation), _optimizer_key(optimizer), graph.key)
        if key not in self._trainers:
            self._trainers[key] = Trainer(self.model, augmentation, optimizer, graph)
            while len(self._trainers) > MAX_TRAINERS:
                self._trainers.popitem(last=False)
        self._trainers.move_to_end(key)
        return self._trainers[key]

    def predict_batch(self, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Output of the network for one batch."""
        return self._program.predict(x, scale)


def augmented(model: keras.Model, layer: keras.layers.Layer | None) -> keras.Model:
    """`model` behind a layer that changes its images; the variables of the model are shared.

    Raises
    ------
    NetworkError
        If the model takes flat rows.
    """
    if layer is None:
        return model
    (pixels,) = model.inputs
    if len(pixels.shape) != 4:
        raise NetworkError("augment changes images, and this network takes flat rows: set image_shape.")
    inputs = keras.Input(pixels.shape[1:], dtype=pixels.dtype)
    config = layer.get_config()
    if "dtype" in config:
        config["dtype"] = pixels.dtype
    layer = layer.__class__.from_config(config)
    return keras.Model(inputs, model(layer(inputs)), name=f"augmented_{model.name}")


def _augmentation_key(layer: keras.layers.Layer | None) -> str | None:
    return None if layer is None else settings_key(layer)


def _optimizer_key(optimizer: keras.optimizers.Optimizer) -> Hashable:
    """Settings of an optimizer but for a learning rate that is a number: that one is an argument of a step."""
    settings = optimizer_config(optimizer)
    rate = settings.pop("learning_rate", None)
    settings.pop("name", None)
    if not isinstance(rate, (int, float, np.floating)):
        settings["learning_rate"] = rate
    return settings_key(optimizer, settings)
