"""Numeric precision of one network, without changing Keras' global dtype policy."""

import os
from functools import cache
from pathlib import Path

import keras
import numpy as np

from ..._shared.variables import read, write

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "float64")

# Limits that the user can set on oneDNN, which computes for TensorFlow on CPUs: without bfloat16 at all, and with
# bfloat16 that is slower than float32.
NO_BFLOAT16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2"}
SLOW_BFLOAT16 = {"AVX512_CORE", "AVX512_CORE_VNNI", "AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX10_1_512"}


def resolve_precision(precision: str, *, builtin: bool) -> str | None:
    """Choose the Keras dtype policy for a value of the parameter ``precision``.

    Parameters
    ----------
    precision : {"auto", "float32", "mixed_bfloat16", "float64"}
        ``"auto"`` chooses the faster of float32 and bfloat16 for built-in networks.
    builtin : bool
        Whether the network comes with this package.

    Returns
    -------
    str or None
        Name of a Keras dtype policy, or None to keep the dtypes of a network that the user built.

    Raises
    ------
    ValueError
        If JAX is not configured for float64, or oneDNN for bfloat16.
    """
    if precision == "float64" and keras.backend.backend() == "jax" and not _jax_has_float64():
        raise ValueError(
            "precision='float64': JAX computes in float32 unless told otherwise before anything else, by the "
            "environment variable JAX_ENABLE_X64=1 or jax.config.update('jax_enable_x64', True)."
        )
    if precision == "mixed_bfloat16" and keras.backend.backend() == "tensorflow" and _onednn_refuses_bfloat16():
        raise ValueError(
            f"precision='mixed_bfloat16': the environment variable ONEDNN_MAX_CPU_ISA={_onednn_limit().lower()} leaves "
            "TensorFlow no bfloat16 on this CPU. Use precision='float32', or start Python without the variable, or "
            "with TF_ENABLE_ONEDNN_OPTS=0."
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
    """Whether bfloat16 matrix products are faster than float32 ones on this device and backend."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        if gpus:
            details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
            return all(detail.get("compute_capability", (0, 0)) >= (8, 0) for detail in details)
        return _cpu_has_fast_bfloat16()
    if backend == "jax":
        import jax

        # On a CPU, XLA converts bfloat16 to float32 and back, which is slower than float32 alone.
        return all(float(getattr(d, "compute_capability", 0) or 0) >= 8.0 for d in jax.devices())
    if backend == "torch":
        import torch

        return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    return False


def _cpu_has_fast_bfloat16() -> bool:
    """Whether the CPU has AMX and oneDNN, which alone uses it, is free to.

    With AVX512-BF16 alone, fits in bfloat16 take half as long again as in float32.
    """
    if not _onednn_is_on() or _onednn_limit() in NO_BFLOAT16 | SLOW_BFLOAT16:
        return False
    return "amx_bf16" in _cpu_flags()


def _onednn_refuses_bfloat16() -> bool:
    """Whether TensorFlow, which looks at the CPU alone, hands oneDNN bfloat16 that it is told not to compute."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return False
    return _onednn_is_on() and _onednn_limit() in NO_BFLOAT16 and "avx512f" in _cpu_flags()


def _onednn_is_on() -> bool:
    return os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() not in ("0", "false")


def _onednn_limit() -> str:
    """The limit on oneDNN's instructions, in capitals; empty if none is set."""
    return (os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "").upper()


def _cpu_flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def with_precision(model: keras.Model, policy: str) -> keras.Model:
    """Rebuild `model` with another dtype policy and the same weights.

    Parameters
    ----------
    model : keras.Model
        A functional model with one input.
    policy : str
        Name of a Keras dtype policy. Output layers compute in float32, or in float64 if that is the policy.

    Returns
    -------
    keras.Model
        `model` itself if every layer already has that policy.

    Raises
    ------
    ValueError
        If Keras cannot clone a layer.
    """
    output_policy = "float64" if policy == "float64" else "float32"
    output_layers = {id(layer) for layer in _output_layers(model)}

    def policy_of(layer) -> str:
        return output_policy if id(layer) in output_layers else policy

    if all(layer.dtype_policy.name == policy_of(layer) for layer in _inner_layers(model)):
        return model

    def clone_layer(layer):
        if _has_layers(layer):
            return clone_model(layer)
        return layer.__class__.from_config({**layer.get_config(), "dtype": policy_of(layer)})

    def clone_model(nested):
        inputs = keras.tree.map_structure(lambda x: _input_like(x, output_policy), nested.input)
        return keras.models.clone_model(nested, input_tensors=inputs, clone_function=clone_layer)

    try:
        copy = clone_model(model)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f"precision={policy!r} needs a network that Keras can clone, and {model.name!r} is not one: give its "
            "layers a get_config, or leave precision='auto'."
        ) from error
    write(copy.weights, read(model.weights))
    return copy


def _input_like(tensor, dtype):
    """A `keras.Input` of the same shape and name; `dtype` replaces a float dtype."""
    dtype = dtype if keras.backend.is_float_dtype(tensor.dtype) else tensor.dtype
    return keras.Input(tensor.shape[1:], dtype=dtype, name=tensor.name)


def _has_layers(layer) -> bool:
    """Whether a layer is a functional or sequential model, whose inner layers can be listed."""
    return isinstance(layer, keras.Model) and bool(getattr(layer, "outputs", None))


def _inner_layers(model):
    """All layers of a model and of its nested models, without input layers."""
    for layer in model.layers:
        if _has_layers(layer):
            yield from _inner_layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _output_layers(model):
    """Layers that compute the outputs of a model; they may belong to a nested model."""
    for tensor in model.outputs:
        layer = tensor._keras_history.operation
        if _has_layers(layer):
            yield from _output_layers(layer)
        else:
            yield layer


def input_dtype(model: keras.Model) -> np.dtype:
    """Dtype of the arrays passed to a network: float64 if it computes in float64, else float32."""
    return np.dtype("float64" if model.inputs[0].dtype == "float64" else "float32")
