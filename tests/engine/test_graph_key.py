"""Keys of graphs: equal for equal configurations, and never equal for different graphs."""

import keras
import numpy as np
import pytest

from sk_cifar_ovr.engine.compiled._graph_key import (
    arguments_key,
    is_key_of_arguments,
    model_key,
    same_graph,
    settings_key,
)
from sk_cifar_ovr.networks import cifar_cnn


def dense(units=3, activation="relu", name=None, **options):
    """A small network; unnamed layers get names that Keras counts up."""
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, activation=activation, name=name, **options),
            keras.layers.Dense(2),
        ]
    )


def functional(model):
    return keras.Model(model.inputs[0], model.outputs[0])


def of_one_layer(layer, shape=(4,)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


@keras.saving.register_keras_serializable(package="tests")
class Scale(keras.layers.Layer):
    """A registered layer whose arguments Keras records by itself."""

    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return self.factor * x


class Unregistered(keras.layers.Layer):
    def call(self, x):
        return 2 * x


class Subclassed(keras.Model):
    """A functional model with a `call` of its own."""

    def call(self, x, **options):
        return 2 * super().call(x, **options)


@keras.saving.register_keras_serializable(package="tests")
class Bent(keras.layers.Dense):
    """A layer that inherits a `get_config` which does not know its own argument."""

    def __init__(self, units, power, **options):
        super().__init__(units, **options)
        self.power = power

    def call(self, x):
        return super().call(x) ** self.power


class Ones(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)


def bent(x):
    return x


class Activations:
    def of(self, x):
        return x

    def __call__(self, x):
        return 0.0


def replaced_call(layer):
    layer.call = lambda x: 0 * x
    layer.built = True
    return layer


def subclassed(model):
    return Subclassed(model.inputs[0], model.outputs[0])


def inside_and_outside(shared):
    inputs = keras.Input((4,))
    return keras.Model(inputs, shared(of_one_layer(shared)(inputs)))


def frozen_kernel(model):
    model.layers[0].kernel.trainable = False
    return model


def penalised_kernel(model):
    model.layers[0].kernel.regularizer = keras.regularizers.L2(0.1)
    return model


def adapted(values):
    layer = keras.layers.Normalization()
    layer.adapt(np.asarray(values, "float32").reshape(-1, 4))
    return of_one_layer(layer)


def nested(first="relu", second="relu"):
    """Layers of equal counted names inside and outside."""
    keras.utils.clear_session()
    inner = functional(dense(activation=first))
    keras.utils.clear_session()
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3, activation=second)(inner(inputs)))


@pytest.mark.parametrize(
    "build",
    [
        dense,
        lambda: of_one_layer(keras.layers.Rescaling(np.float64(2.0))),
        lambda: functional(dense()),
        lambda: of_one_layer(Scale(2.0)),
        lambda: of_one_layer(keras.layers.Dropout(0.5)),
        lambda: of_one_layer(functional(dense())),
        lambda: of_one_layer(keras.layers.Bidirectional(keras.layers.LSTM(2)), (3, 4)),
        nested,
        lambda: of_one_layer(keras.layers.GaussianNoise(1.0)),
        lambda: cifar_cnn({"image_shape_": (32, 32, 3), "n_classes_": 2}),
    ],
)
def test_networks_of_equal_configurations_have_equal_keys(build):
    assert model_key(functional(build())) == model_key(functional(build()))


@pytest.mark.parametrize(
    "others",
    [
        [dense(3), dense(4)],
        [dense(activation="relu"), dense(activation="tanh")],
        # A name that is also the name of an activation must not hide the activation.
        [dense(activation="relu", name="relu"), dense(activation="tanh", name="tanh")],
        [dense(), dense(kernel_regularizer="l2")],
        [dense(), dense(trainable=False)],
        [dense(), frozen_kernel(dense())],
        [dense(), penalised_kernel(dense())],
        [nested("relu", "tanh"), nested("tanh", "relu")],
        [of_one_layer(Scale(2.0)), of_one_layer(Scale(3.0))],
        [of_one_layer(keras.layers.Rescaling(2.0)), of_one_layer(keras.layers.Rescaling(3.0))],
    ],
)
def test_networks_of_different_configurations_have_different_keys(others):
    one, other = (model_key(functional(model)) for model in others)
    assert one != other
    assert not same_graph(one, other)


