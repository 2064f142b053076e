"""What the benchmarks compare: the same one-vs-rest work by this package, SciKeras, skorch and Keras by hand.

Every side trains the custom CNN (288,162 parameters for each class) with Adam (1e-3) and the focal loss (gamma 2),
batches of 128, on the same images, the classes in the same order.
"""

import numpy as np
from _cifar import read
from _common import DATA, PLAIN

BATCH = 128


def images(path=DATA, n=10_000, held_out=0):
    """`n` training images in a fixed shuffled order, then `held_out` others; never a test image."""
    X, y, sha256 = read(path, "train")
    order = np.random.default_rng(0).permutation(len(X))[: n + held_out]
    return X[order[:n]], y[order[:n]], X[order[n:]], y[order[n:]], sha256


def scikeras_classifier(**settings):
    """SciKeras around our builder and loss."""
    from scikeras.wrappers import KerasClassifier

    from sk_cifar_ovr import SparseCategoricalFocalLoss
    from sk_cifar_ovr.networks import cifar_cnn

    fixed = {"loss": SparseCategoricalFocalLoss, "optimizer": "adam", "batch_size": BATCH, "verbose": 0}
    return KerasClassifier(model=cifar_cnn, **{**fixed, **settings})


def our_classifier(**settings):
    """This package's classifier, seed 0."""
    from sk_cifar_ovr import CNNClassifier

    return CNNClassifier(**{**PLAIN, "batch_size": BATCH, "random_state": 0, **settings})


def scikeras_ovr(epochs=2):
    """scikit-learn's one-vs-rest over SciKeras."""
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(scikeras_classifier(epochs=epochs))


def our_ovr(strategy, epochs=2, **settings):
    """This package's one-vs-rest."""
    from sk_cifar_ovr import OneVsRestCNNClassifier

    return OneVsRestCNNClassifier(our_classifier(epochs=epochs, **settings), strategy=strategy)


def skorch_ovr(epochs=2):
    """scikit-learn's one-vs-rest over skorch: the network and the loss written for PyTorch."""
    import torch
    from sklearn.multiclass import OneVsRestClassifier
    from skorch import NeuralNetClassifier

    def pair(n_in, n_out):
        convolution = torch.nn.Conv2d
        return [convolution(n_in, n_out, 3), torch.nn.ReLU(), convolution(n_out, n_out, 3), torch.nn.ReLU()]

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            norm, pool = torch.nn.BatchNorm2d, torch.nn.MaxPool2d
            self.layers = torch.nn.Sequential(
                *[*pair(3, 32), pool(2), norm(32), *pair(32, 64), pool(2), norm(64), *pair(64, 128)],
                *[torch.nn.Flatten(), torch.nn.BatchNorm1d(128), torch.nn.Linear(128, 2), torch.nn.Softmax(-1)],
            )

        def forward(self, X):
            return self.layers(X)

    class Focal(torch.nn.Module):
        def forward(self, p, y):
            p = p.gather(1, y[:, None]).clamp_min(1e-7)
            return -((1 - p) ** 2 * p.log()).mean()

    torch.manual_seed(0)
    net = NeuralNetClassifier(
        Network, criterion=Focal, optimizer=torch.optim.Adam, lr=1e-3, batch_size=BATCH, max_epochs=epochs,
        train_split=None, iterator_train__shuffle=True, verbose=0, classes=[0, 1],
    )  # fmt: skip
    return OneVsRestClassifier(net)


def channels_first(X):
    """Images as a PyTorch network takes them."""
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2)).astype("float32") / 255


class KerasByHand:
    """What one writes without any wrapper: a loop over classes that builds, compiles and fits a Keras model."""

    def __init__(self, epochs=2):
        self.epochs = epochs

    def fit(self, X, y):
        import keras

        from sk_cifar_ovr import SparseCategoricalFocalLoss
        from sk_cifar_ovr.networks import cifar_cnn

        self.estimators_ = []
        for label in np.unique(y):
            keras.utils.set_random_seed(0)
            model = cifar_cnn({"image_shape_": X.shape[1:], "n_classes_": 2})
            model.compile("adam", SparseCategoricalFocalLoss())
            model.fit(X, (y == label).astype("int32"), batch_size=BATCH, epochs=self.epochs, verbose=0)
            self.estimators_.append(OfModel(model))
        return self


def bare_loop(X, y, precision, epochs=1):
    """A call that runs one compiled training step over all batches: what a fit costs beyond it is overhead.

    y holds 0 and 1; the weights go on from one call to the next, which returns them as a classifier.
    """
    import keras
    import tensorflow as tf

    from sk_cifar_ovr import SparseCategoricalFocalLoss

    network = our_classifier(epochs=1, precision=precision).fit(X[:BATCH], np.arange(BATCH) % 2).model_
    optimizer, focal = keras.optimizers.Adam(), SparseCategoricalFocalLoss()
    optimizer.build(network.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int32)])
    def step(x, labels):
        with tf.GradientTape() as tape:
            answers = network(x, training=True)
            loss = focal(labels, answers)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    y = y.astype("int32")

    def run():
        for epoch in range(epochs):
            order = np.random.default_rng(epoch).permutation(len(X))
            for start in range(0, len(X), BATCH):
                index = order[start : start + BATCH]
                step(X[index], y[index])
        return OfModel(network)

    return run


class OfModel:
    """A Keras model, asked as a classifier is."""

    def __init__(self, model):
        self.model = model

    def predict_proba(self, X):
        return self.model.predict(X, batch_size=1024, verbose=0)


def mean_f1(answers, y):
    """Mean positive F1 of one problem a column."""
    from sklearn.metrics import f1_score

    return float(np.mean([f1_score(y == k, answers[:, k], zero_division=0) for k in range(answers.shape[1])]))


def held_out_f1(binaries, X, y):
    """Mean positive F1 at 0.5 of ten fitted binary classifiers."""
    return mean_f1(np.stack([binary.predict_proba(X)[:, 1] for binary in binaries], axis=1) >= 0.5, y)
