"""K separate networks in one model, so that one compiled graph trains all of them side by side."""

import math

import keras
from keras import ops

from ._joint_network import JointNetwork


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


# Measured with benchmarks/side_by_side.py on a CPU. With fewer multiply-adds a step and network, the overhead of
# starting a step is as large as its computation.
MAX_MULTIPLY_ADDS = 1e8
# Tracing takes time for each network, which fewer steps do not save.
MIN_STEPS = 250
MAX_BRANCHES = 32


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
