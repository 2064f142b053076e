"""The engine: compile once, the loop, precision, heads."""

import copy
import pickle
import random
import sys
import threading
import warnings
from dataclasses import replace

import cloudpickle
import keras
import numpy as np
import pytest
from conftest import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.engine.compiled._backends import trace_count
from sk_cifar_ovr.engine.compiled._freeze import freeze
from sk_cifar_ovr.engine.compiled._heads import cut, with_heads
from sk_cifar_ovr.engine.compiled._pool import _idle, clear_programs
from sk_cifar_ovr.exceptions import ImageShapeError, NetworkError, NonFiniteLossError, PixelScaleWarning

FAST = {"model": dense, "epochs": 2, "batch_size": 64, "random_state": 0}


def weights(estimator):
    return estimator._network.state


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


@pytest.fixture
def fresh_programs():
    clear_programs()
    yield
    clear_programs()


def test_fits_of_one_graph_are_traced_once(digits, fresh_programs):
    X, y = digits
    before = trace_count()
    for seed, gamma, rate, epochs in [(0, 2.0, 1e-3, 1), (1, 0.0, 1e-2, 2), (2, 5.0, 1e-4, 1)]:
        CNNClassifier(
            model=dense,
            epochs=epochs,
            random_state=seed,
            loss__gamma=gamma,
            loss__alpha="balanced",
            class_weight="balanced",
            optimizer__learning_rate=rate,
        ).fit(X, y)
    CNNClassifier(model=dense, loss="crossentropy", epochs=1).fit(X[:200], y[:200])
    assert trace_count() - before == 1
    CNNClassifier(model=dense, model__units=8, epochs=1).fit(X, y)
    assert trace_count() - before == 2


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own warning")
def test_tensorflow_does_not_warn_of_many_networks(digits, fresh_programs, caplog):
    import tensorflow as tf

    X, y = digits
    tf.get_logger().addHandler(caplog.handler)
    for units in range(2, 8):
        CNNClassifier(dense, model__units=units, epochs=1).fit(X[:50], y[:50]).predict(X[:50])
    tf.get_logger().removeHandler(caplog.handler)
    assert "retracing" not in caplog.text


def test_a_shared_program_leaves_no_trace_of_its_last_user(digits, fresh_programs):
    X, y = digits
    alone = CNNClassifier(**FAST, loss__gamma=1.0).fit(X, y)
    CNNClassifier(model=dense, epochs=1, optimizer__learning_rate=1.0, random_state=5).fit(X, y)
    again = CNNClassifier(**FAST, loss__gamma=1.0).fit(X, y)
    assert same(alone, again)
    clear_programs()
    assert same(alone, CNNClassifier(**FAST, loss__gamma=1.0).fit(X, y))


def test_the_store_of_programs_is_bounded_and_cleared(digits, fresh_programs):
    X, y = digits
    for units in range(2, 14):
        CNNClassifier(model=dense, model__units=units, epochs=1).fit(X[:64], y[:64])
    assert sum(map(len, _idle.values())) <= 8
    clear_programs()
    assert not _idle


def test_threads_do_not_share_a_network(digits, fresh_programs):
    X, y = digits
    alone = {seed: CNNClassifier(**{**FAST, "random_state": seed}).fit(X, y) for seed in range(4)}
    found = {}

    def work(seed):
        found[seed] = CNNClassifier(**{**FAST, "random_state": seed}).fit(X, y)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(alone[seed], found[seed]) for seed in range(4))


def test_global_random_states_stay(digits):
    X, y = digits
    python, numpy = random.getstate(), np.random.get_state()[1].copy()
    policy = keras.config.dtype_policy().name
    CNNClassifier(epochs=1, random_state=0, precision="float64", model=dense).fit(X[:64], y[:64])
    assert random.getstate() == python
    assert np.array_equal(np.random.get_state()[1], numpy)
    assert keras.config.dtype_policy().name == policy


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "float64"])
def test_precision_is_the_networks_own(digits, precision):
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


