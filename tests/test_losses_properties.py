"""The losses on any labels, probabilities and parameters."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from properties import reproducible

from sk_cifar_ovr import SparseCategoricalFocalLoss
from sk_cifar_ovr._shared.variables import to_numpy
from sk_cifar_ovr.losses import SparseCategoricalCrossentropy, class_alpha, sparse_categorical_focal_loss

# Few shapes: backends compile for each.
N = 6
N_CLASSES = st.sampled_from([2, 3, 10])
TINY, SUBNORMAL = float(np.finfo("float32").tiny), 1e-45
EXTREMES = [0.0, SUBNORMAL, TINY, 1e-30, 1e-7, 0.5, 1 - 2**-24, 1.0]

gammas = st.sampled_from([0.0, 0.5, 1.0, 2.0]) | st.floats(0, 8, width=32)
smoothings = st.just(0.0) | st.floats(0, 0.875, width=32)


def labels(n_classes):
    return arrays("int64", N, elements=st.integers(0, n_classes - 1))


def logits(n_classes):
    return arrays("float32", (N, n_classes), elements=st.floats(-15, 15, width=32))


def alphas(n_classes):
    return st.none() | arrays("float64", n_classes, elements=st.floats(0, 4, width=32))


@st.composite
def cases(draw, alpha=True):
    n_classes = draw(N_CLASSES)
    return {
        "y": draw(labels(n_classes)),
        "z": draw(logits(n_classes)),
        "alpha": draw(alphas(n_classes)) if alpha else None,
        "gamma": draw(gammas),
        "smoothing": draw(smoothings),
    }


def softmax(z):
    e = np.exp(z.astype("float64") - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def published(y, z, gamma, alpha, smoothing):
    """The formula class by class, in float64."""
    p = softmax(z)
    n_classes = p.shape[-1]
    total = np.zeros(len(y))
    for c in range(n_classes):
        target = (1 - smoothing) * (y == c) + smoothing / n_classes
        weight = 1.0 if alpha is None else alpha[c]
        total -= target * weight * np.delete(p, c, axis=1).sum(axis=1) ** gamma * np.log(p[:, c])
    return total


@reproducible(60)
@given(case=cases(), from_logits=st.booleans())
def test_equals_the_formula_in_double_precision(case, from_logits):
    y, z, gamma, alpha, smoothing = (case[name] for name in ("y", "z", "gamma", "alpha", "smoothing"))
    given_values = z if from_logits else softmax(z).astype("float32")
    options = {"gamma": gamma, "alpha": alpha, "from_logits": from_logits, "label_smoothing": smoothing}
    loss = to_numpy(sparse_categorical_focal_loss(y, given_values, **options))
    assert loss.shape == (N,)
    np.testing.assert_allclose(loss, published(y, z, gamma, alpha, smoothing), rtol=2e-4, atol=1e-5)


@reproducible(30)
@given(case=cases(alpha=False))
def test_gamma_zero_is_cross_entropy(case):
    y, p, smoothing = case["y"], softmax(case["z"]).astype("float32"), case["smoothing"]
    one_hot = np.eye(p.shape[1])[y] * (1 - smoothing) + smoothing / p.shape[1]
    expected = -(one_hot * np.log(softmax(case["z"]))).sum(axis=1)
    crossentropy = SparseCategoricalCrossentropy(label_smoothing=smoothing, reduction=None)
    np.testing.assert_allclose(to_numpy(crossentropy(y, p)), expected, rtol=1e-5, atol=1e-6)
    focal = SparseCategoricalFocalLoss(gamma=0.0, label_smoothing=smoothing, reduction=None)
    np.testing.assert_array_equal(to_numpy(focal(y, p)), to_numpy(crossentropy(y, p)))


@reproducible(30)
@given(case=cases())
def test_a_larger_gamma_never_gives_a_larger_loss(case):
    y, p = case["y"], softmax(case["z"]).astype("float32")
    options = {"alpha": case["alpha"], "label_smoothing": case["smoothing"]}
    less, more = (
        to_numpy(sparse_categorical_focal_loss(y, p, gamma=gamma, **options))
        for gamma in (case["gamma"], case["gamma"] + 1)
    )
    assert (more <= less * (1 + 1e-5) + 1e-7).all()


@reproducible(40)
@given(
    data=st.data(),
    n_classes=N_CLASSES,
    gamma=gammas,
    smoothing=smoothings,
    dtype=st.sampled_from(["float32", "float16"]),
)
def test_extreme_probabilities_give_finite_losses_of_at_least_0(data, n_classes, gamma, smoothing, dtype):
    p = data.draw(arrays("float32", (N, n_classes), elements=st.sampled_from(EXTREMES).map(np.float32)))
    y = data.draw(labels(n_classes))
    loss = to_numpy(sparse_categorical_focal_loss(y, p.astype(dtype), gamma=gamma, label_smoothing=smoothing))
    assert loss.shape == (N,)
    assert np.isfinite(loss).all()
    assert (loss >= 0).all()


@reproducible(30)
@given(data=st.data(), n_classes=N_CLASSES, gamma=gammas)
def test_extreme_logits_give_finite_losses_of_at_least_0(data, n_classes, gamma):
    z = data.draw(arrays("float32", (N, n_classes), elements=st.sampled_from([-1e30, -1e4, 0, 1e4, 1e30])))
    loss = to_numpy(sparse_categorical_focal_loss(data.draw(labels(n_classes)), z, gamma=gamma, from_logits=True))
    assert np.isfinite(loss).all()
    assert (loss >= 0).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_wrong_certainty_costs_the_smallest_normal_number(n_classes):
    p = np.zeros((1, n_classes), "float32")
    p[0, 0] = 1
    (loss,) = to_numpy(sparse_categorical_focal_loss([1], p, gamma=2.0))
    assert loss == pytest.approx(-np.log(TINY), rel=1e-6)
    (right,) = to_numpy(sparse_categorical_focal_loss([0], p, gamma=2.0))
    assert right == 0


@reproducible(30)
@given(case=cases(), factor=st.sampled_from([0.25, 2.0, 8.0]), data=st.data())
def test_alpha_is_a_factor_and_the_order_of_classes_is_of_no_matter(case, factor, data):
    y, p, n_classes = case["y"], softmax(case["z"]).astype("float32"), case["z"].shape[1]
    alpha = np.ones(n_classes) if case["alpha"] is None else case["alpha"]
    options = {"gamma": case["gamma"], "label_smoothing": case["smoothing"]}
    loss = to_numpy(sparse_categorical_focal_loss(y, p, alpha=alpha, **options))
    scaled = to_numpy(sparse_categorical_focal_loss(y, p, alpha=alpha * factor, **options))
    np.testing.assert_allclose(scaled, factor * loss, rtol=1e-5, atol=1e-30)
    order = np.array(data.draw(st.permutations(range(n_classes))))
    moved = to_numpy(sparse_categorical_focal_loss(np.argsort(order)[y], p[:, order], alpha=alpha[order], **options))
    np.testing.assert_allclose(moved, loss, rtol=1e-3, atol=1e-5)


@reproducible(30)
@given(case=cases(), column=st.booleans())
def test_the_class_is_the_mean_of_the_function(case, column):
    y, p = case["y"], softmax(case["z"]).astype("float32")
    alpha = np.ones(p.shape[1]) if case["alpha"] is None or not case["alpha"].any() else case["alpha"]
    loss = SparseCategoricalFocalLoss(case["gamma"], alpha, label_smoothing=case["smoothing"])
    expected = sparse_categorical_focal_loss(y, p, case["gamma"], alpha, label_smoothing=case["smoothing"])
    assert float(loss(y[:, None] if column else y, p)) == pytest.approx(float(to_numpy(expected).mean()), rel=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()
    assert float(again(y, p)) == float(loss(y, p))


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_crossentropy_takes_the_options_of_keras(reduction):
    loss = SparseCategoricalCrossentropy(0.1, True, reduction=reduction, name="mine")
    config = loss.get_config()
    assert (config["label_smoothing"], config["from_logits"], config["name"]) == (0.1, True, "mine")
    assert not {"gamma", "alpha"} & set(config)
    assert loss.reduction == reduction
    assert SparseCategoricalCrossentropy().name == "sparse_categorical_crossentropy"
    assert SparseCategoricalFocalLoss().name == "sparse_categorical_focal_loss"


def test_defaults_are_those_of_the_paper_without_weights():
    config = SparseCategoricalFocalLoss().get_config()
    defaults = {"gamma": 2.0, "alpha": None, "from_logits": False, "label_smoothing": 0.0}
    assert {name: config[name] for name in defaults} == defaults
    y, p = np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]], "float32")
    expected = [-(0.1**2) * np.log(0.9), -(0.8**2) * np.log(0.2)]
    np.testing.assert_allclose(to_numpy(sparse_categorical_focal_loss(y, p)), expected, rtol=1e-5)


@reproducible(60)
@given(value=st.floats(0, 1), n_classes=st.integers(2, 12))
def test_one_alpha_is_of_the_positive_class_or_of_all(value, n_classes):
    expected = [1 - value, value] if n_classes == 2 else [value] * n_classes
    if any(expected):
        assert class_alpha(value, n_classes).tolist() == expected
    else:
        with pytest.raises(ValueError, match="all 0"):
            class_alpha(value, n_classes)


@reproducible(60)
@given(weights=st.lists(st.floats(0, 1e300) | st.integers(0, 9), min_size=2, max_size=12), extra=st.integers(-1, 1))
def test_alpha_of_every_class_stays_as_it_is(weights, extra):
    n_classes = len(weights) + extra
    if extra:
        with pytest.raises(ValueError, match=f"one weight for each of {n_classes} classes"):
            class_alpha(weights, n_classes)
    elif any(weights):
        result = class_alpha(weights, n_classes)
        assert result.dtype == np.float64
        assert result.tolist() == weights
    else:
        with pytest.raises(ValueError, match="all 0"):
            class_alpha(weights, n_classes)


@reproducible(40)
@given(
    weights=st.lists(st.floats(0, 9), min_size=2, max_size=6),
    bad=st.sampled_from([-1e-9, -5.0, np.nan, np.inf, -np.inf]),
    data=st.data(),
)
def test_alpha_that_is_negative_or_not_finite_is_refused(weights, bad, data):
    weights[data.draw(st.integers(0, len(weights) - 1))] = bad
    with pytest.raises(ValueError, match="negative, not finite or all 0"):
        class_alpha(weights, len(weights))


@pytest.mark.parametrize("alpha", [-0.01, 1.01])
def test_one_alpha_of_two_classes_lies_from_0_to_1(alpha):
    with pytest.raises(ValueError, match="from 0 to 1"):
        class_alpha(alpha, 2)
    if alpha > 0:
        assert class_alpha(alpha, 3).tolist() == [alpha] * 3


def test_settings_that_are_refused_or_not():
    for gamma in (-1e-9, np.inf, "2", None, [1.0]):
        with pytest.raises(ValueError, match="gamma="):
            SparseCategoricalFocalLoss(gamma=gamma)
    for smoothing in (-1e-9, 1, 1.0, np.nan, "0", None):
        with pytest.raises(ValueError, match="label_smoothing="):
            SparseCategoricalFocalLoss(label_smoothing=smoothing)
    assert SparseCategoricalFocalLoss(gamma=0, label_smoothing=0, alpha="balanced").alpha == "balanced"
    assert SparseCategoricalFocalLoss(gamma=np.float32(1.5), label_smoothing=1 - 1e-9).gamma == 1.5
    with pytest.raises(ValueError, match="depends on the labels"):
        class_alpha("balanced", 2)
    assert class_alpha(None, 2) is None


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_tasks_and_their_classes_are_the_last_axes(gamma):
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(3), (4, 2)).astype("float32"), rng.integers(0, 3, (4, 2))
    loss = SparseCategoricalFocalLoss(gamma, label_smoothing=0.1, alpha=[1, 2, 3], reduction=None)
    expected = to_numpy(loss(y.ravel(), p.reshape(8, 3))).reshape(4, 2)
    np.testing.assert_allclose(to_numpy(loss(y, p)), expected, rtol=1e-6)
    np.testing.assert_allclose(to_numpy(loss(y[..., None], p)), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_half_precision_is_computed_in_single_and_double_stays(dtype):
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless the process asks for it")
    p = keras.ops.cast(np.array([[0.25, 0.75]]), dtype)
    loss = sparse_categorical_focal_loss([0], p)
    assert keras.backend.standardize_dtype(loss.dtype) == ("float64" if dtype == "float64" else "float32")
    np.testing.assert_allclose(to_numpy(loss), -(0.75**2) * np.log(0.25), rtol=1e-6)
