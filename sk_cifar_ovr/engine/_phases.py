"""Training in two phases: the last layer alone, on features computed once, and then all that is trainable."""

from dataclasses import dataclass, replace
from typing import Any

import keras

from .._shared.progress import Progress
from .._shared.variables import OptimizerState, State
from ..networks import Pretrained
from ._feature_cache import stored_features
from ._training_data import Rows
from ._training_loop import Schedule, Trained, start, train
from .compiled import Network, Objective, rate_is_value


@dataclass(frozen=True)
class Phases:
    """What is trained when.

    Attributes
    ----------
    head_epochs : int
        Epochs of the last layer alone, before those of the schedule.
    fine_tune_rate : float
        Share of the learning rate in the epochs after those.
    cache : str, path-like or None
        Folder to keep features in.
    pretrained : Pretrained or None
        Weights to start anew with.
    """

    head_epochs: int = 0
    fine_tune_rate: float = 1.0
    cache: Any = None
    pretrained: Pretrained | None = None


def train_in_phases(
    network: Network,
    rows: Rows,
    objective: Objective,
    optimizer: keras.optimizers.Optimizer,
    schedule: Schedule,
    phases: Phases,
    *,
    state: State | None,
    optimizer_state: OptimizerState | None,
    progress: Progress,
) -> Trained:
    """Train a network: first its last layer, where `phases` says so, then all of it.

    While nothing in front of the last layer is trained, images go through the network once and the last layer is
    trained on what came out: in the head epochs, and throughout where the rest is frozen and no augmentation
    changes the images.

    Parameters
    ----------
    network : Network
    rows : Rows
    objective : Objective
    optimizer : keras.optimizers.Optimizer
        Settings only.
    schedule : Schedule
        Of the epochs after the head epochs.
    phases : Phases
    state : list of ndarray or None
    optimizer_state : OptimizerState or None
        Where to go on from; then there are no head epochs.
    progress : Progress

    Returns
    -------
    Trained
        Of both phases; the optimizer's state is that of the second.

    Raises
    ------
    NonFiniteLossError
        If the loss or a weight becomes NaN or infinite.
    NetworkError
        If there are head epochs and the network cannot be cut in front of its last layer.
    """
    head_epochs = phases.head_epochs if state is None else 0
    frozen = network.is_frozen() and network.training_model is network.model
    progress.phase, progress.first_epoch = "", 0
    how: dict[str, Any] = {"progress": progress}
    # Refused where it cannot be had, before anything is trained.
    lower = slower(optimizer, phases.fine_tune_rate) if head_epochs else optimizer
    if not (head_epochs or frozen):
        return train(
            network, rows, objective, optimizer, schedule,
            state=state, optimizer_state=optimizer_state, pretrained=phases.pretrained, **how,
        )  # fmt: skip
    if state is None:
        start(network, rows, objective, schedule.seed, phases.pretrained)
    else:
        network.set_state(state)
        # The head is trained apart, and where that fails the network no longer holds this state.
        network.forget()
    parts = network.parts()
    features = replace(rows, X=stored_features(parts, rows, phases.cache, progress), scale=1.0)
    trained = None
    if head_epochs:
        progress.phase = "head"
        first = replace(schedule, epochs=head_epochs)
        trained = _train_head(parts.head, features, objective, optimizer, first, None, **how)
        progress.first_epoch = head_epochs
        optimizer, headed = lower, network.get_state()
        schedule = replace(schedule, first_epoch=schedule.first_epoch + len(trained.losses))
    if frozen:
        progress.phase = "head"
        second = _train_head(parts.head, features, objective, optimizer, schedule, optimizer_state, **how)
        second.state = network.get_state()
    else:
        del features
        progress.phase = "all layers"
        second = train(network, rows, objective, optimizer, schedule, state=network.get_state(), **how)
    if trained is None:
        return second
    if schedule.early_stopping and min(trained.history["val_loss"]) < min(second.history["val_loss"]):
        second.state = headed
    return _joined(trained, second)


def slower(optimizer: keras.optimizers.Optimizer, share: float) -> keras.optimizers.Optimizer:
    """An optimizer of the same settings at a share of its learning rate.

    Raises
    ------
    ValueError
        If its learning rate is a schedule, and so no number to be multiplied.
    """
    if share == 1:
        return optimizer
    if not rate_is_value(optimizer):
        raise ValueError(
            "fine_tune_rate multiplies the learning rate, and this optimizer has a schedule of its own: give a number "
            "and schedule='cosine', or set fine_tune_rate=1."
        )
    settings = optimizer.get_config()
    return optimizer.__class__.from_config({**settings, "learning_rate": settings["learning_rate"] * share})


def _train_head(head, features, objective, optimizer, schedule, optimizer_state, *, progress):
    trained = train(
        head, features, objective, optimizer, schedule,
        state=head.get_state(), optimizer_state=optimizer_state, progress=progress,
    )  # fmt: skip
    # Early stopping and averaged weights may have chosen other values than the last step's.
    head.set_state(trained.state)
    return trained


def _joined(first: Trained, second: Trained) -> Trained:
    history = {name: first.history[name] + second.history[name] for name in second.history}
    return replace(second, history=history, losses=first.losses + second.losses)
