"""K heads on the trunk of one network."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from ..._shared.variables import State
from ._model_parts import cut


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
