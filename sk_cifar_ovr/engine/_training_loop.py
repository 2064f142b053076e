"""Train a network epoch by epoch. Each batch is copied from the caller's array, or read, just before its step."""

import logging
import math
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from .._shared.lazy_arrays import read as read_images
from .._shared.lazy_arrays import read_each
from .._shared.progress import Progress
from .._shared.variables import (
    OptimizerState,
    State,
    optimizer_config,
    optimizer_kind,
    read,
    same_shapes,
    to_numpy,
    write,
)
from ..exceptions import NetworkError, NonFiniteLossError
from ._batch_statistics import BatchStatistics
from ._batches import image_orders, wrapped
from ._learning_rate_schedules import SCHEDULES
from ._losses_of_steps import mean_of_steps
from ._prediction import for_device, prediction_batch
from ._start import start_anew
from ._training_job import Trained, TrainingJob
from .checkpoints import Checkpoints, Snapshot, describe
from .compiled import CompiledNetwork, Network, input_dtype, rate_is_value

logger = logging.getLogger(__name__)

CHECKED_IMAGES = 16
LARGE_WEIGHT = 1e6


def train_epochs(network: CompiledNetwork, job: TrainingJob, progress: Progress) -> Trained:
    """Train all layers of a network that are trainable.

    Parameters
    ----------
    network : CompiledNetwork
        Borrowed; its variables are overwritten. A `Network` if the job starts anew.
    job : TrainingJob
    progress : Progress

    Returns
    -------
    Trained

    Raises
    ------
    NetworkError
        If there is nothing to train.
    NonFiniteLossError
        If the loss or a weight becomes NaN or infinite.
    ValueError
        If the job starts from the state of another network.
    CheckpointError
        If the folder of checkpoints holds an unfinished training of other data or settings.
    """
    if not network.model.trainable_variables:
        raise NetworkError(f"{network.model.name!r} has no weights to train: all its layers are frozen.")
    job = replace(job, objective=job.objective.cast(input_dtype(network.model)))
    loop = _TrainingLoop(network, job, progress)
    loop.prepare()
    checkpoints = None
    if job.checkpoint is not None:
        description = describe(network.model, job)
        checkpoints = Checkpoints(Path(job.checkpoint), description, is_shared=job.shares_checkpoints)
        kept = checkpoints.latest()
        if kept is not None and kept.is_finished:
            return loop.finished_before(kept)
        if kept is not None:
            loop.resume(kept)
    try:
        _run_epochs(loop, checkpoints)
        trained = loop.finish()
    except NonFiniteLossError:
        if checkpoints is not None:
            # Resumed it would fail again.
            checkpoints.discard()
        raise
    if checkpoints is not None:
        optimizer = trained.optimizer_state.values
        checkpoints.write(Snapshot(trained.history, trained.losses, trained.state, optimizer, is_finished=True))
    return trained


def _run_epochs(loop: "_TrainingLoop", checkpoints: Checkpoints | None) -> None:
    """Train the epochs that are left, with callbacks and checkpoints."""
    plan, model = loop.job.plan, loop.network.model
    callbacks = keras.callbacks.CallbackList(
        plan.callbacks, model=model, verbose=0, epochs=plan.epochs, steps=loop.steps
    )
    # Keras' own callbacks look for both.
    model.optimizer = loop.trainer.optimizer
    model.stop_training = False
    try:
        callbacks.on_train_begin()
        while len(loop.losses) < plan.epochs and not (loop.should_stop() or model.stop_training):
            epoch = len(loop.losses)
            callbacks.on_epoch_begin(plan.first_epoch + epoch)
            logs = loop.epoch(epoch)
            callbacks.on_epoch_end(plan.first_epoch + epoch, logs)
            if checkpoints is not None and checkpoints.is_due():
                checkpoints.write(loop.snapshot())
        callbacks.on_train_end()
    finally:
        for callback in plan.callbacks:
            # The network is lent: a later fit trains it to something else.
            keras.callbacks.Callback.set_model(callback, None)