def test_images_are_not_copied_whole(digits, monkeypatch):
    """Only batches reach the network, as uint8."""
    from sk_cifar_ovr.engine import _prediction as _prediction
    from sk_cifar_ovr.engine import _training_loop as _training

    X, y = digits
    seen = []
    real = _training.for_device

    def spy(x, dtype):
        seen.append((x.dtype, len(x)))
        return real(x, dtype)

    for module in (_training, _prediction):
        monkeypatch.setattr(module, "for_device", spy)
    CNNClassifier(**FAST).fit(X, y).predict(X)
    assert {dtype for dtype, _ in seen} == {np.dtype("uint8")}
    assert max(n for _, n in seen[:-1]) == 64


@pytest.mark.parametrize("wrap", [lambda clf: clf, OneVsRestCNNClassifier])
def test_pixels_of_another_scale_than_in_fit_are_said(digits, wrap):
    X, y = digits
    builtin = CNNClassifier(model__filters=(4, 4, 4), epochs=1, random_state=0)
    of_bytes = wrap(builtin).fit(X, y)
    with pytest.warns(PixelScaleWarning, match="0 to 255.*bring X to that scale"):
        of_bytes.predict(X / 255)
    with pytest.warns(PixelScaleWarning, match="0 to 255.*bring X to that scale"):
        of_bytes.partial_fit(X / 255, y)
    with pytest.warns(PixelScaleWarning, match="taken as pixels"):
        of_floats = wrap(CNNClassifier(**FAST)).fit(X / 255, y)
    with pytest.warns(PixelScaleWarning, match="up to 255, and fit had floats"):
        of_floats.predict(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelScaleWarning)
        of_bytes.predict(X.astype("float32"))
        of_bytes.predict(np.zeros_like(X, "float32"))
        of_floats.predict(X / 255)
        # A network of one's own may scale as it likes.
        standardised = wrap(CNNClassifier(**FAST)).fit(X / 64 - 2.0, y)
        standardised.predict(np.full_like(X, 0.5, "float32"))


@pytest.mark.parametrize(
    ("change", "message"), [(lambda X: X > 99, "true and false"), (lambda X: X - 99.0, "negative")]
)
def test_pixels_that_are_none_are_said(digits, change, message):
    X, y = digits
    with pytest.warns(PixelScaleWarning, match=message):
        CNNClassifier(model__filters=(4, 4, 4), epochs=1).fit(change(X), y)


def test_batch_larger_than_n_is_all_rows(digits):
    X, y = digits
    clf = CNNClassifier(model=dense, batch_size=10_000, epochs=2, random_state=0).fit(X[:50], y[:50])
    assert len(clf.history_["loss"]) == 2


def test_every_row_counts_once_an_epoch(digits):
    """The last batch is filled up with rows that weigh nothing: the loss is the mean over all rows."""
    X, y = digits
    settings = {**FAST, "epochs": 1, "optimizer__learning_rate": 0.0, "precision": "float64"}
    losses = [
        CNNClassifier(**{**settings, "batch_size": size}).fit(X[:100], y[:100]).history_["loss"][0]
        for size in (7, 64, 100)
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-9)


def test_nan_loss_stops_with_a_typed_error(digits):
    X, y = digits
    exploding = {"optimizer": "sgd", "optimizer__learning_rate": 1e38}
    clf = CNNClassifier(model=relu, epochs=3, random_state=0, **exploding)
    with pytest.raises(NonFiniteLossError, match="learning_rate"):
        clf.fit(X.astype("float32"), y)
    assert not hasattr(clf, "classes_")
    with pytest.raises(Exception, match="not fitted"):
        clf.predict(X)