def test_given_names_keep_networks_apart_and_are_no_other_graph():
    one, other = (model_key(functional(dense(name=name))) for name in ("first", "second"))
    assert one != other
    assert same_graph(one, other), "a builder may count"


@pytest.mark.parametrize(
    "build",
    [
        lambda: of_one_layer(keras.layers.Lambda(lambda x: 2 * x)),
        lambda: of_one_layer(keras.layers.Dense(2, activation=bent)),
        lambda: of_one_layer(keras.layers.Dense(2, kernel_initializer=Ones())),
        lambda: of_one_layer(Bent(2, 3)),
        lambda: of_one_layer(Unregistered()),
        lambda: of_one_layer(keras.layers.Dense(2, activation=Activations().of)),
        lambda: of_one_layer(keras.layers.Dense(2, kernel_regularizer=Activations())),
        lambda: of_one_layer(replaced_call(keras.layers.Dense(2))),
        lambda: subclassed(dense()),
        lambda: inside_and_outside(keras.layers.Dense(4)),
        lambda: adapted(np.arange(8)),
        lambda: of_one_layer(subclassed(dense())),
        lambda: of_one_layer(functional(of_one_layer(Bent(2, 3)))),
    ],
)
def test_what_a_configuration_does_not_determine_shares_with_nothing(build):
    one, other = model_key(build()), model_key(build())
    assert one != other
    assert same_graph(one, other), "they cannot be compared"


def test_a_class_that_was_defined_again_is_another():
    def build():
        class Own(keras.layers.Layer):
            def call(self, x):
                return 2 * x

        return of_one_layer(Own(name="own"))

    one, other = model_key(build()), model_key(build())
    assert one != other
    assert same_graph(one, other), "another process knows another class object"


def test_keys_of_other_versions_and_kinds():
    version, digest, _ = model_key(functional(dense())).split(":")
    assert version == f"{keras.version()}/float32/float32"
    assert same_graph(f"3.0.0:{digest[::-1]}", f"{version}:{digest}")
    of_arguments = arguments_key("builder", {"filters": (8, 8)}, (32, 32, 3), np.int64(2))
    assert of_arguments == arguments_key("builder", {"filters": [8, 8]}, [32, 32, 3], 2)
    assert is_key_of_arguments(of_arguments)
    assert not same_graph(of_arguments, arguments_key("builder", {"filters": (8, 9)}, (32, 32, 3), 2))
    assert not same_graph(of_arguments, f"{version}:{digest}")
    assert arguments_key("builder", {"activation": bent}) is None
    assert same_graph(None, of_arguments[:0])


class WithoutConfig(keras.losses.Loss):
    """A loss without `get_config`."""

    def __init__(self, power):
        super().__init__(name="named")
        self.power = power

    def call(self, y, y_pred):
        return self.power * keras.ops.sum(keras.ops.square(y - y_pred), axis=-1)


class OfItself(keras.losses.Loss):
    """A loss that holds one of its own methods and has no `get_config`."""

    def __init__(self):
        super().__init__(name="itself")
        self.function = self.call

    def call(self, y, y_pred):
        return keras.ops.sum(keras.ops.square(y - y_pred), axis=-1)


@pytest.mark.parametrize(
    "make",
    [
        WithoutConfig,
        keras.optimizers.schedules.CosineDecay,
        lambda value: keras.optimizers.schedules.ExponentialDecay(value, 10, 0.5),
        lambda value: keras.losses.CategoricalFocalCrossentropy(alpha=value),
        lambda value: keras.layers.RandomContrast(value, seed=1),
        lambda value: keras.optimizers.SGD(momentum=value),
    ],
)
def test_settings_are_equal_if_their_values_are(make):
    values = (1, 1, 2) if make is keras.optimizers.schedules.CosineDecay else (0.25, 0.25, 0.5)
    make = (lambda steps: keras.optimizers.schedules.CosineDecay(0.1, steps)) if isinstance(values[0], int) else make
    one, again, other = (settings_key(make(value)) for value in values)
    assert one == again
    assert one != other


def test_a_loss_of_functions_shares_with_nothing():
    assert settings_key(OfItself()) != settings_key(OfItself())
