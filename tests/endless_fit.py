"""A program for the tests of interrupts: it fits once, fits again without an end, and says what an interrupt left.

``python endless_fit.py KIND FOLDER`` writes a file FOLDER/<process> for each process that trains without an end.
"""

import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.model_selection import GridSearchCV
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images

ENDLESS = 10**6


class Started(keras.callbacks.Callback):
    """Writes a file when the second epoch begins."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            Path(self.folder, str(os.getpid())).touch()


def make(kind, base):
    """The estimator, and the prefix of the parameters of the network in it."""
    if kind == "network":
        return base, ""
    if kind == "joint":
        return OneVsRestCNNClassifier(base), "estimator__"
    if kind == "independent":
        return OneVsRestCNNClassifier(base, strategy="independent"), "estimator__"
    if kind == "independent in processes":
        return OneVsRestCNNClassifier(base, strategy="independent", n_jobs=2), "estimator__"
    if kind == "search in processes":
        return GridSearchCV(base, {"loss": ["focal", "crossentropy"]}, cv=2, n_jobs=2), "estimator__"
    raise ValueError(kind)


def main(kind, folder):
    warnings.simplefilter("ignore")
    digits = load_digit_images()
    X, y = digits.images[:300], digits.target[:300] % 3
    estimator, prefix = make(kind, CNNClassifier(model=dense, epochs=1, batch_size=100, random_state=0))
    estimator.fit(X, y)
    before, attributes = estimator.predict_proba(X), sorted(vars(estimator))
    estimator.set_params(**{f"{prefix}epochs": ENDLESS, f"{prefix}callbacks": [Started(folder)]})
    print("fitted once", flush=True)
    try:
        estimator.fit(X, y)
    except KeyboardInterrupt:
        is_kept = sorted(vars(estimator)) == attributes and np.array_equal(estimator.predict_proba(X), before)
        print("kept" if is_kept else "lost", flush=True)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
