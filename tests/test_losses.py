import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, SparseCategoricalFocalLoss
from sk_cifar_ovr._shared.variables import to_numpy
from sk_cifar_ovr.losses import SparseCategoricalCrossentropy, class_alpha, sparse_categorical_focal_loss


def published(y, p, gamma, alpha, smoothing=0.0):
    """The formula in float64 NumPy."""
    p = p.astype("float64")
    n_classes = p.shape[-1]
    target = np.eye(n_classes)[y] * (1 - smoothing) + smoothing / n_classes
    weights = np.ones(n_classes) if alpha is None else np.asarray(alpha)
    return -(target * weights * (1 - p) ** gamma * np.log(p)).sum(axis=-1)


def random_answers(n_classes, shape=(64,), seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(*shape, n_classes)).astype("float32")
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return rng.integers(0, n_classes, shape), logits, e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_published_formula(n_classes, gamma, smoothing, weighted):
    y, logits, p = random_answers(n_classes)
    alpha = np.linspace(0.2, 1.5, n_classes) if weighted else None
    expected = published(y, p, gamma, alpha, smoothing)
    options = {"gamma": gamma, "alpha": alpha, "label_smoothing": smoothing}
    from_p = to_numpy(sparse_categorical_focal_loss(y, p, **options))
    from_z = to_numpy(sparse_categorical_focal_loss(y, logits, from_logits=True, **options))
    np.testing.assert_allclose(from_p, expected, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(from_z, expected, rtol=2e-5, atol=1e-6)


def test_gamma_zero_is_sparse_categorical_crossentropy():
    y, _, p = random_answers(5)
    ours = SparseCategoricalFocalLoss(gamma=0)(y, p)
    theirs = keras.losses.SparseCategoricalCrossentropy()(y, p)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_tasks_side_by_side_equal_the_tasks_alone():
    y, _, p = random_answers(2, shape=(16, 3))
    together = to_numpy(sparse_categorical_focal_loss(y, p))
    for k in range(3):
        alone = to_numpy(sparse_categorical_focal_loss(y[:, k], p[:, k]))
        np.testing.assert_array_equal(together[:, k], alone)


def gradient(function, x):
    """d function / d x on the backend in use."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.Variable(x)
        with tf.GradientTape() as tape:
            value = function(x)
        return tape.gradient(value, x).numpy()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(x))
    import torch

    x = torch.tensor(x, requires_grad=True)
    function(x).backward()
    return x.grad.numpy()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("from_logits", [False, True])
def test_value_and_gradient_are_finite_at_certainty(gamma, from_logits):
    extreme = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], dtype="float32")
    if from_logits:
        extreme = (extreme - 0.5) * 2000

    def loss(x):
        return keras.ops.sum(sparse_categorical_focal_loss([0, 0, 1], x, gamma=gamma, from_logits=from_logits))

    assert np.isfinite(float(loss(extreme)))
    assert np.isfinite(gradient(loss, extreme)).all()


def test_half_precision_is_computed_in_float32():
    y, _, p = random_answers(3)
    low = keras.ops.cast(p, "bfloat16")
    assert keras.backend.standardize_dtype(sparse_categorical_focal_loss(y, low).dtype) == "float32"


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no float64 unless the process asks for it")
def test_double_precision_is_kept():
    p = np.array([[1e-60, 1.0], [0.0, 1.0]])
    loss = to_numpy(sparse_categorical_focal_loss(np.zeros(2, "int32"), p))
    assert loss.dtype == "float64"
    np.testing.assert_allclose(loss[0], -np.log(1e-60), rtol=1e-12)
    assert np.isfinite(loss[1])


def test_alpha_applies_to_its_class():
    y, p = np.array([0, 1]), np.full((2, 2), 0.5, dtype="float32")
    plain = to_numpy(SparseCategoricalFocalLoss(reduction=None)(y, p))
    weighted = to_numpy(SparseCategoricalFocalLoss(alpha=[1.0, 3.0], reduction=None)(y, p))
    np.testing.assert_allclose(weighted / plain, [1.0, 3.0], rtol=1e-6)
    published_alpha = to_numpy(SparseCategoricalFocalLoss(alpha=0.25, reduction=None)(y, p))
    np.testing.assert_allclose(published_alpha / plain, [0.75, 0.25], rtol=1e-6)
    assert class_alpha(0.5, 3).tolist() == [0.5, 0.5, 0.5]


def test_survives_serialisation():
    loss = SparseCategoricalFocalLoss(gamma=1.5, alpha=np.array([1.0, 2.0]), label_smoothing=0.1)
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == loss.get_config()
    y, _, p = random_answers(2)
    assert float(again(y, p)) == float(loss(y, p))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": -1}, "gamma"),
        ({"gamma": float("nan")}, "gamma"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"alpha": "auto"}, "balanced"),
    ],
)
def test_refuses_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        SparseCategoricalFocalLoss(**options)


@pytest.mark.parametrize("alpha", [[1.0, 2.0, 3.0], [-1.0, 1.0], 1.5, "balanced"])
def test_refuses_alpha_that_does_not_fit(alpha):
    with pytest.raises(ValueError, match="alpha"):
        SparseCategoricalFocalLoss(alpha=alpha)(np.array([0, 1]), np.full((2, 2), 0.5, dtype="float32"))


def test_smoothed_cross_entropy_is_kerass_own():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], "float32")
    y = np.array([0, 1])
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)(np.eye(3, dtype="float32")[y], p)
    loss = SparseCategoricalCrossentropy(label_smoothing=0.2)
    assert float(loss(y, p)) == pytest.approx(float(theirs), rel=1e-5)
    again = SparseCategoricalCrossentropy.from_config(loss.get_config())
    assert float(again(y, p)) == float(loss(y, p))


def test_cross_entropy_of_an_estimator_takes_smoothing(digits):
    X, y = digits
    settings = {"model": dense, "epochs": 1, "random_state": 0}
    smooth = CNNClassifier(**settings, loss="crossentropy", loss__label_smoothing=0.3).fit(X, y)
    focal = CNNClassifier(**settings, loss="focal", loss__gamma=0.0, loss__label_smoothing=0.3).fit(X, y)
    plain = CNNClassifier(**settings, loss="crossentropy").fit(X, y)
    assert smooth.history_["loss"] == focal.history_["loss"] != plain.history_["loss"]


class WeightedByClass(keras.losses.Loss):
    """Cross-entropy of integer labels with a weight for each of two classes."""

    def call(self, y_true, y_pred):
        weights = keras.ops.convert_to_tensor([1.0, 3.0])
        cross = keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        return cross * keras.ops.take(weights, y_true)


def test_a_loss_with_a_weight_per_class_gets_integers(digits):
    X, y = digits
    settings = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}
    theirs = CNNClassifier(**settings, loss=WeightedByClass()).fit(X, y % 2)
    ours = CNNClassifier(**settings, loss="focal", loss__gamma=0.0, loss__alpha=[1.0, 3.0]).fit(X, y % 2)
    for a, b in zip(theirs.network_.state, ours.network_.state, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


class Meaned(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y_true, y_pred))


class OfLogits(WeightedByClass):
    from_logits = True


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (keras.losses.Dice(), "one value an? "),
        (Meaned(), "one value an? "),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), "from_logits"),
        (SparseCategoricalFocalLoss(from_logits=True), "from_logits"),
        (OfLogits(), "from_logits"),
    ],
)
def test_losses_that_cannot_serve_are_refused(digits, loss, message):
    X, y = digits
    with pytest.raises(ValueError, match=message):
        CNNClassifier(model=dense, epochs=1, loss=loss).fit(X, y)
