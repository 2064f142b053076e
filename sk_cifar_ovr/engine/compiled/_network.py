"""A network of a spec with all that is compiled for it."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from ..._shared.variables import State, read, to_numpy
from ...exceptions import NetworkError
from ...networks import Backbone, cut
from ._backends import compile_program
from ._compiled_network import CompiledNetwork
from ._model_checks import check_softmax
from ._model_parts import feature_model
from ._network_spec import BuiltNetwork, NetworkSpec, build_network, seeded_building

MAX_SEEDS = 4
MAX_LAYERS = 4


class FeatureExtractor:
    """A network up to one of its layers, compiled.

    Attributes
    ----------
    layer : str
    width : int
        Features of an image.
    batch : callable
        ``batch(images, scale) -> ndarray of shape (n, width)``.
    """

    def __init__(self, model: keras.Model):
        self.layer, self.width = model.name, int(model.outputs[0].shape[1])
        self.batch = compile_program(model).predict


@dataclass(frozen=True)
class Parts:
    """A network in two parts, which share its variables.

    Attributes
    ----------
    trunk : keras.Model
        All layers before the last one.
    features : callable
        ``features(images, scale) -> ndarray``: the compiled trunk in inference mode.
    head : CompiledNetwork
        The last layer, or those of K heads; it takes the output of the trunk.
    """

    trunk: keras.Model
    features: Callable[[np.ndarray, np.ndarray], np.ndarray]
    head: CompiledNetwork


class Network(CompiledNetwork):
    """A network of a spec: its initial weights for any seed, its layers as features, its last layer alone.

    Parameters
    ----------
    spec : NetworkSpec
        With its `key`.
    built : BuiltNetwork
    seed : int
        With which it was built.

    Attributes
    ----------
    spec : NetworkSpec
    joint : JointNetwork or None
    size : int
        Number of parameters.
    """

    def __init__(self, spec: NetworkSpec, built: BuiltNetwork, seed: int):
        with seeded_building(seed):
            super().__init__(built.model)
        self.spec, self.joint = spec, built.joint
        self.size = built.model.count_params()
        self._initial: OrderedDict[int, State] = OrderedDict({seed: read(self.model.variables)})
        self._features: OrderedDict[str | None, FeatureExtractor] = OrderedDict()
        self._parts: Parts | None = None
        if spec.n_classes is not None:
            check_softmax(self.model, self.predict_batch)

    def initial_state(self, seed: int) -> State:
        """Values of all variables before training, as this seed draws them."""
        if seed not in self._initial:
            self.remember_initial_state(seed, read(build_network(self.spec, seed).model.variables))
        return self._initial[seed]

    def remember_initial_state(self, seed: int, state: State) -> None:
        """Keep the initial values of a network of this graph that was just built."""
        self._initial[seed] = state
        while len(self._initial) > MAX_SEEDS:
            self._initial.popitem(last=False)

    def adapt_to_images(self, images: np.ndarray) -> None:
        """Call `adapt_to_images` of the layers that have it, in order, with their inputs for these images.

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
                seen = keras.ops.cast(before(images, training=False), layer.variable_dtype)
                layer.adapt_to_images(to_numpy(seen))

    def start_at(self, shares: np.ndarray) -> None:
        """Let the heads begin with the shares of their classes, (K, C); a network without heads stays as it is."""
        if self.joint is not None:
            self.joint.start_at(shares)

    def features(self, layer: str | None) -> FeatureExtractor:
        """The network up to a layer, compiled on first use."""
        if layer not in self._features:
            with seeded_building(0):
                self._features[layer] = FeatureExtractor(feature_model(self.model, layer))
            while len(self._features) > MAX_LAYERS:
                self._features.popitem(last=False)
        self._features.move_to_end(layer)
        return self._features[layer]

    def parts(self) -> Parts:
        """The network before its last layer, and that layer, or those of K heads, alone.

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
        """Whether no layer before the last is trained, nor changes otherwise, in training."""
        if all(layer.trainable for layer in self.model.layers):
            return False
        try:
            last = {id(layer) for layer in self.parts().head.model.layers}
        except NetworkError:
            return False
        trunk = [layer for layer in self.model.layers if id(layer) not in last and layer.variables]
        return bool(trunk) and not any(layer.trainable or _is_random(layer) for layer in trunk)


def _is_random(layer) -> bool:
    """Whether a layer draws random numbers in training, which `trainable=False` does not prevent."""
    # Seeds are variables but no weights. A frozen backbone runs in inference mode.
    return len(layer.variables) > len(layer.weights) and not isinstance(layer, Backbone)
