"""Losses for binary problems that the study compares with the package's own; names, titles and settings of all."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="loss_study")
class LogitAdjusted(keras.losses.Loss):
    """Cross-entropy of answers whose odds are multiplied, in training only, with the odds of the labels.

    Menon et al. (2021), "Long-tail learning via logit adjustment".
    """

    def __init__(self, positive_shares=(0.1,), **options):
        super().__init__(**options)
        self.positive_shares = tuple(positive_shares)

    def call(self, y_true, y_pred):
        log_p = ops.log(ops.maximum(y_pred, np.finfo("float32").tiny))
        if y_pred.shape[-1] == 2:
            shares = np.array(self.positive_shares, "float32")
            prior = np.log(np.stack([1 - shares, shares], axis=-1))
            # One problem has a row of two, K problems together K rows.
            log_p = ops.log_softmax(log_p + (prior if len(y_pred.shape) == 3 else prior[0]), axis=-1)
        labels = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])
        return -ops.sum(ops.cast(labels, log_p.dtype) * log_p, axis=-1)

    def get_config(self):
        return {**super().get_config(), "positive_shares": self.positive_shares}


@keras.saving.register_keras_serializable(package="loss_study")
class Asymmetric(keras.losses.Loss):
    """Focal loss for negatives alone, those below a margin left out.

    Ridnik et al. (2021), "Asymmetric Loss For Multi-Label Classification"; its published values.
    """

    def __init__(self, gamma_positive=0.0, gamma_negative=4.0, margin=0.05, **options):
        super().__init__(**options)
        self.gamma_positive, self.gamma_negative, self.margin = gamma_positive, gamma_negative, margin

    def call(self, y_true, y_pred):
        tiny = np.finfo("float32").tiny
        p = y_pred[..., 1]
        positive = ops.cast(ops.equal(ops.cast(y_true, "int32"), 1), p.dtype)
        shifted = ops.maximum(p - self.margin, 0.0)
        yes = ops.exp(self.gamma_positive * ops.log(ops.maximum(1 - p, tiny))) * ops.log(ops.maximum(p, tiny))
        no = ops.exp(self.gamma_negative * ops.log(ops.maximum(shifted, tiny))) * ops.log(1 - shifted)
        return -(positive * yes + (1 - positive) * no)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("gamma_positive", "gamma_negative", "margin")}
        return {**super().get_config(), **own}


def settings(name, shares):
    """Parameters of `CNNClassifier` for a loss of the study; `shares` are the positive shares of the problems."""
    if name.startswith("focal"):
        gamma, _, weights = name.removeprefix("focal_").partition("_")
        chosen = {"loss": "focal", "loss__gamma": float(gamma)}
        return chosen | {"": {}, "alpha": {"loss__alpha": "balanced"}, "weights": {"class_weight": "balanced"}}[weights]
    return {
        "crossentropy": {"loss": "crossentropy"},
        "weights": {"loss": "crossentropy", "class_weight": "balanced"},
        "balanced_batches": {"loss": "crossentropy", "balanced_batches": True},
        "logit_adjusted": {"loss": LogitAdjusted(shares)},
        "asymmetric": {"loss": Asymmetric()},
    }[name]


TITLES = {
    "crossentropy": "cross-entropy",
    **{f"focal_{gamma}": f"focal, gamma {gamma}" for gamma in ("0.5", "1", "2", "3")},
    **{f"focal_{gamma}_alpha": f"focal, gamma {gamma}, balanced alpha" for gamma in ("0.5", "1", "2", "3")},
    "weights": "balanced class weights",
    "focal_2_weights": "focal, gamma 2, balanced class weights",
    "balanced_batches": "balanced batches",
    "logit_adjusted": "logit adjustment",
    "asymmetric": "asymmetric loss",
}
NAMES = list(TITLES)
