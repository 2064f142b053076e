"""Small networks that tests of several rooms train."""

import numpy as np
import pytest

# For marks of tests that copy or pickle bare SciKeras estimators, which saves a model as Keras does: Keras reads its
# variables in a way that NumPy 2 deprecates.
KERAS_SAVES = "ignore:__array__ implementation:DeprecationWarning:keras"


def dense(meta, *, units=16):
    """A tiny builder on flat rows."""
    import keras

    shape = meta.get("image_shape_") or meta["X_shape_"][1:]
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Flatten(),
            keras.layers.Dense(units, activation="tanh"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def pooled(meta):
    """A builder that averages large images first, so that only reading them takes time."""
    import keras

    return keras.Sequential(
        [
            keras.Input(meta["image_shape_"]),
            keras.layers.AveragePooling2D(64),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def initial_model(clf):
    """The network of a fitted classifier as it was before training."""
    from sk_cifar_ovr.engine.compiled import borrow, build_model

    seed = int(np.random.RandomState(clf.random_state).randint(np.iinfo(np.int32).max))
    with borrow(clf.network_.spec) as network:
        return build_model(clf.network_.spec, network.initial_state(seed))


def skip_if_refused(precision):
    """Skip a test whose precision this machine, or its environment, does not have."""
    from sk_cifar_ovr.engine.compiled import resolve_precision

    try:
        resolve_precision(precision, builtin=True)
    except ValueError as error:
        pytest.skip(str(error))