@pytest.mark.parametrize("rate", [1e20, 1e28, 1e36])
def test_the_last_step_leaves_no_network_without_answers(digits, rate):
    X, y = digits
    # One step: its loss is that of the first weights, and finite.
    clf = CNNClassifier(relu, epochs=1, batch_size=2000, random_state=0, optimizer="sgd", optimizer__learning_rate=rate)
    with pytest.raises(NonFiniteLossError, match="last step"):
        clf.fit(X, y)
    assert not hasattr(clf, "classes_")


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_nan_loss_leaves_no_one_vs_rest(digits, strategy):
    X, y = digits
    exploding = {"optimizer": "sgd", "optimizer__learning_rate": 1e38, "random_state": 0}
    ovr = OneVsRestCNNClassifier(CNNClassifier(relu, epochs=3, **exploding), strategy=strategy)
    with pytest.raises(NonFiniteLossError):
        ovr.fit(X[:60], y[:60])
    assert not hasattr(ovr, "estimators_")
    assert not hasattr(ovr, "n_features_in_")


@pytest.mark.parametrize("wrap", [lambda clf: clf, OneVsRestCNNClassifier])
def test_a_fit_that_fails_keeps_the_last_one(digits, wrap):
    X, y = digits
    estimator = wrap(CNNClassifier(relu, epochs=1, random_state=0)).fit(X, y)
    before = estimator.predict_proba(X)
    inner = getattr(estimator, "estimator", estimator)
    inner.set_params(optimizer="sgd", optimizer__learning_rate=1e38, epochs=3)
    with pytest.raises(NonFiniteLossError):
        estimator.fit(X[:, :4, :4], y)
    np.testing.assert_array_equal(estimator.predict_proba(X), before)


def test_rows_that_all_weigh_nothing_are_refused(digits):
    X, y = digits
    clf = CNNClassifier(**FAST, class_weight={0: 0, 1: 1})
    with pytest.raises(ValueError, match="weigh 0"):
        clf.fit(X, y == 3, sample_weight=(y != 3).astype(float))


def test_early_stopping_keeps_the_best_epoch(digits):
    X, y = digits
    clf = CNNClassifier(
        model=dense, epochs=40, early_stopping=True, n_iter_no_change=3, optimizer__learning_rate=0.05, random_state=0
    ).fit(X, y.astype(str))
    validation = clf.history_["val_loss"]
    assert len(validation) == clf.n_iter_ < 40
    assert int(np.argmin(validation)) == clf.n_iter_ - 1 - 3
    shorter = CNNClassifier(
        model=dense, epochs=clf.n_iter_ - 3, validation_fraction=0.1, optimizer__learning_rate=0.05, random_state=0
    ).fit(X, y.astype(str))
    assert same(clf, shorter)


def test_validation_rows_are_held_out_in_proportion(digits):
    X, y = digits
    clf = CNNClassifier(model=dense, epochs=1, validation_fraction=0.5, random_state=0)
    assert set(clf.fit(X, y).history_) == {"loss", "val_loss"}
    with pytest.raises(ValueError, match="least populated"):
        clf.fit(X[:20], np.arange(20) // 19)


def test_joint_states_are_views_of_one_trunk(digits):
    X, y = digits
    ovr = OneVsRestCNNClassifier(CNNClassifier(**FAST)).fit(X, y)
    first, second = (weights(e) for e in ovr.estimators_[:2])
    assert first[0] is second[0]
    assert not np.array_equal(first[-1], second[-1])
    size = len(pickle.dumps(ovr.estimators_))
    assert size < 3 * len(pickle.dumps(ovr.estimators_[:1]))


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_problems_together_answer_as_each_alone(digits, strategy):
    X, y = digits
    ovr = OneVsRestCNNClassifier(CNNClassifier(**FAST), strategy=strategy).fit(X, y)
    alone = np.stack([e.predict_proba(X)[:, 1] for e in ovr.estimators_], axis=1)
    np.testing.assert_allclose(ovr._outputs(X)[..., 1], alone, atol=1e-6)
    assert np.array_equal(ovr.predict_ovr(X), alone >= 0.5)


def relu(meta):
    """Weights without a bound."""
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))


