"""From a fit that is ready to run to a trained network."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np

from .._shared.progress import Progress
from ..engine import Phases, Rows, Schedule, Trained, make_draw, train_in_phases
from ..engine.compiled import borrow, handed_dtype, make_objective, rate_is_value
from ._jobs import Job
from ._train_validation_split import Material, split

KERAS_MOMENTUM = 0.99
EMA_REACH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def run_job(
    job: Job,
    *,
    labels: np.ndarray,
    weigh: Callable[..., np.ndarray | None],
    sample_weight: np.ndarray | None,
    stratify: np.ndarray,
    epochs: int,
    head_epochs: int = 0,
    sampler: Any | None = None,
    progress: Progress | None = None,
    keep_optimizer: bool = False,
) -> Trained:
    """Train the job's network.

    Parameters
    ----------
    job : Job
    labels : ndarray of int, shape (n,) or (n, K)
        Encoded; K columns for a network with K heads.
    weigh : callable ``(labels, weights) -> ndarray of shape (C,) or (K, C), or None``
        Class weights, worked out from the rows that are trained on.
    sample_weight : ndarray of shape (n,) or None
    stratify : ndarray of shape (n,)
        Labels that a validation split keeps in proportion, and balanced batches are drawn from.
    epochs : int
    head_epochs : int, default=0
        Epochs of the last layer alone, before those.
    sampler : ProblemSampler, a list of them for K heads, or None
        Resamples the rows to train on.
    progress : Progress or None
        None shows this fit's own.
    keep_optimizer : bool
        Go on from an earlier training's optimizer, and keep this one's.

    Returns
    -------
    Trained
    """
    settings, earlier = job.settings, job.earlier
    loss, optimizer = job.bridge.compiled_parts()
    check_optimizer(optimizer, settings)
    data = split(job.X, labels, sample_weight, stratify, settings, job.seed)
    if sampler is not None:
        data = data.resampled(sampler)
    rows = weighted(data, job, weigh)
    schedule = Schedule(
        epochs=epochs,
        batch_size=settings.batch_size,
        seed=job.seed,
        first_epoch=job.first_epoch,
        early_stopping=settings.early_stopping and len(data.validation) > 0,
        patience=settings.n_iter_no_change,
        callbacks=list(settings.callbacks or []),
        course=settings.schedule,
    )
    total = epochs + head_epochs
    n_steps = (job.first_epoch + total) * -(-len(rows.train) // settings.batch_size)
    optimizer = averaging_the_last(optimizer, settings, n_steps)
    phases = Phases(head_epochs, settings.fine_tune_rate, settings.feature_cache, job.pretrained)
    n_shown = len(stratify) * rows.n_networks * total
    own = Progress(n_shown, total, settings.verbose) if progress is None else nullcontext(progress)
    with borrow(job.spec, job.seed) as network, own as bar:
        counts = None if data.counts is None else data.counts[data.train]
        dtype = handed_dtype(network.model).name
        objective = make_objective(loss, data.labels[data.train], int(job.bridge.n_classes_), dtype, counts)
        trained = train_in_phases(
            network,
            rows,
            objective,
            optimizer,
            schedule,
            phases,
            state=earlier.state if earlier else None,
            optimizer_state=earlier.optimizer_state if earlier and keep_optimizer else None,
            progress=bar,
        )
        # Rows held out, resampled, or left over by an early end.
        bar.skip(n_shown - len(rows.train) * rows.n_networks * len(trained.losses))
        if network.joint is not None:
            trained.heads = network.joint.split(trained.state)
    if not keep_optimizer:
        trained.optimizer_state = None
    return trained


def check_optimizer(optimizer: keras.optimizers.Optimizer, settings) -> None:
    """Refuse parameters of a CNNClassifier that contradict its optimizer."""
    if settings.early_stopping and optimizer.use_ema:
        raise ValueError(
            "early_stopping keeps the weights of one epoch and use_ema of the optimizer averages over epochs: "
            "choose one."
        )
    if settings.schedule is not None and not rate_is_value(optimizer):
        raise ValueError(
            f"schedule={settings.schedule!r} scales the learning rate, and this optimizer has a schedule of its own: "
            "give a number, or schedule=None."
        )


def weighted(data: Material, job: Job, weigh: Callable[..., np.ndarray | None]) -> Rows:
    """Rows of a split with all that training takes of them; `weigh` as in `run_job`."""
    weights = None if data.weights is None else data.weights[data.train]
    rows = Rows(
        data.X,
        data.labels,
        data.weights,
        weigh(data.labels[data.train], weights),
        data.train,
        data.validation,
        job.scale,
        make_draw(data.groups[data.train], job.settings.balanced_batches),
        n_networks=1 if job.spec.shares_trunk else job.spec.n_heads or 1,
    )
    if len(rows.validation) and not rows.weights_of(rows.validation).any():
        raise ValueError(
            "No row held out for validation weighs anything: change class_weight, or hold out more by "
            "validation_fraction."
        )
    return rows


def averaging_the_last(optimizer: keras.optimizers.Optimizer, settings, n_steps: int) -> keras.optimizers.Optimizer:
    """An optimizer whose average of weights reaches back over a tenth of the steps, over a thousand at most.

    Only round numbers come out, since each is another program. Where the reach was chosen, by a routed parameter, a
    given optimizer or its class's default, it stays.
    """
    config = optimizer.get_config()
    routed = "optimizer__ema_momentum" in settings._routed or isinstance(settings.optimizer, keras.optimizers.Optimizer)
    if not optimizer.use_ema or routed or config.get("ema_momentum") != KERAS_MOMENTUM:
        return optimizer
    reach = max(r for r in EMA_REACH if r <= max(n_steps / 10, 1))
    return optimizer.__class__.from_config({**config, "ema_momentum": 1 - 1 / reach})
