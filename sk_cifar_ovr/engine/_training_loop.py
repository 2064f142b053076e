"""The training loop: rows in, trained values out. Images stay in the caller's array until their batch."""

import logging
import math
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from .._shared.progress import Progress
from .._shared.variables import OptimizerState, State, fits, read, write
from ..exceptions import NetworkError, NonFiniteLossError
from ..networks import Pretrained
from ._batches import drawn, shuffled, wrapped
from ._learning_rate_schedules import COURSES
from ._prediction import for_device, prediction_batch
from ._training_data import Rows
from .compiled import Network, Objective, Trainer, handed_dtype, rate_is_value, seeded_building

logger = logging.getLogger(__name__)

SETTLING_STEPS = 100
ADAPTING_ROWS = 1000
CHECKED_ROWS = 16
LARGE_WEIGHT = 1e6


@dataclass(frozen=True)
class Schedule:
    """How long and in what steps to train.

    Attributes
    ----------
    epochs, batch_size : int
    first_epoch : int
        Number of epochs trained before; counts in progress and callbacks only.
    seed : int
        Of the weights and of the order of the rows.
    early_stopping : bool
        Stop when the validation loss has not fallen for `patience` epochs, and keep the best weights.
    patience : int
    callbacks : list of keras.callbacks.Callback
    course : {"one_cycle", "cosine"} or None
        How the learning rate changes from step to step; None keeps it.
    """

    epochs: int
    batch_size: int
    seed: int
    first_epoch: int = 0
    early_stopping: bool = False
    patience: int = 5
    callbacks: list = field(default_factory=list)
    course: str | None = None


@dataclass
class Trained:
    """Outcome of a training.

    Attributes
    ----------
    state : list of ndarray
        Values of all variables.
    optimizer_state : OptimizerState or None
        Where a later training may go on from.
    history : dict of lists of float
        ``loss``, ``val_loss``: one value an epoch.
    losses : list of ndarray
        Loss of each problem in each epoch, () or (K,).
    heads : list of lists of ndarray
        Of a network with K heads: the values of each head's own network.
    """

    state: State
    optimizer_state: OptimizerState | None
    history: dict[str, list[float]]
    losses: list[np.ndarray] = field(default_factory=list)
    heads: list[State] = field(default_factory=list)