def chain(meta):
    """Ends in a weighted layer and an activation of its own."""
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
def test_each_head_has_first_values_of_its_own(builder):
    model = builder({"image_shape_": (8, 8, 1), "n_classes_": 2})
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0])
    joint = with_heads(model, 3)
    x = np.random.default_rng(0).random((5, 8, 8, 1)).astype("float32")
    together = keras.ops.convert_to_numpy(joint.model(x))
    assert together.shape == (5, 3, 2)
    state = [keras.ops.convert_to_numpy(v.value) for v in joint.model.variables]
    kernels = []
    for k, split in enumerate(joint.split(state)):
        for value, variable in zip(split, model.variables, strict=True):
            variable.assign(value)
        np.testing.assert_allclose(together[:, k], keras.ops.convert_to_numpy(model(x)), rtol=1e-5)
        kernels.append([value for value in split if value.ndim == 2][-1])
    # As wide as those of one head alone: Glorot's bound for its shape.
    bound = np.sqrt(6 / sum(kernels[0].shape))
    assert all(0.5 * bound < np.abs(kernel).max() <= bound for kernel in kernels)
    assert len({kernel.tobytes() for kernel in kernels}) == 3


@pytest.mark.parametrize(
    ("settings", "weights", "expected"),
    [
        ({}, None, [0.1, 0.3, 0.6]),
        ({"class_weight": "balanced"}, None, [0.5, 0.5, 0.5]),
        ({"loss__alpha": 0.75}, None, [0.25, 0.5625, 9 / 11]),
        ({}, [3.0, 1.0, 0.0], [0.5, 0.5, 0.0001]),
    ],
    ids=["shares", "balanced", "alpha", "weights"],
)
def test_heads_start_at_the_shares_of_their_classes(settings, weights, expected):
    y = np.repeat([0, 1, 2], [10, 30, 60])
    X = np.zeros((100, 4, 4, 1), "uint8")
    base = CNNClassifier(dense, epochs=1, optimizer="sgd", optimizer__learning_rate=0.0, random_state=0, **settings)
    ovr = OneVsRestCNNClassifier(base).fit(X, y, None if weights is None else np.array(weights)[y])
    # A black image meets the biases alone.
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
def test_penalties_of_heads_count_as_their_losses_do(digits, penalties, inside):
    X, y = digits[0][:60].astype("float32"), digits[1][:60]
    still = {"epochs": 1, "batch_size": 60, "optimizer__learning_rate": 0.0, "loss": "crossentropy", "random_state": 0}
    network = {"model": penalised, "model__penalties": penalties, "model__inside": inside}
    ovr = OneVsRestCNNClassifier(CNNClassifier(**network, **still)).fit(X, y)
    losses = []
    for label, binary in zip(ovr.classes_, ovr.estimators_, strict=True):
        answers = keras.ops.convert_to_numpy(binary.model_(X * binary.pixel_scale_))
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


def test_a_network_that_cannot_be_cut_says_so(digits):
    X, y = digits
    with pytest.raises(NetworkError, match="independent"):
        OneVsRestCNNClassifier(CNNClassifier(model=branched, epochs=1)).fit(X, y)
    OneVsRestCNNClassifier(CNNClassifier(model=branched, epochs=1), strategy="independent").fit(X[:60], y[:60])
    single = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(NetworkError, match="no trunk"):
        cut(keras.Model(single.inputs[0], single.outputs[0]))


def wrong_output(meta):
    return keras.Sequential([keras.Input(meta["image_shape_"]), keras.layers.Flatten(), keras.layers.Dense(3)])


def no_model(meta):
    return "a network"


def logits(meta):
    return keras.Sequential(
        [keras.Input(meta["image_shape_"]), keras.layers.Flatten(), keras.layers.Dense(meta["n_classes_"])]
    )


