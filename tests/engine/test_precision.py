"""`precision`: the types a network computes with."""

import keras
import numpy as np
import pytest
from small_networks import dense, skip_if_refused

from sk_cifar_ovr import CNNClassifier
from sk_cifar_ovr.engine.compiled import _precision

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


def weights(estimator):
    return estimator.network_.state


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "float64"])
def test_precision_of_layers_and_predictions(digits, precision):
    skip_if_refused(precision)
    X, y = digits
    clf = CNNClassifier(epochs=2, model__filters=(4, 4, 8), precision=precision, random_state=0).fit(X, y)
    convolution = clf.model_.get_layer("conv2a")
    assert convolution.dtype_policy.name == precision
    probabilities = clf.predict_proba(X)
    assert probabilities.dtype == ("float64" if precision == "float64" else "float32")
    assert all(value.dtype != "bfloat16" for value in weights(clf))
    assert np.isfinite(probabilities).all()


def test_auto_precision_leaves_a_users_builder_alone(digits):
    X, y = digits
    assert CNNClassifier(**FAST).fit(X, y).precision_ == "as built"


def nested(meta):
    inner = keras.Sequential(
        [keras.Input(meta["image_shape_"]), keras.layers.Flatten(), keras.layers.Dense(8, activation="relu")]
    )
    head = keras.Sequential([keras.Input((8,)), keras.layers.Dense(meta["n_classes_"], activation="softmax")])
    inputs = keras.Input(meta["image_shape_"])
    return keras.Model(inputs, head(inner(inputs)))


@pytest.mark.parametrize(("precision", "at_end"), [("mixed_bfloat16", "float32"), ("float64", "float64")])
def test_precision_reaches_models_inside_models(digits, precision, at_end):
    skip_if_refused(precision)
    X, y = digits
    clf = CNNClassifier(**{**FAST, "model": nested}, precision=precision).fit(X, y)
    inner, head = (layer for layer in clf.model_.layers if isinstance(layer, keras.Model))
    assert {layer.dtype_policy.name for layer in inner.layers[-2:]} == {precision}
    assert head.layers[-1].dtype_policy.name == at_end
    assert {keras.backend.standardize_dtype(part.inputs[0].dtype) for part in (inner, head)} == {at_end}


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone needs to be told")
def test_float64_on_jax_needs_jax_enable_x64(digits):
    X, y = digits
    with pytest.raises(ValueError, match="JAX_ENABLE_X64"):
        CNNClassifier(**FAST, precision="float64").fit(X, y)


@pytest.fixture
def with_bfloat16(monkeypatch):
    """A CPU with bfloat16 instructions, and nothing set in the environment."""
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_precision, "_cpu_flags", lambda: "flags : avx2 avx512f avx512_bf16 amx_bf16")
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "value", "fast", "refused"),
    [
        ("ONEDNN_MAX_CPU_ISA", "", True, False),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX", True, False),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core_bf16", False, False),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core", False, False),
        ("ONEDNN_MAX_CPU_ISA", "avx2", False, True),
        ("DNNL_MAX_CPU_ISA", "AVX2_VNNI", False, True),
        ("TF_ENABLE_ONEDNN_OPTS", "0", False, False),
    ],
)
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow alone computes with oneDNN")
def test_bfloat16_is_used_only_where_onednn_may(with_bfloat16, name, value, fast, refused):
    with_bfloat16.setenv(name, value)
    assert _precision._cpu_has_fast_bfloat16() == fast
    if refused:
        with pytest.raises(ValueError, match=f"ONEDNN_MAX_CPU_ISA={value.lower()} .* precision='float32'"):
            CNNClassifier(**FAST, precision="mixed_bfloat16").fit(np.zeros((4, 8, 8), "uint8"), [0, 1, 0, 1])
    else:
        assert _precision.resolve_precision("mixed_bfloat16", builtin=True) == "mixed_bfloat16"


def test_bfloat16_without_amx_is_not_chosen(with_bfloat16):
    with_bfloat16.setattr(_precision, "_cpu_flags", lambda: "flags : avx2 avx512f avx512_bf16")
    assert not _precision._cpu_has_fast_bfloat16()


def test_a_cpu_without_avx512_is_left_to_tensorflow(with_bfloat16):
    with_bfloat16.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
    with_bfloat16.setattr(_precision, "_cpu_flags", lambda: "flags : avx2")
    assert _precision.resolve_precision("mixed_bfloat16", builtin=True) == "mixed_bfloat16"
