"""Networks that are built once and lent to one fit at a time."""

import functools
import importlib
import threading
from dataclasses import dataclass
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, load, save
from sk_cifar_ovr._shared.variables import read
from sk_cifar_ovr.engine.compiled import trace_count
from sk_cifar_ovr.engine.compiled._pool import MAX_NETWORKS, clear_programs
from sk_cifar_ovr.exceptions import NetworkError

FAST = {"model": dense, "epochs": 1, "batch_size": 64, "random_state": 0}


@pytest.fixture(autouse=True)
def fresh_programs():
    clear_programs()
    yield
    clear_programs()


@pytest.mark.parametrize("settings", [{"augment": "flip_shift"}, {"recipe": "long"}])
def test_augmentation_by_name_is_one_program(digits, settings):
    X, y = digits
    before = trace_count()
    for seed in range(3):
        CNNClassifier(**{**FAST, "random_state": seed}, **settings).fit(X[:64], y[:64]).predict(X[:8])
    assert trace_count() - before == 1


def two_sigmoids(meta):
    shape = keras.Input(meta["image_shape_"])
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(shape))
    return keras.Model(shape, keras.layers.Dense(meta["n_classes_"], activation="sigmoid")(x))


def test_a_network_that_ends_in_sigmoids_is_refused(digits):
    X, y = digits
    with pytest.raises(NetworkError, match="softmax"):
        CNNClassifier(**{**FAST, "model": two_sigmoids}).fit(X[:64], y[:64] % 2)


def test_a_builder_that_hands_out_a_layer_twice_is_refused(digits):
    X, y = digits
    shared = keras.layers.Dense(4)

    def head(meta, units=3):
        inputs = keras.Input(meta["image_shape_"])
        x = shared(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs)))
        x = keras.layers.Dense(units)(x)
        return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))

    first = CNNClassifier(**{**FAST, "model": head}).fit(X, y)
    before = first.predict_proba(X)
    with pytest.raises(NetworkError, match="inside the builder"):
        CNNClassifier(**{**FAST, "model": head}, model__units=5).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), before)
    clear_programs()
    CNNClassifier(**{**FAST, "model": head}, model__units=6).fit(X, y)
    shared.trainable = False
    CNNClassifier(**{**FAST, "model": head}, model__units=7).fit(X, y)


def test_a_network_with_nothing_to_train_is_refused(digits):
    X, y = digits

    def frozen(meta):
        model = dense(meta)
        model.trainable = False
        return model

    with pytest.raises(NetworkError, match="frozen"):
        CNNClassifier(**{**FAST, "model": frozen}).fit(X, y)


@dataclass(slots=True)
class Widths:
    units: int


def of_widths(meta, widths):
    return dense(meta, units=widths.units)


def test_options_that_changed_make_another_network(digits):
    X, y = digits
    widths = Widths(4)
    clf = CNNClassifier(**{**FAST, "model": of_widths}, model__widths=widths).fit(X, y)
    widths.units = 9
    assert clf.fit(X, y).network_.state[0].shape[-1] == 9


@pytest.mark.parametrize("widths", [{"units": [4]}, Widths(4)])
def test_data_that_a_script_s_builder_names_is_looked_into(digits, widths):
    X, y = digits
    itself: list = []
    itself.append(itself)
    space = {"dense": dense, "WIDTHS": widths, "ITSELF": itself, "__name__": "__main__"}
    units = "WIDTHS['units'][0]" if isinstance(widths, dict) else "WIDTHS.units"
    exec(f"def build(meta):\n    ITSELF\n    return dense(meta, units={units})", space)
    clf = CNNClassifier(**{**FAST, "model": space["build"]}).fit(X, y)
    if isinstance(widths, dict):
        widths["units"][0] = 9
    else:
        widths.units = 9
    assert clf.fit(X, y).network_.state[0].shape[-1] == 9