@pytest.mark.parametrize(
    ("builder", "message"), [(wrong_output, "n_classes_"), (no_model, "keras.Model"), (logits, "softmax")]
)
def test_a_wrong_builder_is_refused(digits, builder, message):
    X, y = digits
    with pytest.raises(NetworkError, match=message):
        CNNClassifier(model=builder, epochs=1).fit(X, y)


def test_many_problems(digits):
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


class Named(keras.losses.Loss):
    """Of a fixed name, and without a get_config."""

    def __init__(self, power):
        super().__init__(name="named")
        self.power = power

    def call(self, y, y_pred):
        return self.power * keras.ops.sum(keras.ops.square(y - y_pred), axis=-1)


class Unnamed(Named):
    def __init__(self, power=1.0):
        keras.losses.Loss.__init__(self)
        self.power = power


class Constant(keras.initializers.Initializer):
    def __init__(self, value):
        self.value = value


class Penalty(keras.regularizers.Regularizer):
    def __init__(self, value):
        self.value = value


@pytest.mark.parametrize("kind", [Named, Unnamed, Constant, Penalty, keras.regularizers.L2])
def test_keras_objects_are_equal_where_their_settings_are(kind):
    assert freeze(kind(0.25)) == freeze(kind(0.25))
    assert freeze(kind(0.25)) != freeze(kind(0.5))


def test_a_loss_without_a_config_is_not_mistaken_for_another(digits, fresh_programs):
    X, y = digits
    first, second = (CNNClassifier(**FAST, loss=Named(power)).fit(X, y).history_["loss"][0] for power in (1.0, 100.0))
    assert second > 10 * first


def test_a_loss_class_is_traced_once(digits, fresh_programs):
    X, y = digits
    before = trace_count()
    for _ in range(3):
        CNNClassifier(**FAST, loss=Unnamed).fit(X, y)
    assert trace_count() - before == 1


def test_functions_of_a_script_are_equal_where_their_code_is():
    def make(width):
        def helper(x):
            return keras.layers.Dense(width)(x)

        def builder(meta, *, rate=0.1):
            return helper(meta)

        return builder

    builder = make(3)
    copies = [cloudpickle.loads(cloudpickle.dumps(builder)) for _ in range(2)]
    assert copies[0] is not copies[1]
    assert freeze(copies[0]) == freeze(copies[1]) == freeze(builder)
    assert freeze(builder) != freeze(make(4))
    # Functions of modules are those of every process.
    assert freeze(dense) == freeze(cloudpickle.loads(cloudpickle.dumps(dense)))


@pytest.mark.parametrize("body", ["WIDTH if meta else builder", "(lambda: WIDTH)()", "[WIDTH for _ in meta]"])
def test_a_script_s_global_is_part_of_its_functions(body):
    spaces = [{"WIDTH": width, "__name__": "__main__"} for width in (3, 3, 4)]
    for space in spaces:
        exec(compile(f"def builder(meta):\n    return {body}", "script", "exec"), space)
    three, again, four = (freeze(space["builder"]) for space in spaces)
    assert three == again
    assert three != four


class Builder:
    def __init__(self, units=16):
        self.units = units
        self.itself = self

    def __call__(self, meta):
        return dense(meta, units=self.units)

    def build(self, meta):
        return self(meta)


@pytest.mark.parametrize("builder", [Builder(), Builder().build])
def test_any_callable_builds(digits, builder):
    X, y = digits
    assert same(CNNClassifier(**{**FAST, "model": builder}).fit(X, y), CNNClassifier(**FAST).fit(X, y))
    assert freeze(builder) == freeze(copy.deepcopy(builder))
    assert freeze(Builder(3)) != freeze(Builder(4))


def test_a_fit_with_a_function_of_a_script_can_be_pickled(digits, monkeypatch):
    X, y = digits

    def builder(meta):
        return dense(meta)

    clf = CNNClassifier(**{**FAST, "model": builder}).fit(X, y)
    again = cloudpickle.loads(cloudpickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert again._network.spec.cache_key() == clf._network.spec.cache_key()
    # As pickle finds it in a script: by its name.
    monkeypatch.setattr(sys.modules["__main__"], "script_builder", builder, raising=False)
    builder.__module__, builder.__qualname__ = "__main__", "script_builder"
    clf = CNNClassifier(**{**FAST, "model": builder}).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), clf.predict_proba(X))