class _TrainingLoop:
    """The moving parts of one training."""

    def __init__(self, network: CompiledNetwork, job: TrainingJob, progress: Progress):
        self.network, self.job, self.data, self.progress = network, job, job.data, progress
        self.trainer = network.trainer(job.augmentation, job.optimizer, job.objective.graph)
        self.history: dict[str, list[float]] = {"loss": []}
        self.losses: list[np.ndarray] = []
        self.batch = min(job.plan.batch_size, len(self.data.train))
        self.steps = -(-len(self.data.train) // self.batch)
        self.dtype = input_dtype(network.model)
        self.scale = np.asarray(self.data.scale, self.dtype)
        self.statistics = BatchStatistics(self.trainer, job)
        self.best: tuple[float, State | None, int] = (math.inf, None, -1)

    def prepare(self) -> None:
        """Load the values to start with into the network, the optimizer and the augmentation."""
        network, trainer, start, plan = self.network, self.trainer, self.job.start, self.job.plan
        if start.state is None:
            assert isinstance(network, Network)
            start_anew(network, self.job)
        elif same_shapes(network.model.variables, start.state):
            network.set_state(start.state)
        else:
            raise ValueError(
                "The network is another one than in the last fit: warm_start and partial_fit continue with the same "
                "model and its options. Fit a clone instead."
            )
        self.statistics.begin()
        trainer.reset_optimizer()
        if start.optimizer_state is not None:
            trainer.resume(start.optimizer_state)
        if rate_is_value(trainer.optimizer):
            trainer.optimizer.learning_rate = optimizer_config(self.job.optimizer)["learning_rate"]
        trainer.reseed_augmentation([plan.seed, plan.first_epoch])
        network.forget()
        rng = np.random.default_rng([plan.seed, plan.first_epoch])
        self.orders = image_orders(len(self.data.train), self.data.balance, self.batch, rng)
        self.mean_weight = self.data.mean_weight()
        self.peak = float(trainer.optimizer.learning_rate) if rate_is_value(trainer.optimizer) else 0.0

    def snapshot(self) -> Snapshot:
        """All that the epochs so far have changed."""
        state, optimizer = read(self.trainer.model.variables), read(self.trainer.optimizer.variables)
        return Snapshot(self.history, self.losses, state, optimizer, self.best)

    def resume(self, kept: Snapshot) -> None:
        """Go on from a snapshot of the same training."""
        write(self.trainer.model.variables, kept.state)
        write(self.trainer.optimizer.variables, kept.optimizer)
        self.history, self.losses, self.best = kept.history, kept.losses, kept.best
        for _ in kept.losses:
            next(self.orders)
        self.count_as_done(len(kept.losses))

    def finished_before(self, kept: Snapshot) -> Trained:
        """The outcome of a training that an earlier call has finished."""
        self.count_as_done(len(kept.losses))
        state = OptimizerState(optimizer_kind(self.trainer.optimizer), kept.optimizer)
        return Trained(self.job.network, kept.state, state, kept.history, kept.losses)

    def count_as_done(self, n_epochs: int) -> None:
        """Count epochs of an earlier call in the progress."""
        self.progress.skip(n_epochs * len(self.data.train) * self.data.n_networks)

    def epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch and return its losses."""
        data, program, values = self.data, self.trainer.program, self.job.objective.values
        rates = self.learning_rates(epoch)
        self.trainer.begin_epoch(self.job.plan.first_epoch + epoch)
        program.begin()
        losses, sizes = [], []
        order = next(self.orders)
        with closing(self.batches(order, range(0, len(order), self.batch))) as batches:
            for rate, (x, y, weights, n_new) in zip(rates, batches, strict=True):
                losses.append(program.train(x, y, weights, self.scale, rate, values))
                sizes.append(n_new)
                self.progress.advance(n_new * data.n_networks, epoch=epoch)
        program.end()
        self.losses.append(mean_of_steps(losses, sizes, epoch))
        logs = {"loss": float(self.losses[-1].sum())}
        if len(data.validation):
            self.statistics.update_for_validation()
            logs["val_loss"] = self.validation_loss()
            if self.job.plan.early_stopping and logs["val_loss"] < self.best[0]:
                self.best = (logs["val_loss"], self.network.get_state(), epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        logger.debug("epoch %d: %s", epoch + 1, logs)
        return logs

    def learning_rates(self, epoch: int) -> np.ndarray:
        """Learning rate of each step of an epoch."""
        if not rate_is_value(self.trainer.optimizer):
            return np.zeros(self.steps, self.dtype)
        plan = self.job.plan
        # Without a schedule, a callback may have changed the rate since the last epoch.
        peak = self.peak if plan.learning_rate else float(self.trainer.optimizer.learning_rate)
        done = (epoch * self.steps + np.arange(self.steps)) / (self.steps * plan.epochs)
        return (peak * SCHEDULES[plan.learning_rate](done)).astype(self.dtype)

    def batches(self, order: np.ndarray, starts: Iterable[int]) -> Generator[tuple, None, None]:
        """Images, labels and weights of batches of an order, and how many of their images are new in the epoch."""
        parts = [wrapped(order, start, self.batch) for start in starts]
        with closing(read_each(self.data.X, (self.data.train[index] for index, _ in parts))) as images:
            for (index, n_new), x in zip(parts, images, strict=True):
                yield for_device(x, self.dtype), *self.targets_of(self.data.train[index], n_new), n_new

    def targets_of(self, index: np.ndarray, n_new: int) -> tuple[np.ndarray, np.ndarray]:
        """Labels and weights of one batch; images that only fill it up have weight 0."""
        labels = self.data.labels[index].astype("int32")
        n_heads = (labels.shape[1] if labels.ndim == 2 else 1) // self.data.n_networks
        weights = self.data.weights_of(index) / (self.mean_weight * n_new * n_heads)
        weights[n_new:] = 0.0
        return labels, weights.astype(self.dtype)

    def validation_loss(self) -> float:
        """Weighted mean loss of the validation images, averaged over the tasks."""
        data, objective = self.data, self.job.objective
        total, weight = np.zeros(data.labels.shape[1:]), np.zeros(data.labels.shape[1:])
        size = prediction_batch(self.network.model)
        parts = [data.validation[start : start + size] for start in range(0, len(data.validation), size)]
        with closing(read_each(data.X, parts)) as batches:
            for index, x in zip(parts, batches, strict=True):
                y_pred = self.network.predict_batch(for_device(x, self.dtype), self.scale)
                labels = keras.ops.convert_to_tensor(data.labels[index].astype("int32"))
                values = objective.graph(labels, keras.ops.convert_to_tensor(y_pred), **objective.values)
                weights = data.weights_of(index)
                total += np.sum(to_numpy(values) * weights, axis=0)
                weight += np.sum(weights, axis=0)
        has_weight = weight > 0
        return float(np.mean(total[has_weight] / weight[has_weight]))

    def should_stop(self) -> bool:
        """Whether early stopping ends the training here."""
        plan = self.job.plan
        return plan.early_stopping and len(self.losses) - 1 - self.best[2] >= plan.patience

    def finish(self) -> Trained:
        """The outcome, after a check that it can be used."""
        optimizer = self.trainer.optimizer
        optimizer_state = self.trainer.optimizer_state()
        n_epochs = len(self.losses)
        if optimizer.use_ema:
            optimizer.finalize_variable_values(self.network.model.trainable_variables)
        if self.best[1] is not None:
            self.network.set_state(self.best[1])
            n_epochs = self.best[2] + 1
        self.network.forget()
        self.statistics.update_after(n_epochs)
        state = self.network.get_state()
        self.check_finite(state)
        return Trained(self.job.network, state, optimizer_state, self.history, self.losses)

    def check_finite(self, state: State) -> None:
        """Refuse a network that the last step, whose effect no loss has shown, made useless."""
        largest = np.max([np.abs(values).max(initial=0) for values in state if values.dtype.kind == "f"], initial=0)
        fine = np.isfinite(largest)
        if fine:
            # Finite weights may be large enough for outputs that are not finite.
            self.network.set_state(state)
            n = CHECKED_IMAGES if largest < LARGE_WEIGHT else prediction_batch(self.network.model)
            images = for_device(read_images(self.data.X, self.data.train[:n]), self.dtype)
            fine = np.isfinite(self.network.predict_batch(images, self.scale)).all()
        if not fine:
            raise NonFiniteLossError(
                "Weights or outputs became NaN or infinite in the last step, and the network was thrown away. "
                "Lower optimizer__learning_rate, or set optimizer__clipnorm."
            )