def test_what_a_builder_reads_from_objects_and_classes_is_looked_into(digits):
    X, y = digits

    class Settings:
        units = 4

    space = SimpleNamespace(units=4)

    class Factory:
        units = 4

        def build(self, meta):
            return dense(meta, units=self.units)

    factory = Factory()
    for builder, owner in (
        (lambda meta: dense(meta, units=Settings.units), Settings),
        (lambda meta: dense(meta, units=space.units), space),
        (factory.build, factory),
    ):
        clf = CNNClassifier(**{**FAST, "model": builder}).fit(X, y)
        owner.units = 9
        assert clf.fit(X, y).network_.state[0].shape[-1] == 9


def test_what_a_builder_of_a_module_reads_is_looked_into(digits, tmp_path, monkeypatch):
    X, y = digits
    (tmp_path / "own_networks.py").write_text(
        "from small_networks import dense\nUNITS = 4\n\ndef build(meta):\n    return dense(meta, units=UNITS)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own_networks = importlib.import_module("own_networks")
    clf = CNNClassifier(**{**FAST, "model": own_networks.build}).fit(X, y)
    own_networks.UNITS = 9
    assert clf.fit(X, y).network_.state[0].shape[-1] == 9
    through_the_module = CNNClassifier(**{**FAST, "model": lambda meta: dense(meta, units=own_networks.UNITS)})
    assert through_the_module.fit(X, y).network_.state[0].shape[-1] == 9
    own_networks.UNITS = 7
    assert through_the_module.fit(X, y).network_.state[0].shape[-1] == 7
    clear_programs()
    with pytest.raises(NetworkError, match="makes another network now"):
        clf.predict(X)
    with pytest.raises(NetworkError, match="makes another network now"):
        clf.model_  # noqa: B018
    own_networks.UNITS = 9
    assert clf.predict(X).shape == y.shape


LOG: list = []


def logging(meta):
    LOG.append("built")
    return dense(meta)


def test_a_builder_that_changes_what_it_names_can_be_saved(digits, tmp_path):
    clf = CNNClassifier(**{**FAST, "model": logging}).fit(*digits)
    save(clf, tmp_path / "model")
    again = load(tmp_path / "model", trusted=[f"{__name__}:logging"])
    np.testing.assert_array_equal(again.predict_proba(digits[0]), clf.predict_proba(digits[0]))


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **options):
        return function(*args, **options)

    return wrapper


@decorated
def calling_itself(meta, depth=2):
    return calling_itself(meta, depth - 1) if depth else dense(meta)


def test_a_builder_may_refer_to_itself(digits):
    calling_itself.me = calling_itself
    assert CNNClassifier(**{**FAST, "model": calling_itself}).fit(*digits).n_iter_ == 1


def codes(meta):
    """Takes whole numbers below ten, and ends in a layer."""
    inputs = keras.Input(meta["X_shape_"][1:])
    x = keras.layers.Flatten()(keras.layers.Embedding(10, 2)(inputs))
    return keras.Model(inputs, keras.layers.Softmax()(keras.layers.Dense(meta["n_classes_"])(x)))


def own_softmax(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    powers = keras.ops.exp(300 * keras.layers.Dense(meta["n_classes_"])(inputs))
    return keras.Model(inputs, powers / keras.ops.sum(powers, axis=-1, keepdims=True))


@pytest.mark.parametrize("model", [codes, own_softmax])
def test_networks_with_other_ends_than_an_activation_are_taken(model):
    X, y = np.random.default_rng(0).integers(0, 2, (40, 5)) * 0.01, np.arange(40) % 2
    proba = CNNClassifier(**{**FAST, "model": model}).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)


def test_an_interrupt_in_a_prediction_leaves_others_alone(digits, monkeypatch):
    X, y = digits
    a, b = (CNNClassifier(**{**FAST, "random_state": seed}).fit(X, y) for seed in (0, 1))
    before = a.predict_proba(X)
    assign, calls = keras.Variable.assign, []

    def interrupted(variable, value):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return assign(variable, value)

    with monkeypatch.context() as patched:
        patched.setattr(keras.Variable, "assign", interrupted)
        with pytest.raises(KeyboardInterrupt):
            b.predict_proba(X)
    np.testing.assert_array_equal(a.predict_proba(X), before)


