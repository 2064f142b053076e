"""Cut a network at the input of its last layer and grow K heads on the shared trunk."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from ..._shared.variables import State
from ...exceptions import NetworkError


@dataclass(frozen=True)
class JointNetwork:
    """A trunk with K heads.

    Attributes
    ----------
    model : keras.Model
        Output (n, K, C): the C probabilities of each head.
    pick : list of callables
        For each variable of the single-headed network, ``pick(state, k)`` finds its value in the joint state.
    n_heads : int
    bias : keras.Variable or None
        (K * C,), what is added up right before the softmax of all heads, where there is one such variable.
    features : keras.KerasTensor or None
        Where the trunk ends; None of networks that share none.
    """

    model: keras.Model
    pick: list[Callable[[State, int], np.ndarray]]
    n_heads: int
    bias: keras.Variable | None = None
    features: keras.KerasTensor | None = None

    def start_at(self, shares: np.ndarray) -> None:
        """Let each head answer the shares of its classes, (K, C), at first: a rare class need not be learnt as such.

        The prior of Lin et al., "Focal Loss for Dense Object Detection" (2017), section 3.3.
        """
        if self.bias is not None:
            logits = np.log(shares)
            self.bias.assign((logits - logits.mean(axis=1, keepdims=True)).ravel())

    def split(self, state: State) -> list[State]:
        """States of K single-headed networks; the arrays of the trunk are shared, not copied."""
        return [[pick(state, k) for pick in self.pick] for k in range(self.n_heads)]


def cut(model: keras.Model):
    """Find where the trunk ends.

    Parameters
    ----------
    model : keras.Model
        A functional model.

    Returns
    -------
    features : keras.KerasTensor
        Input of the last layer that has weights.
    tail : list of keras.layers.Layer
        That layer and the weightless ones behind it, in order.

    Raises
    ------
    NetworkError
        If the model does not end in a chain with one weighted layer used once.
    """
    tail: list = []
    tensor = model.outputs[0]
    while True:
        layer, node_index, _ = tensor._keras_history
        inputs = layer._inbound_nodes[node_index].input_tensors
        if len(inputs) != 1 or isinstance(layer, layers.InputLayer):
            raise NetworkError(
                f"{model.name!r} cannot be cut at the input of its last layer: {layer.name!r} does not take one "
                "tensor. End the network in a single layer, such as Dense(n_classes, activation='softmax'), or "
                "train with strategy='independent'."
            )
        tail.insert(0, layer)
        tensor = inputs[0]
        if getattr(layer, "weights", []):
            break
    # Other models may have been made of the same layers.
    own = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    shared = sum(id(node) in own for node in tail[0]._inbound_nodes) != 1
    if shared or isinstance(tensor._keras_history.operation, layers.InputLayer):
        trouble = "is used more than once" if shared else "is the only layer"
        raise NetworkError(
            f"{model.name!r} cannot be cut at the input of its last layer: {tail[0].name!r} {trouble}, which "
            "leaves no trunk to share. Train with strategy='independent'."
        )
    return tensor, tail


def feature_model(model: keras.Model, layer: str | None) -> keras.Model:
    """The part of a network that ends in one of its layers.

    Parameters
    ----------
    model : keras.Model
        A functional model.
    layer : str or None
        Name of the layer; None is the one in front of the last layer with weights.

    Returns
    -------
    keras.Model
        On the same variables; output (n, d), flattened, in float32 or better. Its name is that of the layer.

    Raises
    ------
    NetworkError
        If there is no such layer, or its output is not one tensor of a fixed size; names the layers.
    """
    known = f"The layers of {model.name!r} are {[each.name for each in model.layers]}."
    if layer is None:
        try:
            tensor, _ = cut(model)
        except NetworkError as error:
            raise NetworkError(f"{model.name!r} has no default features, so name a layer. {known}") from error
    elif layer not in {each.name for each in model.layers}:
        raise NetworkError(f"{model.name!r} has no layer {layer!r}. {known}")
    else:
        try:
            tensor = model.get_layer(layer).output
        except (AttributeError, ValueError) as error:
            raise NetworkError(f"Layer {layer!r} of {model.name!r} is used more than once. {known}") from error
    if not isinstance(tensor, keras.KerasTensor) or None in tensor.shape[1:]:
        raise NetworkError(f"The output of layer {layer!r} of {model.name!r} is not one tensor of fixed size. {known}")
    # Flatten also takes bfloat16 to float32, which NumPy does not have.
    policy = "float64" if tensor.dtype == "float64" else "float32"
    rows = layers.Flatten(data_format="channels_last", dtype=policy, name="feature_rows")(tensor)
    return keras.Model(model.inputs[0], rows, name=tensor._keras_history.operation.name)


def in_trunk(model: keras.Model, layer: str | None) -> bool:
    """Whether a layer lies in front of the cut, so that heads share it."""
    return layer not in {each.name for each in cut(model)[1]}


def with_heads(model: keras.Model, n_heads: int) -> JointNetwork:
    """Grow `n_heads` copies of the last layer on the trunk of `model`, each with first values of its own.

    Equal heads would pull the trunk apart by nothing: their first gradients add up to one that knows no class.

    Parameters
    ----------
    model : keras.Model
        A functional model with output (n, C).
    n_heads : int
        Number of heads, K.

    Returns
    -------
    JointNetwork

    Raises
    ------
    NetworkError
        If the model cannot be cut.
    """
    features, tail = cut(model)
    taken = {layer.name for layer in model.layers}
    grow = _one_wide_head if _is_plain_dense(tail[0]) else _separate_heads
    outputs, head_values, wide = grow(features, tail, n_heads, taken)
    joint = keras.Model(model.inputs[0], outputs, name=f"{model.name}_joint")
    place = {id(variable): i for i, variable in enumerate(joint.variables)}
    pick: list[Callable[[State, int], np.ndarray]] = []
    for variable in model.variables:
        find = head_values.get(id(variable))
        pick.append(_shared(place[id(variable)]) if find is None else find(place))
    only_layer = wide if len(tail) == 1 else None
    return JointNetwork(joint, pick, n_heads, getattr(only_layer, "bias", None), features)


def _free(name: str, taken: set[str]) -> str:
    """The name, or one like it that no layer has."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _is_plain_dense(layer) -> bool:
    if type(layer) is not layers.Dense:
        return False
    return layer.kernel_constraint is layer.bias_constraint is layer.activity_regularizer is None