class OfItself(keras.losses.Loss):
    """Holds a method of its own, and has no get_config."""

    def __init__(self):
        super().__init__(name="itself")
        self.function = self.call

    def call(self, y, y_pred):
        return keras.ops.sum(keras.ops.square(y - y_pred), axis=-1)


def test_a_setting_may_hold_itself():
    assert freeze(OfItself()) == freeze(OfItself())
    around = [1]
    around.append(around)
    assert hash(freeze(around)) == hash(freeze(around))


def nested(meta):
    inner = keras.Sequential(
        [keras.Input(meta["image_shape_"]), keras.layers.Flatten(), keras.layers.Dense(8, activation="relu")]
    )
    head = keras.Sequential([keras.Input((8,)), keras.layers.Dense(meta["n_classes_"], activation="softmax")])
    inputs = keras.Input(meta["image_shape_"])
    return keras.Model(inputs, head(inner(inputs)))


@pytest.mark.parametrize(("precision", "at_end"), [("mixed_bfloat16", "float32"), ("float64", "float64")])
def test_precision_reaches_models_inside_models(digits, precision, at_end):
    X, y = digits
    clf = CNNClassifier(**{**FAST, "model": nested}, precision=precision).fit(X, y)
    inner, head = (layer for layer in clf.model_.layers if isinstance(layer, keras.Model))
    assert {layer.dtype_policy.name for layer in inner.layers[-2:]} == {precision}
    assert head.layers[-1].dtype_policy.name == at_end
    assert {keras.backend.standardize_dtype(part.inputs[0].dtype) for part in (inner, head)} == {at_end}


def test_specs_differ_by_what_changes_the_graph(digits):
    X, y = digits
    spec = CNNClassifier(**FAST).fit(X, y)._network.spec
    assert spec.cache_key() == replace(spec).cache_key()
    assert spec.cache_key() != replace(spec, n_heads=3).cache_key()
    assert spec.cache_key() != replace(spec, precision="float64").cache_key()


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_schedules_end_at_zero_and_peak_at_the_rate(schedule):
    from sk_cifar_ovr.engine._learning_rate_schedules import COURSES

    course = COURSES[schedule](np.linspace(0, 1, 1001))
    assert course.max() == pytest.approx(1, abs=0.02)
    assert course[-1] == pytest.approx(0, abs=1e-9)
    assert course[0] < 0.2


def test_the_callers_optimizer_is_only_a_description(digits):
    X, y = digits
    optimizer = keras.optimizers.Adam(0.01)
    clf = CNNClassifier(model=dense, epochs=1, optimizer=optimizer, random_state=0).fit(X, y)
    assert not optimizer.built
    assert same(clf, CNNClassifier(model=dense, epochs=1, optimizer__learning_rate=0.01, random_state=0).fit(X, y))


def test_callbacks_are_called_and_may_stop(digits):
    X, y = digits
    seen = []

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, logs["loss"]))
            self.model.stop_training = epoch == 1

    clf = CNNClassifier(model=dense, epochs=5, callbacks=[Stop()], random_state=0).fit(X, y)
    assert [epoch for epoch, _ in seen] == [0, 1]
    assert clf.history_["loss"] == [loss for _, loss in seen]


def test_going_on_needs_the_same_images_and_network(digits):
    from sk_cifar_ovr.exceptions import ImageShapeError

    X, y = digits
    clf = CNNClassifier(model=dense, epochs=1, warm_start=True, random_state=0).fit(X, y)
    with pytest.raises(ImageShapeError, match="was fitted on"):
        clf.fit(X.reshape(-1, 4, 16, 1), y)
    with pytest.raises(ImageShapeError, match="was fitted on"):
        clf.predict(X[:2].reshape(-1, 4, 16, 1).tolist())
    assert clf.set_params(optimizer="sgd").fit(X, y).n_iter_ == 2
    with pytest.raises(ValueError, match="another one"):
        clf.set_params(model__units=4).fit(X, y)


