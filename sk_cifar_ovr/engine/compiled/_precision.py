"""Numeric precision of one network, without touching Keras' global policy."""

from functools import cache
from pathlib import Path

import keras
import numpy as np

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "float64")


def resolve_precision(precision: str, *, builtin: bool) -> str | None:
    """Turn ``"auto"`` into a policy.

    Parameters
    ----------
    precision : {"auto", "float32", "mixed_bfloat16", "float64"}
        What the user asked for.
    builtin : bool
        Whether the network is one of this package's own.

    Returns
    -------
    str or None
        A Keras dtype policy; None leaves a user's network as its builder made it.
    """
    if precision == "float64" and keras.backend.backend() == "jax" and not _jax_has_float64():
        raise ValueError(
            "precision='float64': JAX computes in float32 unless told otherwise before anything else, by the "
            "environment variable JAX_ENABLE_X64=1 or jax.config.update('jax_enable_x64', True)."
        )
    if precision != "auto":
        return precision
    if not builtin:
        return None
    return "mixed_bfloat16" if has_fast_bfloat16() else "float32"


def _jax_has_float64() -> bool:
    import jax

    return bool(jax.config.read("jax_enable_x64"))


@cache
def has_fast_bfloat16() -> bool:
    """Whether matrix products in bfloat16 are quicker than in float32 on this device and backend."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        if gpus:
            details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
            return all(detail.get("compute_capability", (0, 0)) >= (8, 0) for detail in details)
        return _cpu_has_bfloat16()
    if backend == "jax":
        import jax

        # On a CPU, XLA widens bfloat16 to float32 and back, which costs more than it saves.
        return all(float(getattr(d, "compute_capability", 0) or 0) >= 8.0 for d in jax.devices())
    if backend == "torch":
        import torch

        return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    return False


def _cpu_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def with_precision(model: keras.Model, policy: str) -> keras.Model:
    """Rebuild `model` with another dtype policy and the same weights.

    Parameters
    ----------
    model : keras.Model
        A functional model with one input.
    policy : str
        A Keras dtype policy. Output layers compute in float32 or better.

    Returns
    -------
    keras.Model
        `model` itself where every layer has that policy already.

    Raises
    ------
    ValueError
        If Keras cannot clone a layer.
    """
    output_policy = "float64" if policy == "float64" else "float32"
    output_layers = {id(layer) for layer in _output_layers(model)}

    def wanted(layer) -> str:
        return output_policy if id(layer) in output_layers else policy

    if all(layer.dtype_policy.name == wanted(layer) for layer in _single_layers(model)):
        return model

    def clone(layer):
        if _is_graph(layer):
            return cloned(layer)
        return layer.__class__.from_config({**layer.get_config(), "dtype": wanted(layer)})

    def cloned(graph):
        inputs = keras.tree.map_structure(lambda x: _input_like(x, output_policy), graph.input)
        return keras.models.clone_model(graph, input_tensors=inputs, clone_function=clone)

    try:
        copy = cloned(model)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f"precision={policy!r} needs a network that Keras can clone, and {model.name!r} is not one: give its "
            "layers a get_config, or leave precision='auto'."
        ) from error
    copy.set_weights(model.get_weights())
    return copy


def _input_like(tensor, dtype):
    """An input as that of a model, floats in another dtype."""
    dtype = dtype if keras.backend.is_float_dtype(tensor.dtype) else tensor.dtype
    return keras.Input(tensor.shape[1:], dtype=dtype, name=tensor.name)


def _is_graph(layer) -> bool:
    """Whether a layer is a model made of layers that can be looked at: functional or sequential."""
    return isinstance(layer, keras.Model) and bool(getattr(layer, "outputs", None))


def _single_layers(model):
    """Layers of a model and of the models inside it, without their inputs."""
    for layer in model.layers:
        if _is_graph(layer):
            yield from _single_layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _output_layers(model):
    """Layers that the outputs of a model come from, be they in a model inside it."""
    for tensor in model.outputs:
        layer = tensor._keras_history.operation
        if _is_graph(layer):
            yield from _output_layers(layer)
        else:
            yield layer


def input_dtype(model: keras.Model) -> np.dtype:
    """Dtype of the numbers that a network takes: float64 if it computes in float64, else float32."""
    return np.dtype("float64" if model.inputs[0].dtype == "float64" else "float32")
