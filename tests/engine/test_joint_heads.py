"""The joint strategy: one trunk and K heads, cut from a network of two classes."""

import pickle

import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr._shared.variables import to_numpy
from sk_cifar_ovr.engine.compiled._joint_network import with_heads
from sk_cifar_ovr.engine.compiled._model_parts import cut
from sk_cifar_ovr.exceptions import NetworkError

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


def weights(estimator):
    return estimator.network_.state


def test_estimators_share_the_arrays_of_one_trunk(digits):
    X, y = digits
    ovr = OneVsRestCNNClassifier(CNNClassifier(**FAST)).fit(X, y)
    first, second = (weights(e) for e in ovr.estimators_[:2])
    assert first[0] is second[0]
    assert not np.array_equal(first[-1], second[-1])
    size = len(pickle.dumps(ovr.estimators_))
    assert size < 3 * len(pickle.dumps(ovr.estimators_[:1]))


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_joint_predictions_equal_those_of_each_estimator(digits, strategy):
    X, y = digits
    ovr = OneVsRestCNNClassifier(CNNClassifier(**FAST), strategy=strategy).fit(X, y)
    alone = np.stack([e.predict_proba(X)[:, 1] for e in ovr.estimators_], axis=1)
    np.testing.assert_allclose(ovr._outputs(X)[..., 1], alone, atol=1e-6)
    assert np.array_equal(ovr.predict_ovr(X), alone >= 0.5)


def chain(meta):
    """Ends in a Dense layer and a separate activation."""
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(inputs))
    x = keras.layers.Dense(meta["n_classes_"], kernel_constraint="max_norm")(x)
    return keras.Model(inputs, keras.layers.Softmax()(x))


def branched(meta):
    """Ends in two layers that are added."""
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Flatten()(inputs)
    heads = [keras.layers.Dense(meta["n_classes_"])(x) for _ in range(2)]
    return keras.Model(inputs, keras.layers.Softmax()(keras.layers.Add()(heads)))


@pytest.mark.parametrize("builder", [dense, chain])
def test_each_head_has_its_own_initial_values(builder):
    model = builder({"image_shape_": (8, 8, 1), "n_classes_": 2})
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0])
    joint = with_heads(model, 3)
    x = np.random.default_rng(0).random((5, 8, 8, 1)).astype("float32")
    together = to_numpy(joint.model(x))
    assert together.shape == (5, 3, 2)
    state = [to_numpy(v.value) for v in joint.model.variables]
    kernels = []
    for k, split in enumerate(joint.split(state)):
        for value, variable in zip(split, model.variables, strict=True):
            variable.assign(value)
        np.testing.assert_allclose(together[:, k], to_numpy(model(x)), rtol=1e-5)
        kernels.append([value for value in split if value.ndim == 2][-1])
    # Glorot's bound for the shape of one head.
    bound = np.sqrt(6 / sum(kernels[0].shape))
    assert all(0.5 * bound < np.abs(kernel).max() <= bound for kernel in kernels)
    assert len({kernel.tobytes() for kernel in kernels}) == 3


@pytest.mark.parametrize(
    ("settings", "weights", "expected"),
    [
        ({}, None, [0.1, 0.3, 0.6]),
        ({"class_weight": "balanced"}, None, [0.5, 0.5, 0.5]),
        ({"loss": "focal", "loss__alpha": 0.75}, None, [0.25, 0.5625, 9 / 11]),
        ({}, [3.0, 1.0, 0.0], [0.5, 0.5, 0.0001]),
    ],
    ids=["shares", "balanced", "alpha", "weights"],
)
def test_heads_start_at_the_class_frequencies(settings, weights, expected):
    y = np.repeat([0, 1, 2], [10, 30, 60])
    X = np.zeros((100, 4, 4, 1), "uint8")
    base = CNNClassifier(dense, epochs=1, optimizer="sgd", optimizer__learning_rate=0.0, random_state=0, **settings)
    ovr = OneVsRestCNNClassifier(base).fit(X, y, None if weights is None else np.array(weights)[y])
    # On a black image only the biases act.
    np.testing.assert_allclose([e.predict_proba(X[:1])[0, 1] for e in ovr.estimators_], expected, rtol=1e-3)


