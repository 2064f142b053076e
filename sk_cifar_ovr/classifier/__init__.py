"""`CNNClassifier`: images and labels are checked and encoded once, and become a job for `engine`.

In come images, labels and parameters; out come a fitted estimator and, for the rooms above, the steps of a fit as
functions. SciKeras is used behind `_scikeras`. It trains several binary tasks together if it is given their
labels; what these tasks are, folds and imbalanced-learn are unknown here.
"""

from ._base import BaseImageClassifier
from ._classifier import CNNClassifier
from ._fitting import CHOICES, FitMode, copy_fitted, fit_classifier, run_job, set_choices, set_fitted, training_job
from ._held_out import HeldOut, held_out
from ._keras_models import checked_outputs, set_trained, set_up_trained
from ._loss_and_optimizer import optimizer_class
from ._network_setup import NetworkSetup, expected_scale, restored_spec, set_up_network, untrained_spec
from ._scikeras import is_scikeras, scikeras_input, scikeras_network
from ._train_validation_split import Targets, TaskSampler, ValidationSplitError
from .inputs import (
    LEARNT,
    LabelledImages,
    checked_images,
    checked_weights,
    images_like_fitted,
    keeps_last_fit,
    labelled_images,
)
from .recipes import describe_choices, with_choices, with_recipe

__all__ = [
    "CHOICES",
    "LEARNT",
    "BaseImageClassifier",
    "CNNClassifier",
    "FitMode",
    "HeldOut",
    "LabelledImages",
    "NetworkSetup",
    "Targets",
    "TaskSampler",
    "ValidationSplitError",
    "checked_images",
    "checked_outputs",
    "checked_weights",
    "copy_fitted",
    "describe_choices",
    "expected_scale",
    "fit_classifier",
    "held_out",
    "images_like_fitted",
    "is_scikeras",
    "keeps_last_fit",
    "labelled_images",
    "optimizer_class",
    "restored_spec",
    "run_job",
    "scikeras_input",
    "scikeras_network",
    "set_choices",
    "set_fitted",
    "set_trained",
    "set_up_network",
    "set_up_trained",
    "training_job",
    "untrained_spec",
    "with_choices",
    "with_recipe",
]
