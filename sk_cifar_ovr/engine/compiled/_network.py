"""A network of one graph with its compiled programs, built from a spec."""

import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import keras
import numpy as np
from keras.src.random import seed_generator

from ..._shared.variables import State, check_fits, read, write
from ...exceptions import NetworkError
from ...networks import Backbone
from ._backends import compile_program
from ._branches import with_branches
from ._freeze import freeze
from ._heads import JointNetwork, cut, feature_model, with_heads
from ._model_checks import check_own_layers, checked_model, ends_in_softmax
from ._precision import with_precision
from ._trainer import CompiledNetwork

MAX_SEEDS = 4
MAX_LAYERS = 4
PROBED_ROWS = 8
ANY_LENGTH = 32

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
        check_own_layers(model)
        if spec.n_heads is None:
            return model, None
        joint = (with_heads if spec.shares_trunk else with_branches)(model, spec.n_heads)
        return joint.model, joint


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


class Network(CompiledNetwork):
    """A network of a spec: its weights for any seed, its layers as features, its last layer on its own."""

    def __init__(self, spec: NetworkSpec, seed: int):
        model, self.joint = _construct(spec, seed)
        with seeded_building(seed):
            super().__init__(model, spec.augment)
        self.size = model.count_params()
        self._spec = spec
        self._initial: OrderedDict[int, State] = OrderedDict({seed: read(self.model.variables)})
        self._features: OrderedDict[str | None, FeatureProgram] = OrderedDict()
        self._parts: Parts | None = None
        if spec.n_classes is not None and not ends_in_softmax(model):
            self._check_softmax()

    def _check_softmax(self) -> None:
        """Refuse a network whose answers for some rows do not sum to 1."""
        (pixels,) = self.model.inputs
        shape = [ANY_LENGTH if length is None else length for length in pixels.shape[1:]]
        largest = 255 if len(shape) == 3 else 1
        rows = np.random.default_rng(0).uniform(0, largest, (PROBED_ROWS, *shape)).astype(pixels.dtype)
        totals = self.predict_batch(rows, np.asarray(1.0, pixels.dtype)).sum(-1).ravel()
        # Answers to made-up rows may be out of range, and then say nothing.
        off = np.abs(np.where(np.isfinite(totals), totals, 1) - 1)
        worst = totals[np.argmax(off)]
        if off.max() > 1e-2:
            raise NetworkError(
                f"The builder returned {self.model.name!r}, whose outputs sum to {worst:.3g}: end it in a softmax, "
                "such as Dense(n_classes, activation='softmax')."
            )

    def initial_state(self, seed: int) -> State:
        """Values of all variables before training, as this seed draws them."""
        if seed not in self._initial:
            self._initial[seed] = read(_construct(self._spec, seed)[0].variables)
            while len(self._initial) > MAX_SEEDS:
                self._initial.popitem(last=False)
        return self._initial[seed]

    def adapt_to_images(self, images: np.ndarray) -> None:
        """Let layers that compute values of theirs from training images do so, in order.

        Raises
        ------
        NetworkError
            If such a layer is inside another.
        """
        outer = {id(layer) for layer in self.model.layers}
        for layer in self.model._flatten_layers():
            if hasattr(layer, "adapt_to_images") and id(layer) not in outer:
                raise NetworkError(f"{layer.name!r} adapts to the training images and is inside another: take it out.")
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

    def features(self, layer: str | None) -> "FeatureProgram":
        """The network up to a layer, compiled on first use."""
        if layer not in self._features:
            with seeded_building(0):
                self._features[layer] = FeatureProgram(feature_model(self.model, layer))
            while len(self._features) > MAX_LAYERS:
                self._features.popitem(last=False)
        self._features.move_to_end(layer)
        return self._features[layer]

    def parts(self) -> "Parts":
        """The network in front of its last layer, and that layer, or those of K heads, on its own.

        Raises
        ------
        NetworkError
            If it cannot be cut there.
        """
        if self._parts is None:
            features = cut(self.model)[0] if self.joint is None else self.joint.features
            if features is None:
                raise NetworkError("Networks side by side have no trunk in common.")
            with seeded_building(0):
                trunk = keras.Model(self.model.inputs[0], features, name="trunk")
                head = keras.Model(features, self.model.outputs[0], name="head")
            self._parts = Parts(trunk, compile_program(trunk).predict, CompiledNetwork(head))
        return self._parts

    def is_frozen(self) -> bool:
        """Whether no layer in front of the last is trained, nor changes otherwise, in training."""
        if all(layer.trainable for layer in self.model.layers):
            return False
        try:
            last = {id(layer) for layer in self.parts().head.model.layers}
        except NetworkError:
            return False
        trunk = [layer for layer in self.model.layers if id(layer) not in last and layer.variables]
        return bool(trunk) and not any(layer.trainable or _is_random(layer) for layer in trunk)


@dataclass(frozen=True)
class Parts:
    """A network in two parts, which share its variables.

    Attributes
    ----------
    trunk : keras.Model
        All in front of the last layer.
    features : callable
        ``features(batch, scale) -> ndarray``: the trunk, compiled, as in prediction.
    head : CompiledNetwork
        The last layer, or those of K heads; it takes what the trunk gives.
    """

    trunk: keras.Model
    features: Callable[[np.ndarray, np.ndarray], np.ndarray]
    head: CompiledNetwork


def _is_random(layer) -> bool:
    """Whether a layer draws at random in training; that it is not trainable does not keep it from that."""
    # Seeds are variables, and no weights. A frozen backbone works as in prediction.
    return len(layer.variables) > len(layer.weights) and not isinstance(layer, Backbone)


def build_model(spec: NetworkSpec, state: State) -> keras.Model:
    """A network of its own, apart from the shared ones, with these values."""
    model, _ = _construct(spec, 0)
    check_fits(model, state)
    write(model.variables, state)
    return model
