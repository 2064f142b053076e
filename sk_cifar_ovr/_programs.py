"""Compile once: networks and training programs, built when first needed and used again by later fits."""

import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import keras
import numpy as np
from keras.src.random import seed_generator

from ._backends import compile_program
from ._branches import with_branches
from ._freeze import freeze
from ._heads import JointNetwork, State, feature_model, with_heads
from ._objective import LossGraph
from ._precision import with_precision
from .exceptions import NetworkError

MAX_NETWORKS = 8
MAX_TRAINERS = 8
MAX_SEEDS = 4
MAX_LAYERS = 4

# One at a time: what layers draw their seeds from belongs to the process.
_building = threading.RLock()


@contextmanager
def seeded_building(seed: int) -> Iterator[None]:
    """Make layers draw their seeds from `seed`, and leave Python's global generator as it was.

    Keras draws from the global generator, and so do other threads meanwhile, that of a Dask worker among them: within
    this context Keras has a generator of its own.
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
    """What makes one graph.

    Attributes
    ----------
    key : hashable
        Equal for equal graphs: builder, options, shapes, classes.
    build : callable
        ``build() -> keras.Model``; calls the user's builder.
    n_classes : int or None
        Outputs of the softmax; None takes a model with any output.
    precision : str or None
        Dtype policy; None leaves the builder's.
    n_heads : int or None
        Problems answered together; None for a plain network.
    shares_trunk : bool
        Whether these are heads on one trunk or whole networks side by side.
    augment : keras.layers.Layer or None
        Settings of a layer that changes the images in training only.
    """

    key: Hashable
    build: Callable[[], keras.Model] = field(compare=False)
    n_classes: int | None = 2
    precision: str | None = None
    n_heads: int | None = None
    shares_trunk: bool = True
    augment: keras.layers.Layer | None = None

    def cache_key(self) -> Hashable:
        """The key, with what Keras' own settings add to a graph."""
        settings = (
            keras.config.floatx(),
            keras.config.image_data_format(),
            keras.config.dtype_policy().name,
            freeze(keras.distribution.distribution()),
        )
        heads = (self.n_heads, self.shares_trunk)
        return (self.key, self.n_classes, self.precision, heads, freeze(self.augment), settings)


def _construct(spec: NetworkSpec, seed: int) -> tuple[keras.Model, JointNetwork | None]:
    with seeded_building(seed):
        model = checked_model(spec.build(), spec.n_classes)
        if spec.precision is not None:
            model = with_precision(model, spec.precision)
        if spec.n_heads is None:
            return model, None
        joint = (with_heads if spec.shares_trunk else with_branches)(model, spec.n_heads)
        return joint.model, joint


def checked_model(model, n_classes: int | None) -> keras.Model:
    """Check what a builder returned.

    Parameters
    ----------
    model : object
        The builder's answer.
    n_classes : int or None
        Outputs asked for; None asks for nothing.

    Returns
    -------
    keras.Model
        Functional, one input, one output of shape (n, n_classes) where that is given.

    Raises
    ------
    NetworkError
        If it is no such model.
    """
    if not isinstance(model, keras.Model):
        raise NetworkError(f"The builder returned {type(model).__name__}, not a keras.Model.")
    if isinstance(model, keras.Sequential) and model.built:
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    inputs = getattr(model, "inputs", None) or []
    if not isinstance(model, keras.models.Model) or not hasattr(model, "_nodes") or len(inputs) != 1:
        raise NetworkError(
            f"The builder returned {model.name!r} with {len(inputs)} inputs: return a functional model, or a "
            "Sequential that starts with keras.Input, that takes one input."
        )
    if n_classes is None:
        return model
    if len(model.outputs) != 1 or tuple(model.outputs[0].shape[1:]) != (n_classes,):
        shapes = [tuple(output.shape) for output in model.outputs]
        raise NetworkError(
            f"The builder returned {model.name!r} with output {shapes}: a softmax over {n_classes} classes, "
            f"shape (None, {n_classes}), is needed. Take the number from meta['n_classes_']."
        )
    return model


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
    layer = layer.__class__.from_config({**layer.get_config(), "dtype": pixels.dtype})
    return keras.Model(inputs, model(layer(inputs)), name=f"augmented_{model.name}")


class Trainer:
    """A network with an optimizer and a loss, compiled together."""

    def __init__(self, network: "Network", optimizer: keras.optimizers.Optimizer, graph: LossGraph):
        self.optimizer = optimizer.__class__.from_config(optimizer.get_config())
        self.optimizer.build(network.model.trainable_variables)
        self._fresh = read(self.optimizer.variables)
        self.program = compile_program(network.training_model, self.optimizer, graph)

    def reset_optimizer(self, state: State | None = None) -> None:
        """Put the optimizer back to its first state, or to `state`."""
        write(self.optimizer.variables, self._fresh if state is None else state)


