"""The output side of a network: what its last layer gives, and the layers that make probabilities of it."""

import keras
from keras import layers, ops

from ..exceptions import NetworkError

SOFTMAX, SIGMOID, LOGITS = "softmax", "sigmoid", "logits"
# Layers behind the last one with weights that keep the meaning of the values.
_KEEPING = (
    layers.Flatten,
    layers.Reshape,
    layers.Dropout,
    layers.Identity,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
)


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class TwoClasses(layers.Layer):
    """Probabilities of two classes from one output.

    Parameters
    ----------
    from_logits : bool, default=False
        Whether the output is a logit; otherwise it is the probability of the second class.
    **options
        Arguments of `keras.layers.Layer`.
    """

    def __init__(self, from_logits=False, **options):
        super().__init__(**options)
        self.from_logits = from_logits

    def call(self, outputs):
        """Make the probabilities.

        Parameters
        ----------
        outputs : tensor of shape (..., 1)

        Returns
        -------
        tensor of shape (..., 2)
        """
        if self.from_logits:
            return ops.softmax(ops.concatenate([ops.zeros_like(outputs), outputs], axis=-1))
        return ops.concatenate([1 - outputs, outputs], axis=-1)

    def get_config(self):
        """Constructor arguments, for serialisation."""
        return {**super().get_config(), "from_logits": self.from_logits}


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class Columns(layers.Layer):
    """Outputs in another order.

    Parameters
    ----------
    order : sequence of int
        Index of the input that becomes each output.
    **options
        Arguments of `keras.layers.Layer`.
    """

    def __init__(self, order, **options):
        super().__init__(**options)
        self.order = [int(index) for index in order]

    def call(self, outputs):
        """Reorder along the last axis.

        Parameters
        ----------
        outputs : tensor of shape (..., n)

        Returns
        -------
        tensor of shape (..., n)
        """
        return ops.take(outputs, self.order, axis=-1)

    def get_config(self):
        """Constructor arguments, for serialisation."""
        return {**super().get_config(), "order": self.order}


def output_kind(model: keras.Model) -> str | None:
    """What the outputs of a model are, as its last layers tell.

    Parameters
    ----------
    model : keras.Model
        Functional model with one output.

    Returns
    -------
    {"softmax", "sigmoid", "logits"} or None
        "logits" if the last layer with weights has no activation. None if the last layers do not tell.
    """
    tensor = model.outputs[0]
    while True:
        layer, node_index, _ = tensor._keras_history
        if isinstance(layer, keras.Model) and getattr(layer, "outputs", None):
            return output_kind(layer) if len(layer.outputs) == 1 else None
        if isinstance(layer, (layers.Softmax, TwoClasses)) or type(layer).__name__ == "Softmax":
            return SOFTMAX
        if type(layer).__name__ == "Sigmoid":
            return SIGMOID
        activation = getattr(layer, "activation", None)
        if activation is keras.activations.softmax:
            return SOFTMAX
        if activation is keras.activations.sigmoid:
            return SIGMOID
        linear = activation is keras.activations.linear
        if linear and getattr(layer, "kernel", None) is not None:
            return LOGITS
        inputs = layer._inbound_nodes[node_index].input_tensors
        keeps = isinstance(layer, (*_KEEPING, Columns)) or (linear and not layer.weights)
        if not keeps or len(inputs) != 1:
            return None
        tensor = inputs[0]


def with_probabilities(model: keras.Model, n_classes: int) -> keras.Model:
    """Append the layer that makes class probabilities of logits, or of one output for two classes.

    Parameters
    ----------
    model : keras.Model
        Functional model.
    n_classes : int

    Returns
    -------
    keras.Model
        Output (n, n_classes). `model` itself if its output has another number of columns, or is no logits.

    Raises
    ------
    NetworkError
        If the outputs are one sigmoid a class, whose probabilities do not exclude each other.
    """
    if len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        return model
    (output,), kind = model.outputs, output_kind(model)
    width = output.shape[-1]
    options = {"dtype": "float64" if output.dtype == "float64" else "float32"}
    name = unused_name("probabilities", {layer.name for layer in model.layers})
    if width == 1 and n_classes == 2 and kind in (SIGMOID, LOGITS):
        last = TwoClasses(from_logits=kind == LOGITS, name=name, **options)
    elif width == n_classes and kind == LOGITS:
        last = layers.Activation("softmax", name=name, **options)
    elif width == n_classes and kind == SIGMOID:
        raise NetworkError(
            f"{model.name!r} ends in {width} sigmoids, one for each label of an image, and classes that exclude each "
            "other need a softmax, such as Dense(n_classes, activation='softmax'), or a single sigmoid for two "
            "classes. For several labels an image, OneVsRestCNNClassifier(CNNClassifier(model=...)) trains the "
            "network, and OneVsRestCNNClassifier.from_keras takes a trained one as it is."
        )
    else:
        return model
    return keras.Model(model.inputs[0], last(output), name=model.name)


def cut(model: keras.Model):
    """Split a model into its trunk and its last layer.

    Parameters
    ----------
    model : keras.Model
        Functional model.

    Returns
    -------
    features : keras.KerasTensor
        Output of the trunk, which is the input of the last layer that has weights.
    tail : list of keras.layers.Layer
        The last layer that has weights, followed by the layers without weights after it.

    Raises
    ------
    NetworkError
        If the layers at the end do not form a chain, or the last layer with weights is the only one or is used twice.
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
    # The layers may also be part of other models.
    own = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    shared = sum(id(node) in own for node in tail[0]._inbound_nodes) != 1
    if shared or isinstance(tensor._keras_history.operation, layers.InputLayer):
        trouble = "is used more than once" if shared else "is the only layer"
        raise NetworkError(
            f"{model.name!r} cannot be cut at the input of its last layer: {tail[0].name!r} {trouble}, which "
            "leaves no trunk to share. Train with strategy='independent'."
        )
    return tensor, tail


def unused_name(name: str, taken: set[str]) -> str:
    """`name`, with underscores appended until it is not in `taken`; it is added there."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name
