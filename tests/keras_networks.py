"""Small Keras models as users bring them."""

import numpy as np


def plain(n_outputs=3, activation="softmax", *, rescale=True, normalize=True, shape=(8, 8, 1), seed=0):
    """A Sequential with weights that are not those of its initializers."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(shape),
            *([layers.Rescaling(1 / 255)] if rescale else []),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            *([layers.BatchNormalization(momentum=0.8)] if normalize else []),
            layers.Flatten(),
            layers.Dense(8, activation="tanh", name="hidden"),
            layers.Dense(n_outputs, activation=activation, name="last"),
        ]
    )
    rng = np.random.default_rng(seed)
    model.set_weights([weights + rng.uniform(-0.1, 0.1, weights.shape) for weights in model.get_weights()])
    return model


def outputs(model, images):
    """Outputs of a model for images as it takes them."""
    import keras

    return keras.ops.convert_to_numpy(model(np.asarray(images, "float32"), training=False))


def weights_of(model):
    return [np.array(value) for value in model.get_weights()]


def same_weights(one, other):
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