def _one_wide_head(features, tail, n_heads, taken):
    # K small products cost far more than one wide one, so K Dense heads are one Dense of K times the units.
    head = tail[0]
    units = head.units
    config = {**head.get_config(), "name": _free("heads", taken), "units": units * n_heads, "activation": None}
    wide = layers.Dense.from_config(config)
    x = wide(features)
    _share_penalties(wide, n_heads, n_parts=n_heads)
    # The wide layer's own draw would be smaller: initializers look at the number of units.
    drawn = [_copy_of(head, head.name) for _ in range(n_heads)]
    for each in drawn:
        each.build(features.shape)
    for variable, *parts in zip(wide.variables, *(each.variables for each in drawn), strict=True):
        variable.assign(ops.concatenate([part.value for part in parts], axis=-1))
    x = layers.Reshape((n_heads, units), dtype=head.dtype_policy, name=_free("by_head", taken))(x)
    x = layers.Activation(head.activation, dtype=head.dtype_policy, name=_free("activation", taken))(x)
    for layer in tail[1:]:
        x = _copy_of(layer, layer.name)(x)

    def columns(variable):
        def find(place):
            i = place[id(variable)]
            return lambda state, k: state[i][..., k * units : (k + 1) * units].copy()

        return find

    pairs = zip(head.variables, wide.variables, strict=True)
    return x, {id(source): columns(variable) for source, variable in pairs}, wide


def _separate_heads(features, tail, n_heads, taken):
    outputs, variables = [], []
    for k in range(n_heads):
        x, own = features, []
        for layer in tail:
            copy = _copy_of(layer, _free(f"{layer.name}_{k}", taken))
            x = copy(x)
            if isinstance(copy, layers.Layer):
                _share_penalties(copy, n_heads)
            if getattr(layer, "weights", []):
                own += copy.variables
        outputs.append(x)
        variables.append(own)

    def nth(j):
        def find(place):
            places = [place[id(own[j])] for own in variables]
            return lambda state, k: state[places[k]]

        return find

    return ops.stack(outputs, axis=1), {id(source): nth(j) for j, source in enumerate(tail[0].variables)}, None


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class MeanPenalty(keras.regularizers.Regularizer):
    """A penalty of K heads that counts as their losses do: the mean over heads.

    Parameters
    ----------
    penalty : keras.regularizers.Regularizer
        Of one head.
    n_heads : int
    n_parts : int
        Heads whose weights lie side by side in the last axis of what is regularized: 1 or `n_heads`.
    """

    def __init__(self, penalty, n_heads, n_parts):
        self.penalty, self.n_heads, self.n_parts = keras.regularizers.get(penalty), n_heads, n_parts

    def __call__(self, x):
        return sum(self.penalty(part) for part in ops.split(x, self.n_parts, axis=-1)) / self.n_heads

    def get_config(self):
        penalty = keras.saving.serialize_keras_object(self.penalty)
        return {"penalty": penalty, "n_heads": self.n_heads, "n_parts": self.n_parts}


def _share_penalties(layer, n_heads, *, n_parts=1):
    """Make the penalties of a built layer, of one head or of K side by side, shares of a mean."""
    for variable in layer.trainable_variables:
        if variable.regularizer is not None:
            variable.regularizer = MeanPenalty(variable.regularizer, n_heads, n_parts)
    for part in layer._flatten_layers():
        if part.activity_regularizer is not None:
            part.activity_regularizer = MeanPenalty(part.activity_regularizer, n_heads, n_parts)


def _copy_of(layer, name):
    if not isinstance(layer, layers.Layer):
        return layer
    return layer.__class__.from_config({**layer.get_config(), "name": name})


def _shared(i):
    return lambda state, k: state[i]
