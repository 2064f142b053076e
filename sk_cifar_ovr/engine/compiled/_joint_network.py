"""K networks in one model: K heads on a common trunk, or K separate networks side by side."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from ..._shared.variables import State
from ...networks import cut, unused_name

# Measured with benchmarks/side_by_side.py on a CPU. With fewer multiply-adds a step and network, the overhead of
# starting a step is as large as its computation.
MAX_MULTIPLY_ADDS = 1e8
# Tracing takes time for each network, which fewer steps do not save.
MIN_STEPS = 250
MAX_BRANCHES = 32


@dataclass(frozen=True)
class JointNetwork:
    """One model that computes K networks.

    Attributes
    ----------
    model : keras.Model
        Output of shape (n, K, C): C probabilities for each of K networks.
    pick : list of callables
        One for each variable of a single network: ``pick(state, k)`` returns its value in network k, given the values
        of the variables of `model`.
    n_heads : int
        Number of networks, K.
    bias : keras.Variable or None
        Bias of all heads, shape (K * C,); None if the heads are not one Dense layer.
    features : keras.KerasTensor or None
        Output of the shared trunk; None if the networks share no layers.
    """

    model: keras.Model
    pick: list[Callable[[State, int], np.ndarray]]
    n_heads: int
    bias: keras.Variable | None = None
    features: keras.KerasTensor | None = None

    def start_at(self, shares: np.ndarray) -> None:
        """Set the biases so that, before training, each head predicts the class frequencies.

        Training then does not have to learn first that a class is rare.

        Parameters
        ----------
        shares : ndarray of float, shape (K, C)
            Share of each class in the training images of each task.

        References
        ----------
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 3.3.
        """
        if self.bias is not None:
            logits = np.log(shares)
            self.bias.assign((logits - logits.mean(axis=1, keepdims=True)).ravel())

    def with_logits(self, state: State, kernel: np.ndarray, bias: np.ndarray) -> State:
        """Values with which each head of two classes gives a logit of its second class.

        Parameters
        ----------
        state : list of ndarray
            Values of the variables of `model`.
        kernel : ndarray of shape (d, K)
            Weights of the K logits.
        bias : ndarray of shape (K,)

        Returns
        -------
        list of ndarray
        """
        place = {id(variable): i for i, variable in enumerate(self.model.variables)}[id(self.bias)]
        # The softmax of 0 and a logit is the logit's sigmoid.
        wide = [np.stack([np.zeros_like(value), value], axis=-1) for value in (kernel, bias)]
        changed = {place - 1: wide[0].reshape(len(kernel), -1), place: wide[1].ravel()}
        return [changed.get(i, value) for i, value in enumerate(state)]

    def split(self, state: State) -> list[State]:
        """Values of the variables of each of the K networks; the arrays of the trunk are shared, not copied."""
        return [[pick(state, k) for pick in self.pick] for k in range(self.n_heads)]


def with_heads(model: keras.Model, n_heads: int) -> JointNetwork:
    """Replace the last layer of `model` by `n_heads` copies of it, each with its own initial weights.

    Parameters
    ----------
    model : keras.Model
        Functional model with output of shape (n, C).
    n_heads : int
        Number of heads, K.

    Returns
    -------
    JointNetwork

    Raises
    ------
    NetworkError
        If the model does not end in one layer with weights; see `cut`.
    """
    # Each copy draws its own weights: equal heads would send the trunk gradients that carry no class information.
    features, tail = cut(model)
    taken = {layer.name for layer in model.layers}
    add_heads = _one_wide_head if _is_plain_dense(tail[0]) else _separate_heads
    outputs, head_values, wide = add_heads(features, tail, n_heads, taken)
    joint = keras.Model(model.inputs[0], outputs, name=f"{model.name}_joint")
    place = {id(variable): i for i, variable in enumerate(joint.variables)}
    pick: list[Callable[[State, int], np.ndarray]] = []
    for variable in model.variables:
        find = head_values.get(id(variable))
        pick.append(_of_trunk(place[id(variable)]) if find is None else find(place))
    only_layer = wide if len(tail) == 1 else None
    return JointNetwork(joint, pick, n_heads, getattr(only_layer, "bias", None), features)


def _is_plain_dense(layer) -> bool:
    if type(layer) is not layers.Dense:
        return False
    return layer.kernel_constraint is layer.bias_constraint is layer.activity_regularizer is None


def _one_wide_head(features, tail, n_heads, taken):
    # One large matrix product is faster than K small ones, so K Dense heads are one Dense layer with K times the units.
    head = tail[0]
    units = head.units
    config = {**head.get_config(), "name": unused_name("heads", taken), "units": units * n_heads, "activation": None}
    wide = layers.Dense.from_config(config)
    x = wide(features)
    _average_penalties(wide, n_heads, n_parts=n_heads)
    # Initializers scale with the number of units, so the wide layer takes the weights of K layers of the original size.
    single_heads = [_copied_layer(head, head.name) for _ in range(n_heads)]
    for single in single_heads:
        single.build(features.shape)
    for variable, *parts in zip(wide.variables, *(single.variables for single in single_heads), strict=True):
        variable.assign(ops.concatenate([part.value for part in parts], axis=-1))
    x = layers.Reshape((n_heads, units), dtype=head.dtype_policy, name=unused_name("by_head", taken))(x)
    x = layers.Activation(head.activation, dtype=head.dtype_policy, name=unused_name("activation", taken))(x)
    for layer in tail[1:]:
        x = _copied_layer(layer, layer.name)(x)

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
            copy = _copied_layer(layer, unused_name(f"{layer.name}_{k}", taken))
            x = copy(x)
            if isinstance(copy, layers.Layer):
                _average_penalties(copy, n_heads)
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
    """Regularizer of K heads: the mean over the heads, as for their losses.

    Parameters
    ----------
    penalty : keras.regularizers.Regularizer
        Regularizer of one head.
    n_heads : int
    n_parts : int
        Number of heads whose weights are concatenated along the last axis of the regularized tensor: 1 or `n_heads`.
    """

    def __init__(self, penalty, n_heads, n_parts):
        self.penalty, self.n_heads, self.n_parts = keras.regularizers.get(penalty), n_heads, n_parts

    def __call__(self, x):
        return sum(self.penalty(part) for part in ops.split(x, self.n_parts, axis=-1)) / self.n_heads

    def get_config(self):
        penalty = keras.saving.serialize_keras_object(self.penalty)
        return {"penalty": penalty, "n_heads": self.n_heads, "n_parts": self.n_parts}


def _average_penalties(layer, n_heads, *, n_parts=1):
    """Replace the regularizers of a built layer, which belongs to one head or to all, by their mean over heads."""
    for variable in layer.trainable_variables:
        if variable.regularizer is not None:
            variable.regularizer = MeanPenalty(variable.regularizer, n_heads, n_parts)
    for part in layer._flatten_layers():
        if part.activity_regularizer is not None:
            part.activity_regularizer = MeanPenalty(part.activity_regularizer, n_heads, n_parts)


def _copied_layer(layer, name):
    if not isinstance(layer, layers.Layer):
        return layer
    return layer.__class__.from_config({**layer.get_config(), "name": name})


def _of_trunk(i):
    return lambda state, k: state[i]


def with_branches(model: keras.Model, n_branches: int) -> JointNetwork:
    """Combine `n_branches` independent copies of `model` into one model with a common input.

    The copies start with the weights of `model`.

    Parameters
    ----------
    model : keras.Model
        Functional model with output of shape (n, C) that Keras can clone.
    n_branches : int
        Number of copies, K.

    Returns
    -------
    JointNetwork
        Its model has output of shape (n, K, C); the networks share no variables.
    """
    copies = [_copy(model, f"{model.name}_{k}") for k in range(n_branches)]
    (pixels,) = model.inputs
    inputs = keras.Input(pixels.shape[1:], dtype=pixels.dtype, name=pixels.name)
    outputs = ops.stack([copy(inputs) for copy in copies], axis=1)
    joint = keras.Model(inputs, outputs, name=f"{model.name}_branches")
    place = {id(variable): i for i, variable in enumerate(joint.variables)}
    places = [[place[id(variable)] for variable in copy.variables] for copy in copies]

    def nth(i):
        return lambda state, k: state[places[k][i]]

    return JointNetwork(joint, [nth(i) for i in range(len(model.variables))], n_branches)


def _copy(model, name):
    copy = keras.models.clone_model(model)
    for variable, source in zip(copy.variables, model.variables, strict=True):
        variable.assign(source.value)
    return keras.Model(copy.inputs[0], copy.outputs[0], name=name)


def side_by_side_pays(model: keras.Model, batch_size: int, n_steps: int, n_networks: int) -> bool:
    """Whether K networks train faster side by side in one compiled graph than one after another.

    Parameters
    ----------
    model : keras.Model
        One of the networks.
    batch_size : int
    n_steps : int
        Training steps of one network.
    n_networks : int

    Returns
    -------
    bool
    """
    is_small = multiply_adds(model) * batch_size <= MAX_MULTIPLY_ADDS
    return is_small and n_steps >= MIN_STEPS and n_networks <= MAX_BRANCHES


def multiply_adds(model: keras.Model) -> int:
    """Count the multiply-adds of the dense and convolution layers of a network for one image.

    Examples
    --------
    >>> from sk_cifar_ovr.networks import cifar_cnn
    >>> multiply_adds(cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2}))
    15154816
    """
    kernels = [layer for layer in model._flatten_layers() if hasattr(layer, "kernel")]
    return sum(math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1]) for layer in kernels)
