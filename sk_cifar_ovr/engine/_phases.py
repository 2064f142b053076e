"""Training in phases: the last layer alone on features that are computed once, then all that is trainable."""

from dataclasses import replace

import keras

from .._shared.processes import end_with_parent
from .._shared.progress import Progress
from .._shared.variables import State, optimizer_config
from ._feature_cache import stored_features
from ._start import start_anew
from ._training_job import StartingPoint, Trained, TrainingJob
from ._training_loop import train_epochs
from .compiled import CompiledNetwork, Network, borrow, input_dtype, rate_is_value


def train(job: TrainingJob, progress: Progress) -> Trained:
    """Train a network: in ``plan.head_epochs`` its last layer, then all of it.

    As long as nothing before the last layer is trained, the images go through the network once and the last layer is
    trained on what came out. That is so in the head epochs, and throughout if all layers before the last are frozen
    and no augmentation changes the images.

    Parameters
    ----------
    job : TrainingJob
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
        If there are head epochs and the network cannot be cut before its last layer.
    """
    end_with_parent()
    progress.phase, progress.first_epoch = "", 0
    with borrow(job.network, job.plan.seed) as network:
        job = replace(job, network=network.spec, objective=job.objective.cast(input_dtype(network.model)))
        head_epochs = job.plan.head_epochs if job.start.state is None else 0
        frozen = network.is_frozen() and job.augmentation is None
        if head_epochs or frozen:
            trained = _train_head_first(network, job, head_epochs, frozen, progress)
        else:
            trained = train_epochs(network, job, progress)
        heads = network.joint.split(trained.state) if network.joint is not None else []
        return replace(trained, network=network.spec, heads=heads)


def _train_head_first(network: Network, job: TrainingJob, head_epochs: int, frozen: bool, progress: Progress):
    """Train the last layer on stored features, then all layers unless the others are frozen."""
    # Refused before anything is trained.
    lower = slower(job.optimizer, job.plan.fine_tune_rate) if head_epochs else job.optimizer
    if job.start.state is None:
        start_anew(network, job)
    else:
        network.set_state(job.start.state)
        # The head is trained apart; if that fails, the network no longer holds this state.
        network.forget()
    parts = network.parts()
    features = replace(job.data, X=stored_features(parts, job.data, job.feature_cache, progress), scale=1.0)
    head_job = replace(job, data=features, augmentation=None)
    first: Trained | None = None
    headed: State = []
    if head_epochs:
        progress.phase = "head"
        plan = replace(job.plan, epochs=head_epochs)
        first = _train_head(parts.head, replace(head_job, plan=plan, start=StartingPoint()), progress)
        progress.first_epoch = head_epochs
        headed = network.get_state()
        plan = replace(job.plan, first_epoch=job.plan.first_epoch + len(first.losses))
        job, head_job = (replace(each, plan=plan, optimizer=lower) for each in (job, head_job))
    if frozen:
        progress.phase = "head"
        second = _train_head(parts.head, head_job, progress)
        second = replace(second, state=network.get_state())
    else:
        del features, head_job
        progress.phase = "all layers"
        second = train_epochs(network, replace(job, start=StartingPoint(network.get_state())), progress)
    if first is None:
        return second
    if job.plan.early_stopping and min(first.history["val_loss"]) < min(second.history["val_loss"]):
        second = replace(second, state=headed)
    history = {name: first.history[name] + second.history[name] for name in second.history}
    return replace(second, history=history, losses=first.losses + second.losses)


def slower(optimizer: keras.optimizers.Optimizer, share: float) -> keras.optimizers.Optimizer:
    """An optimizer of the same settings with a share of its learning rate.

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
    settings = optimizer_config(optimizer)
    return optimizer.__class__.from_config({**settings, "learning_rate": settings["learning_rate"] * share})


def _train_head(head: CompiledNetwork, job: TrainingJob, progress: Progress) -> Trained:
    """Train the last layer, from the values that it holds."""
    start = StartingPoint(head.get_state(), job.start.optimizer_state)
    trained = train_epochs(head, replace(job, start=start), progress)
    # Early stopping and averaged weights may have chosen other values than the last step's.
    head.set_state(trained.state)
    return trained
