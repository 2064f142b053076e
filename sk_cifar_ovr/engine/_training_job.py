"""All that one training needs, in one object."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from .._shared.variables import OptimizerState, State
from ..networks import Pretrained
from ._training_data import TrainingData
from .compiled import NetworkSpec, Objective


@dataclass(frozen=True)
class TrainingPlan:
    """How long and in what steps to train.

    Attributes
    ----------
    epochs : int
    batch_size : int
    seed : int
        Of the weights and of the order of the images.
    head_epochs : int
        Epochs of the last layer alone, before `epochs`.
    fine_tune_rate : float
        Share of the learning rate in the epochs after `head_epochs`.
    first_epoch : int
        Epochs trained before. They count in callbacks, and seed the order of the images and the augmentation anew.
    learning_rate : {"one_cycle", "cosine"} or None
        Learning-rate schedule; None keeps the rate.
    early_stopping : bool
        Stop when the validation loss has not fallen for `patience` epochs, and keep the best weights.
    patience : int
    callbacks : list of keras.callbacks.Callback
    batch_statistics : {"exact", "moving"}
        Statistics of batch normalisation: an average that belongs to the present weights, or Keras' own.
    """

    epochs: int
    batch_size: int
    seed: int
    head_epochs: int = 0
    fine_tune_rate: float = 1.0
    first_epoch: int = 0
    learning_rate: str | None = None
    early_stopping: bool = False
    patience: int = 5
    callbacks: list = field(default_factory=list)
    batch_statistics: str = "exact"


@dataclass(frozen=True)
class StartingPoint:
    """Values with which a training begins.

    Attributes
    ----------
    state : list of ndarray or None
        Of an earlier training; None starts anew.
    optimizer_state : OptimizerState or None
        Of an earlier training; None starts anew.
    pretrained : Pretrained or None
        Weights of the backbone, for a training that starts anew.
    """

    state: State | None = None
    optimizer_state: OptimizerState | None = None
    pretrained: Pretrained | None = None


@dataclass(frozen=True)
class TrainingJob:
    """A training, ready to run.

    Attributes
    ----------
    network : NetworkSpec
    data : TrainingData
    objective : Objective
    optimizer : keras.optimizers.Optimizer
        Settings only; it is neither built nor changed.
    plan : TrainingPlan
    augmentation : keras.layers.Layer or None
        Settings of a layer that changes the images in training.
    start : StartingPoint
    feature_cache : str, path-like or None
        Folder in which features of the layers before the last are kept.
    checkpoint : str, path-like or None
        Folder of checkpoints, from which the training continues if it was killed.
    shares_checkpoints : bool
        Whether that folder serves other trainings too, as those of a search.
    """

    network: NetworkSpec
    data: TrainingData
    objective: Objective
    optimizer: keras.optimizers.Optimizer
    plan: TrainingPlan
    augmentation: keras.layers.Layer | None = None
    start: StartingPoint = StartingPoint()
    feature_cache: Any = None
    checkpoint: Any = None
    shares_checkpoints: bool = False


@dataclass(frozen=True)
class Trained:
    """Outcome of a training.

    Attributes
    ----------
    network : NetworkSpec
        With the key of its graph.
    state : list of ndarray
        Values of all variables.
    optimizer_state : OptimizerState
        From which a later training may continue.
    history : dict of lists of float
        ``loss``, ``val_loss``: one value an epoch.
    losses : list of ndarray
        Loss of each task in each epoch, () or (K,).
    heads : list of lists of ndarray
        Of a network with K heads: the values of each head's own network.
    """

    network: NetworkSpec
    state: State
    optimizer_state: OptimizerState
    history: dict[str, list[float]]
    losses: list[np.ndarray] = field(default_factory=list)
    heads: list[State] = field(default_factory=list)