def penalised(meta, *, penalties, inside=False):
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Dense(8, activation="tanh", kernel_regularizer="l1")(keras.layers.Flatten()(inputs))
    last = keras.layers.Dense(meta["n_classes_"], activation="softmax", **penalties)
    return keras.Model(inputs, (keras.Sequential([keras.Input((8,)), last]) if inside else last)(x))


@pytest.mark.parametrize(
    "penalties",
    [
        {"kernel_regularizer": keras.regularizers.L2(1.0)},
        {"kernel_regularizer": keras.regularizers.L2(1.0), "kernel_constraint": "max_norm"},
        {"activity_regularizer": keras.regularizers.L2(1.0)},
        {"kernel_regularizer": keras.regularizers.OrthogonalRegularizer(1.0, "columns")},
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_regularizers_of_heads_are_averaged_as_their_losses_are(digits, penalties, inside):
    X, y = digits[0][:60].astype("float32"), digits[1][:60]
    still = {"epochs": 1, "batch_size": 60, "optimizer__learning_rate": 0.0, "loss": "crossentropy", "random_state": 0}
    network = {"model": penalised, "model__penalties": penalties, "model__inside": inside}
    ovr = OneVsRestCNNClassifier(CNNClassifier(**network, **still)).fit(X, y)
    losses = []
    for label, binary in zip(ovr.classes_, ovr.estimators_, strict=True):
        answers = to_numpy(binary.model_(X * binary.pixel_scale_))
        truth = np.where(y == label, answers[:, 1], answers[:, 0])
        losses.append(-np.log(truth).mean() + float(sum(binary.model_.losses)))
    np.testing.assert_allclose(ovr.history_["loss"], np.mean(losses), rtol=1e-4)


def named_like_heads(meta):
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Dense(16, name="heads")(keras.layers.Flatten(name="by_head")(inputs))
    x = keras.layers.Activation("relu", name="activation")(x)
    x = keras.layers.Dense(meta["n_classes_"], name="dense")(x)
    return keras.Model(inputs, keras.layers.Activation("softmax", name="activation_")(x))


def test_layers_of_a_network_may_have_any_names(digits):
    X, y = digits
    ovr = OneVsRestCNNClassifier(CNNClassifier(**{**FAST, "model": named_like_heads})).fit(X, y)
    alone = np.stack([each.predict_proba(X)[:, 1] for each in ovr.estimators_], axis=1)
    np.testing.assert_allclose(ovr._outputs(X)[..., 1], alone, atol=1e-6)


def test_a_network_that_cannot_be_cut_is_refused(digits):
    X, y = digits
    with pytest.raises(NetworkError, match="independent"):
        OneVsRestCNNClassifier(CNNClassifier(model=branched, epochs=1)).fit(X, y)
    OneVsRestCNNClassifier(CNNClassifier(model=branched, epochs=1), strategy="independent").fit(X[:60], y[:60])
    single = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(NetworkError, match="no trunk"):
        cut(keras.Model(single.inputs[0], single.outputs[0]))


@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")
def test_many_classes(digits):
    X, y = digits
    labels = np.arange(1000)
    ovr = OneVsRestCNNClassifier(CNNClassifier(**{**FAST, "epochs": 1})).fit(X[labels % len(X)], labels)
    assert ovr.predict_ovr(X[:5]).shape == (5, 1000)
    assert len(ovr.estimators_) == 1000


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_one_image_of_a_class(digits, strategy):
    X, y = digits
    labels = np.where(np.arange(60) == 7, 2, np.arange(60) % 2)
    ovr = OneVsRestCNNClassifier(CNNClassifier(**{**FAST, "batch_size": 1000}), strategy=strategy)
    assert ovr.fit(X[:60], labels).predict_ovr(X).shape == (len(X), 3)
