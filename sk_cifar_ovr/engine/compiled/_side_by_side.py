"""K separate copies of a network side by side in one model, so that one program trains them all."""

import math

import keras
from keras import ops

from ._joint_network import JointNetwork


def with_branches(model: keras.Model, n_branches: int) -> JointNetwork:
    """Put `n_branches` copies of `model`, variables included, behind one input.

    Parameters
    ----------
    model : keras.Model
        A functional model with output (n, C) that Keras can clone.
    n_branches : int
        Number of copies, K.

    Returns
    -------
    JointNetwork
        Output (n, K, C); no variable is shared.
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


# Measured by benchmarks/side_by_side.py. Multiply-adds of one step of one network below which starting the step costs
# as much as its arithmetic, on a CPU.
SHORT_STEP = 1e8
# Every network is traced into the program on its own, which so many steps pay for.
STEPS_TO_PAY = 250
MOST_BRANCHES = 32


def side_by_side_pays(model: keras.Model, batch_size: int, n_steps: int, n_networks: int) -> bool:
    """Whether one program of K networks trains sooner than K networks one after another.

    Parameters
    ----------
    model : keras.Model
        One of the networks.
    batch_size : int
    n_steps : int
        Steps of one network's training.
    n_networks : int

    Returns
    -------
    bool
    """
    short = multiply_adds(model) * batch_size <= SHORT_STEP
    return short and n_steps >= STEPS_TO_PAY and n_networks <= MOST_BRANCHES


def multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of the dense and convolution layers of a network for one row.

    Examples
    --------
    >>> from sk_cifar_ovr.networks import cifar_cnn
    >>> multiply_adds(cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2}))
    15154816
    """
    kernels = [layer for layer in model._flatten_layers() if hasattr(layer, "kernel")]
    return sum(math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1]) for layer in kernels)