def train(
    network: Any,
    rows: Rows,
    objective: Objective,
    optimizer: keras.optimizers.Optimizer,
    schedule: Schedule,
    *,
    state: State | None = None,
    optimizer_state: OptimizerState | None = None,
    pretrained: Pretrained | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    network : Network, or CompiledNetwork where there is a `state`
        A borrowed network; its variables are overwritten.
    rows : Rows
    objective : Objective
    optimizer : keras.optimizers.Optimizer
        Settings only; the caller's object is neither built nor changed.
    schedule : Schedule
    state : list of ndarray or None
    optimizer_state : OptimizerState or None
        Where to go on from; None starts anew.
    pretrained : Pretrained or None
        Weights to start anew with.
    progress : Progress or None

    Returns
    -------
    Trained

    Raises
    ------
    NetworkError
        If there is nothing to train.
    NonFiniteLossError
        If the loss or a weight becomes NaN or infinite.
    """
    if not network.model.trainable_variables:
        raise NetworkError(f"{network.model.name!r} has no weights to train: all its layers are frozen.")
    trainer = network.trainer(optimizer, objective.graph)
    if state is not None and not fits(network.model.variables, state):
        raise ValueError(
            "The network is another one than in the last fit: warm_start and partial_fit go on with the same model "
            "and its options. Fit a clone instead."
        )
    if state is None:
        start(network, rows, objective, schedule.seed, pretrained)
    else:
        network.set_state(state)
    trainer.reset_optimizer()
    if optimizer_state is not None:
        trainer.resume(optimizer_state)
    if rate_is_value(trainer.optimizer):
        trainer.optimizer.learning_rate = optimizer.get_config()["learning_rate"]
    network.reseed_augmentation([schedule.seed, schedule.first_epoch])
    network.forget()
    steps = -(-len(rows.train) // schedule.batch_size)
    callbacks = keras.callbacks.CallbackList(
        schedule.callbacks, model=network.model, verbose=0, epochs=schedule.epochs, steps=steps
    )
    # Keras' own callbacks look for both.
    network.model.optimizer = trainer.optimizer
    network.model.stop_training = False
    run = _Run(network, trainer, rows, objective, schedule, progress or Progress(0))
    try:
        callbacks.on_train_begin()
        for epoch in range(schedule.epochs):
            callbacks.on_epoch_begin(schedule.first_epoch + epoch)
            logs = run.epoch(epoch)
            callbacks.on_epoch_end(schedule.first_epoch + epoch, logs)
            if run.should_stop() or network.model.stop_training:
                break
        callbacks.on_train_end()
    finally:
        for callback in schedule.callbacks:
            # The network is lent: a later fit trains it to something else.
            keras.callbacks.Callback.set_model(callback, None)
    return run.finish()


def start(network: Network, rows: Rows, objective: Objective, seed: int, pretrained: Pretrained | None) -> None:
    """Give a network the values that training starts with."""
    network.set_state(network.initial_state(seed))
    network.forget()
    if pretrained is not None:
        # It may build a network to read a file with, which no generator of the caller's notices.
        with seeded_building(seed):
            pretrained.load_into(network.model)
    network.adapt_to_images(_some_images(network, rows, seed))
    if rows.labels.ndim == 2:
        shares = rows.class_shares(network.model.outputs[0].shape[-1], objective.values.get("alpha", 1.0))
        network.start_at(shares)


class _Run:
    """The moving parts of one training."""

    def __init__(self, network, trainer: Trainer, rows: Rows, objective, schedule: Schedule, progress):
        self.network, self.trainer, self.rows = network, trainer, rows
        self.objective, self.schedule, self.progress = objective, schedule, progress
        self.history: dict[str, list[float]] = {"loss": []}
        self.losses: list[np.ndarray] = []
        self.batch = min(schedule.batch_size, len(rows.train))
        rng = np.random.default_rng([schedule.seed, schedule.first_epoch])
        self.orders = shuffled(len(rows.train), rng) if rows.draw is None else drawn(rows.draw, self.batch, rng)
        self.mean_weight = rows.mean_weight()
        self.peak = float(trainer.optimizer.learning_rate) if rate_is_value(trainer.optimizer) else 0.0
        self.best: tuple[float, State | None, int] = (math.inf, None, -1)
        self.dtype = handed_dtype(network.model)
        self.scale = np.asarray(rows.scale, self.dtype)

    def epoch(self, epoch: int) -> dict[str, float]:
        rows, program = self.rows, self.trainer.program
        rates = self.rates(epoch)
        self.network.begin_epoch(self.schedule.first_epoch + epoch)
        program.begin()
        losses, sizes = [], []
        order = next(self.orders)
        for step, start in enumerate(range(0, len(order), self.batch)):
            index, n_new = wrapped(order, start, self.batch)
            x, y, weights = self.batch_of(rows.train[index], n_new)
            losses.append(program.train(x, y, weights, self.scale, rates[step], self.objective.values))
            sizes.append(n_new)
            self.progress.advance(n_new * rows.n_networks, epoch=epoch)
        program.end()
        values = np.array([keras.ops.convert_to_numpy(loss) for loss in losses], "float64")
        if not np.isfinite(values).all():
            step = int(np.argwhere(~np.isfinite(values))[0, 0])
            raise NonFiniteLossError(
                f"The loss became {values[step].sum()} in epoch {epoch + 1}, step {step + 1}, and training stopped. "
                "Lower optimizer__learning_rate, or set optimizer__clipnorm; look for extreme sample weights."
            )
        self.losses.append(np.average(values, axis=0, weights=sizes))
        logs = {"loss": float(self.losses[-1].sum())}
        if len(rows.validation):
            logs["val_loss"] = self.validation_loss()
            if self.schedule.early_stopping and logs["val_loss"] < self.best[0]:
                self.best = (logs["val_loss"], self.network.get_state(), epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        logger.debug("epoch %d: %s", epoch + 1, logs)
        return logs

    def rates(self, epoch: int) -> np.ndarray:
        """Learning rate of each step of an epoch."""
        steps = -(-len(self.rows.train) // self.batch)
        if not rate_is_value(self.trainer.optimizer):
            return np.zeros(steps, self.dtype)
        # Without a course, a callback may have changed the rate since the last epoch.
        peak = self.peak if self.schedule.course else float(self.trainer.optimizer.learning_rate)
        done = (epoch * steps + np.arange(steps)) / (steps * self.schedule.epochs)
        return (peak * COURSES[self.schedule.course](done)).astype(self.dtype)

    def batch_of(self, index, n_new):
        """Images, labels and weights of one batch; rows that only fill it up weigh nothing."""
        x = for_device(self.rows.X[index], self.dtype)
        labels = self.rows.labels[index].astype("int32")
        n_heads = (labels.shape[1] if labels.ndim == 2 else 1) // self.rows.n_networks
        weights = self.rows.weights_of(index) / (self.mean_weight * n_new * n_heads)
        weights[n_new:] = 0.0
        return x, labels, weights.astype(self.dtype)

    def validation_loss(self) -> float:
        """Weighted mean of the held-out rows' losses, of several problems the mean."""
        rows, graph = self.rows, self.objective.graph
        total, weight = np.zeros(rows.labels.shape[1:]), np.zeros(rows.labels.shape[1:])
        size = prediction_batch(self.network.model)
        for start in range(0, len(rows.validation), size):
            index = rows.validation[start : start + size]
            y_pred = self.network.predict_batch(for_device(rows.X[index], self.dtype), self.scale)
            labels = keras.ops.convert_to_tensor(rows.labels[index].astype("int32"))
            values = graph(labels, keras.ops.convert_to_tensor(y_pred), **self.objective.values)
            weights = rows.weights_of(index)
            total += np.sum(keras.ops.convert_to_numpy(values) * weights, axis=0)
            weight += np.sum(weights, axis=0)
        weighs = weight > 0
        return float(np.mean(total[weighs] / weight[weighs]))

    def should_stop(self) -> bool:
        if not self.schedule.early_stopping:
            return False
        done = len(self.history["loss"])
        return done - 1 - self.best[2] >= self.schedule.patience

    def finish(self) -> Trained:
        optimizer = self.trainer.optimizer
        optimizer_state = self.trainer.optimizer_state()
        if optimizer.use_ema:
            optimizer.finalize_variable_values(self.network.model.trainable_variables)
            self.settle()
        state = self.network.get_state() if self.best[1] is None else self.best[1]
        self.check_finite(state)
        return Trained(state, optimizer_state, self.history, self.losses)

    def check_finite(self, state: State) -> None:
        """Refuse a network that the last step, whose effect no loss has shown, made useless."""
        largest = np.max([np.abs(values).max(initial=0) for values in state if values.dtype.kind == "f"], initial=0)
        fine = np.isfinite(largest)
        if fine:
            # Finite weights may be large enough for an answer that is not.
            self.network.set_state(state)
            n = CHECKED_ROWS if largest < LARGE_WEIGHT else prediction_batch(self.network.model)
            images = for_device(self.rows.X[self.rows.train[:n]], self.dtype)
            fine = np.isfinite(self.network.predict_batch(images, self.scale)).all()
        if not fine:
            raise NonFiniteLossError(
                "Weights or answers became NaN or infinite in the last step, and the network was thrown away. "
                "Lower optimizer__learning_rate, or set optimizer__clipnorm."
            )

    def settle(self) -> None:
        """Let batch normalisation learn the statistics of averaged weights: steps that move no weight."""
        model = self.network.model
        if not model.non_trainable_variables:
            return
        averaged = read(model.trainable_variables)
        self.trainer.reset_optimizer()
        program, still = self.trainer.program, self.dtype.type(0)
        order = next(self.orders)
        starts = range(0, len(order), self.batch)
        program.begin()
        for step in range(min(SETTLING_STEPS, len(starts) * len(self.history["loss"]))):
            index, n_new = wrapped(order, starts[step % len(starts)], self.batch)
            x, y, weights = self.batch_of(self.rows.train[index], n_new)
            program.train(x, y, weights, self.scale, still, self.objective.values)
            if not rate_is_value(self.trainer.optimizer):
                # A rate of its own moves the weights all the same.
                program.end()
                write(model.trainable_variables, averaged)
                program.begin()
        program.end()
        write(model.trainable_variables, averaged)


def _some_images(network: Network, rows: Rows, seed: int) -> np.ndarray:
    """Training images as the network sees them, for layers that adapt to them."""
    n = min(ADAPTING_ROWS, len(rows.train))
    index = np.random.default_rng([seed, n]).choice(rows.train, n, replace=False)
    dtype = np.dtype(network.model.inputs[0].dtype)
    return rows.X[index].astype(dtype) * dtype.type(rows.scale)