def test_a_split_without_rows_says_so(digits):
    X, y = digits
    weight = np.zeros(60)
    weight[0] = 1
    with pytest.raises(ValueError, match="validation"):
        CNNClassifier(model=dense, epochs=1, validation_fraction=0.5, random_state=0).fit(X[:60], y[:60] % 2, weight)
    with pytest.raises(ValueError, match="validation_fraction"):
        CNNClassifier(model=dense, epochs=1, early_stopping=True).fit(X[:40], y[:40])


@pytest.mark.parametrize("rate", [0.02, keras.optimizers.schedules.ExponentialDecay(0.02, 100, 0.9)])
def test_batch_statistics_are_those_of_averaged_weights(digits, rate):
    X, y = digits
    clf = CNNClassifier(
        model__filters=(4, 4, 8),
        epochs=30,
        batch_size=len(X),
        precision="float32",
        optimizer__use_ema=True,
        optimizer__ema_momentum=0.95,
        optimizer__learning_rate=rate,
        random_state=0,
    ).fit(X, y)
    model = clf.model_
    norm = model.get_layer("norm1")
    seen = keras.Model(model.inputs, norm.input)(X.astype("float32"))
    mean = keras.ops.convert_to_numpy(seen).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(norm.moving_mean.value), mean, rtol=0.02, atol=1e-3)


def test_averaging_and_early_stopping_exclude_each_other(digits):
    X, y = digits
    with pytest.raises(ValueError, match="choose one"):
        CNNClassifier(model=dense, early_stopping=True, optimizer__use_ema=True).fit(X, y)


def test_test_views_are_averaged(digits):
    X, y = digits
    clf = CNNClassifier(model=dense, epochs=2, random_state=0).fit(X, y)
    wide = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    expected = 0
    for view, share in ((X, 0.25), (wide[:, :-2, :-2], 0.125), (wide[:, 2:, 2:], 0.125)):
        expected = expected + share * (clf.predict_proba(view) + clf.predict_proba(view[:, :, ::-1]))
    both = CNNClassifier(model=dense, epochs=2, random_state=0, test_flip=True, test_shift=1).fit(X, y)
    np.testing.assert_allclose(both.predict_proba(X), expected, atol=1e-6)
    with pytest.raises(ImageShapeError, match="out of sight"):
        both.set_params(test_shift=8).fit(X, y)


def test_a_short_training_averages_its_last_steps(digits):
    """The reach of the average follows the steps: 0.999 would keep the weights of the first ones."""
    X, y = digits
    settings = {**FAST, "epochs": 40, "schedule": "one_cycle", "optimizer": "adamw", "optimizer__learning_rate": 3e-3}
    plain = CNNClassifier(**settings).fit(X, y).score(X, y)
    averaged = CNNClassifier(**settings, optimizer__use_ema=True).fit(X, y).score(X, y)
    slow = CNNClassifier(**settings, optimizer__use_ema=True, optimizer__ema_momentum=0.999).fit(X, y).score(X, y)
    assert averaged > plain - 0.02
    # What is given is taken.
    assert slow < plain - 0.2


def test_two_schedules_are_refused(digits):
    X, y = digits
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, 100, 0.9)
    with pytest.raises(ValueError, match="schedule='one_cycle'"):
        CNNClassifier(**FAST, schedule="one_cycle", optimizer__learning_rate=rate).fit(X, y)
    # A recipe leaves its own out.
    CNNClassifier(**FAST, recipe="strong", optimizer=keras.optimizers.SGD(rate)).fit(X, y)