def test_other_fits_during_a_long_one(digits):
    """The pool gives way to more networks than it keeps, while one of its oldest is lent."""
    X, y = digits
    X, y = X[:64], y[:64]
    started, go_on = threading.Event(), threading.Event()

    class Wait(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            started.set()
            assert go_on.wait(60)

    CNNClassifier(**FAST).fit(X, y)
    long = CNNClassifier(**FAST, callbacks=[Wait()])
    errors = []

    def train():
        try:
            long.fit(X, y)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    assert started.wait(60)
    for units in range(2, MAX_NETWORKS + 4):
        CNNClassifier(**FAST, model__units=units).fit(X, y)
    go_on.set()
    thread.join()
    assert not errors
    assert long.predict(X).shape == y.shape


def counting_names(meta, names=[]):  # noqa: B006
    """A builder that names its layers by a counter."""
    names.append(len(names))
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dense(4, name=f"hidden_of_{len(names)}")(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))


def recurrent(meta):
    """A layer of Keras that names its parts by counting."""
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Reshape(meta["image_shape_"][:2])(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Bidirectional(keras.layers.LSTM(2))(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))


@pytest.mark.parametrize("builder", [counting_names, recurrent])
def test_names_that_count_do_not_make_another_network(digits, builder, tmp_path):
    X, y = digits[0][:64], digits[1][:64]
    clf = CNNClassifier(**{**FAST, "model": builder}).fit(X, y)
    before = clf.predict_proba(X)
    clear_programs()
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    save(clf, tmp_path / "model")
    again = load(tmp_path / "model", trusted=[f"{__name__}:{builder.__name__}"])
    np.testing.assert_array_equal(again.predict_proba(X), before)


def test_frozen_models_from_elsewhere_are_never_changed(digits):
    """Two builders of equal configurations around two models of different weights."""
    X, y = digits[0][:64], digits[1][:64]

    def around(seed):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((8, 8, 1))
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
        base = keras.Model(inputs, keras.layers.Dense(6, activation="relu")(x))
        base.trainable = False

        def builder(meta):
            pixels = keras.Input(meta["image_shape_"])
            return keras.Model(pixels, keras.layers.Dense(meta["n_classes_"], activation="softmax")(base(pixels)))

        return base, builder

    (p, of_p), (q, of_q) = around(1), around(2)
    start = [value.copy() for model in (p, q) for value in read(model.weights)]
    around_p = CNNClassifier(**{**FAST, "model": of_p}).fit(X, y)
    first = around_p.predict_proba(X)
    CNNClassifier(**{**FAST, "model": of_q}).fit(X, y)
    clear_programs()
    around_p.predict_proba(X)
    CNNClassifier(**{**FAST, "model": of_q}).fit(X, y)
    for value, now in zip(start, [*read(p.weights), *read(q.weights)], strict=True):
        np.testing.assert_array_equal(value, now)
    np.testing.assert_array_equal(CNNClassifier(**{**FAST, "model": of_p}).fit(X, y).predict_proba(X), first)


@keras.saving.register_keras_serializable(package="tests")
class Around(keras.layers.Layer):
    """A registered layer that cannot be made again from its configuration."""

    def __init__(self, inner, **options):
        super().__init__(**options)
        self.inner = inner

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**super().get_config(), "inner": keras.saving.serialize_keras_object(self.inner)}


def wrapping(meta):
    inputs = keras.Input(meta["image_shape_"])
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    x = Around(keras.layers.Dense(4))(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))


def test_a_layer_that_cannot_be_copied_is_trained_all_the_same(digits):
    X, y = digits[0][:64], digits[1][:64]
    first, second = (CNNClassifier(**{**FAST, "model": wrapping}).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