class FeatureProgram:
    """A network up to one of its layers, compiled.

    Attributes
    ----------
    layer : str
    width : int
        Values that the layer gives for a row.
    """

    def __init__(self, model: keras.Model):
        self.layer, self.width = model.name, int(model.outputs[0].shape[1])
        self.batch = compile_program(model).predict


class Network:
    """A built model, its compiled prediction and its trainers. Used by one fit or prediction at a time."""

    def __init__(self, spec: NetworkSpec, seed: int):
        self.model, self.joint = _construct(spec, seed)
        self.training_model = augmented(self.model, spec.augment)
        self._spec = spec
        self._initial: OrderedDict[int, State] = OrderedDict({seed: read(self.model.variables)})
        self._trainers: OrderedDict[Hashable, Trainer] = OrderedDict()
        self._features: OrderedDict[str | None, FeatureProgram] = OrderedDict()
        self._program = compile_program(self.model)
        self._holds: object = None
        if spec.n_classes is not None:
            self._check_softmax()

    def _check_softmax(self) -> None:
        """Refuse a network whose answer for a black image does not sum to 1."""
        (pixels,) = self.model.inputs
        total = self.predict_batch(np.zeros((1, *pixels.shape[1:]), pixels.dtype), np.asarray(1.0, pixels.dtype)).sum(
            -1
        )
        if not np.allclose(total, 1, atol=1e-3):
            raise NetworkError(
                f"The builder returned {self.model.name!r}, whose outputs sum to {total.ravel()[0]:.3g}: end it in a "
                "softmax, such as Dense(n_classes, activation='softmax')."
            )

    def initial_state(self, seed: int) -> State:
        """Values of all variables before training, as this seed draws them."""
        if seed not in self._initial:
            self._initial[seed] = read(_construct(self._spec, seed)[0].variables)
            while len(self._initial) > MAX_SEEDS:
                self._initial.popitem(last=False)
        return self._initial[seed]

    def reseed_augmentation(self, seed) -> None:
        """Let the augmentation draw anew from `seed`; the model's own variables stay."""
        own = {id(variable) for variable in self.model.variables}
        generator = np.random.default_rng(seed)
        for variable in self.training_model.variables:
            if id(variable) not in own:
                variable.assign(generator.integers(2**31 - 1, size=variable.shape))

    def begin_epoch(self, epoch: int) -> None:
        """Tell the augmentation which epoch begins, where it asks."""
        for layer in self.training_model.layers:
            if hasattr(layer, "begin_epoch"):
                layer.begin_epoch(epoch)

    def adapt_to_images(self, images: np.ndarray) -> None:
        """Let layers that compute values of theirs from training images do so, in order."""
        for layer in self.model.layers:
            if hasattr(layer, "adapt_to_images"):
                with seeded_building(0):
                    before = keras.Model(self.model.inputs[0], layer.input)
                seen = keras.ops.cast(before(images), layer.variable_dtype)
                layer.adapt_to_images(keras.ops.convert_to_numpy(seen))

    def start_at(self, shares: np.ndarray) -> None:
        """Let heads begin with the shares of their classes, (K, C); a network without heads begins as it was built."""
        if self.joint is not None:
            self.joint.start_at(shares)

    def set_state(self, state: State) -> None:
        """Load values into the variables; the same list twice in a row is loaded once."""
        if self._holds is not state:
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

    def features(self, layer: str | None) -> "FeatureProgram":
        """The network up to a layer, compiled on first use."""
        if layer not in self._features:
            with seeded_building(0):
                self._features[layer] = FeatureProgram(feature_model(self.model, layer))
            while len(self._features) > MAX_LAYERS:
                self._features.popitem(last=False)
        self._features.move_to_end(layer)
        return self._features[layer]

    def predict_batch(self, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Output of the network on one batch."""
        return self._program.predict(x, scale)


def build_model(spec: NetworkSpec, state: State) -> keras.Model:
    """A network of its own, apart from the shared ones, with these values."""
    model, _ = _construct(spec, 0)
    write(model.variables, state)
    return model


_idle: OrderedDict[Hashable, list[Network]] = OrderedDict()
_idle_lock = threading.Lock()


@contextmanager
def borrow(spec: NetworkSpec, seed: int = 0) -> Iterator[Network]:
    """Lend a network of this graph to one user, building it only where no idle one is at hand.

    Parameters
    ----------
    spec : NetworkSpec
    seed : int, default=0
        Seed of the weights of a network that has to be built.

    Yields
    ------
    Network
    """
    key = spec.cache_key()
    with _idle_lock:
        networks = _idle.get(key)
        network = networks.pop() if networks else None
    if network is None:
        network = Network(spec, seed)
    try:
        yield network
    finally:
        with _idle_lock:
            _idle.setdefault(key, []).append(network)
            _idle.move_to_end(key)
            while sum(map(len, _idle.values())) > MAX_NETWORKS:
                oldest = next(iter(_idle))
                _idle[oldest].pop(0)
                if not _idle[oldest]:
                    del _idle[oldest]


def clear_programs() -> None:
    """Forget every compiled program of this process; the next fit compiles anew."""
    with _idle_lock:
        _idle.clear()


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
