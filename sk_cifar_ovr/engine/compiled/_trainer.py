"""A built network with what is compiled for it: its prediction and its training steps."""

from collections import OrderedDict
from collections.abc import Hashable

import keras
import numpy as np

from ..._shared.variables import OptimizerState, State, check_fits, fits, read, write
from ...exceptions import NetworkError
from ._backends import compile_program
from ._freeze import freeze
from ._objective import LossGraph

MAX_TRAINERS = 8
# As Keras names the state of a random generator.
SEED_STATE = "seed_generator_state"


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


class Trainer:
    """A network with an optimizer and a loss, compiled together."""

    def __init__(self, network: "CompiledNetwork", optimizer: keras.optimizers.Optimizer, graph: LossGraph):
        self.optimizer = optimizer.__class__.from_config(optimizer.get_config())
        self.optimizer.build(network.model.trainable_variables)
        self._fresh = read(self.optimizer.variables)
        # Where the optimizer averages weights, training goes on from the weights themselves.
        averaged = network.model.trainable_variables if self.optimizer.use_ema else []
        self._variables = [*self.optimizer.variables, *averaged]
        self.program = compile_program(network.training_model, self.optimizer, graph)

    def reset_optimizer(self) -> None:
        """Put the optimizer back to its first state."""
        write(self.optimizer.variables, self._fresh)

    def optimizer_state(self) -> OptimizerState:
        """Where a later training may go on from."""
        return OptimizerState(type(self.optimizer), read(self._variables))

    def resume(self, state: OptimizerState) -> None:
        """Go on from there; another optimizer starts anew, on the same weights."""
        if state.kind is type(self.optimizer) and fits(self._variables, state.values):
            write(self._variables, state.values)


class CompiledNetwork:
    """A built model, its compiled prediction and its trainers. Used by one fit or prediction at a time.

    Parameters
    ----------
    model : keras.Model
    augment : keras.layers.Layer or None, default=None
        Settings of a layer that changes the images in training only.
    """

    def __init__(self, model: keras.Model, augment: keras.layers.Layer | None = None):
        self.model = model
        self.training_model = augmented(model, augment)
        own = {id(variable) for variable in model.variables}
        self._augmentation = [v for v in self.training_model.variables if id(v) not in own]
        self._augmentation_start = read(self._augmentation)
        self._trainers: OrderedDict[Hashable, Trainer] = OrderedDict()
        self._program = compile_program(model)
        self._holds: object = None

    def reseed_augmentation(self, seed) -> None:
        """Put the augmentation back to its start, and let it draw anew from `seed`."""
        write(self._augmentation, self._augmentation_start)
        generator = np.random.default_rng(seed)
        for variable in self._augmentation:
            if variable.name == SEED_STATE:
                variable.assign(generator.integers(2**31 - 1, size=variable.shape))

    def begin_epoch(self, epoch: int) -> None:
        """Tell the augmentation which epoch begins, where it asks."""
        for layer in self.training_model.layers:
            if hasattr(layer, "begin_epoch"):
                layer.begin_epoch(epoch)

    def set_state(self, state: State) -> None:
        """Load values into the variables; the same list twice in a row is loaded once."""
        if self._holds is not state:
            check_fits(self.model, state)
            # Nothing is held while half of it is written: an interrupt may come between.
            self._holds = None
            write(self.model.variables, state)
            self._holds = state

    def forget(self) -> None:
        """Say that the variables are about to change in ways that `set_state` does not see."""
        self._holds = None

    def get_state(self) -> State:
        """Values of all variables."""
        return read(self.model.variables)

    def trainer(self, optimizer: keras.optimizers.Optimizer, graph: LossGraph) -> Trainer:
        """Trainer for this optimizer and loss, compiled on first use."""
        settings = optimizer.get_config()
        rate = settings.pop("learning_rate", None)
        settings.pop("name", None)
        is_value = isinstance(rate, (int, float, np.floating))
        key = (type(optimizer), freeze(settings), None if is_value else freeze(rate), graph.key)
        if key not in self._trainers:
            self._trainers[key] = Trainer(self, optimizer, graph)
            while len(self._trainers) > MAX_TRAINERS:
                self._trainers.popitem(last=False)
        self._trainers.move_to_end(key)
        return self._trainers[key]

    def predict_batch(self, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Output of the network on one batch."""
        return self._program.predict(x, scale)