def test_loss_scale_moves_no_step(digits):
    X, y = digits
    settings = {**FAST, "optimizer": "sgd", "optimizer__learning_rate": 0.1}
    plain = CNNClassifier(**settings).fit(X, y)
    scaled = CNNClassifier(**settings, optimizer__loss_scale_factor=1024.0).fit(X, y)
    for a, b in zip(weights(plain), weights(scaled), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_loss_scale_optimizers_are_refused(digits):
    X, y = digits
    scaling = keras.optimizers.LossScaleOptimizer
    for optimizer in (scaling, scaling(keras.optimizers.SGD(0.1))):
        with pytest.raises(ValueError, match="LossScaleOptimizer"):
            CNNClassifier(**FAST, optimizer=optimizer).fit(X, y)


def test_joint_validation_loss_is_the_mean_over_problems(digits):
    """A problem of heavy rows counts no more than the others."""
    X, y = digits
    base = CNNClassifier(**FAST, optimizer__learning_rate=0.0, validation_fraction=0.3, precision="float64")
    losses = [
        OneVsRestCNNClassifier(base, class_weight=weight).fit(X, y % 3).history_["val_loss"][0]
        for weight in (None, {0: {0: 50.0, 1: 50.0}})
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)


def test_validation_rows_without_weight_say_so(digits):
    X, y = digits
    rare = np.zeros(100, int)
    rare[:5] = 1
    with pytest.raises(ValueError, match="held out"):
        CNNClassifier(**FAST, class_weight={0: 0.0, 1: 1.0}, validation_fraction=0.05).fit(X[:100], rare)


def test_callbacks_know_the_epochs_and_give_the_network_back(digits):
    X, y = digits
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append((self.params["epochs"], self.params["steps"], self.model is not None))

    look = Look()
    clf = CNNClassifier(**FAST, callbacks=[look]).fit(X, y)
    assert seen == [(2, 6, True)]
    # What is left in it would be another fit's network soon.
    assert look.model is None
    assert clf.n_iter_ == 2


def test_a_fit_that_fails_gives_the_network_back_too(digits):
    X, y = digits

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    stop = Stop()
    with pytest.raises(KeyboardInterrupt):
        CNNClassifier(**FAST, callbacks=[stop]).fit(X, y)
    assert stop.model is None


@keras.saving.register_keras_serializable(package="tests")
class Brighter(keras.layers.Layer):
    """Adds a weight of its own, and draws at random."""

    def __init__(self, **options):
        super().__init__(**options)
        self.generator = keras.random.SeedGenerator(0)
        self.strength = self.add_weight(shape=(), initializer="ones", trainable=False, name="strength")

    def call(self, images, training=False):
        noise = keras.random.uniform((1,), seed=self.generator)
        return images + 0.001 * self.strength * noise if training else images


def test_weights_of_an_augmentation_stay(digits):
    X, y = digits
    plain = CNNClassifier(**FAST).fit(X, y)
    brighter = CNNClassifier(**FAST, augment=Brighter()).fit(X, y)
    assert not same(plain, brighter)
    np.testing.assert_allclose(brighter.history_["loss"], plain.history_["loss"], rtol=1e-2)


def test_a_pipeline_of_layers_augments(digits):
    X, y = digits
    layers = [keras.layers.RandomTranslation(0.1, 0.1), keras.layers.RandomFlip("horizontal")]
    clf = CNNClassifier(**FAST, augment=keras.layers.Pipeline(layers)).fit(X, y)
    assert not same(clf, CNNClassifier(**FAST).fit(X, y))


def test_augmentation_leaves_the_global_generator(digits):
    X, y = digits
    clear_programs()
    before = random.getstate()
    CNNClassifier(**FAST, augment="flip_shift").fit(X, y)
    assert random.getstate() == before


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone needs to be told")
def test_float64_needs_jaxs_consent(digits):
    X, y = digits
    with pytest.raises(ValueError, match="JAX_ENABLE_X64"):
        CNNClassifier(**FAST, precision="float64").fit(X, y)
