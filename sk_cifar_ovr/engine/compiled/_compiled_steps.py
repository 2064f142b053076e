"""The steps of a model that each backend compiles: training, statistics of batch normalisation, prediction.

Everything that differs between fits (sample weights, learning rate, values of the loss) is an argument of the
training step, so that fits of the same graph share one compiled graph.
"""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from ...exceptions import BatchSizeWarning
from ._model_parts import momentum_of, normalizing_layers

Values = dict[str, np.ndarray]
LossFunction = Callable[..., Any]

traces = {"training": 0}


def trace_count() -> int:
    """Number of training graphs traced or compiled in this process so far."""
    return traces["training"]


class CompiledSteps:
    """Training step and prediction of a model on one backend; the arguments are those of `compile_program`.

    Call `begin` before the first training step and `end` after the last one.
    """

    def __init__(self, model: keras.Model, optimizer=None, loss: LossFunction | None = None):
        self._model = model
        self._dtype = model.inputs[0].dtype
        self._optimizer = optimizer
        self._loss: Any = loss
        self._normalizing = normalizing_layers(model)
        # Images that prediction takes at once, once memory was not enough for more.
        self._max_batch: int | None = None

    # Backends that train the variables in place have nothing to copy.
    def begin(self) -> None:
        """Copy the values of the variables into the state of the training step."""

    def end(self) -> None:
        """Copy the trained values back to the variables."""

    def train(self, x, y, weights, scale, learning_rate, values: Values):
        """Update the weights with one batch.

        Parameters
        ----------
        x : ndarray of shape (n, ...)
            Images of any numeric dtype.
        y : ndarray of int, shape (n,) or (n, K)
            Labels, for each of K tasks that are trained together.
        weights : ndarray of float, shape (n,) or (n, K)
            Sample weights.
        scale : ndarray of float, shape ()
            Factor that brings the pixels to 0-255.
        learning_rate : ndarray of float, shape ()
            Ignored if the optimizer has a schedule.
        values : dict of str to ndarray
            Arguments of the loss.

        Returns
        -------
        tensor of shape () or (K,)
            Weighted sum of the losses of the batch, for each task.
        """
        raise NotImplementedError

    def update_statistics(self, x, scale, momentum) -> None:
        """Update the statistics of batch normalisation with one batch, without a step; between `begin` and `end`.

        `momentum`, of shape (), replaces that of the layers. The states of random generators change.
        """
        raise NotImplementedError

    def predict(self, x, scale) -> np.ndarray:
        """Output of the model in inference mode for one batch, which is halved until memory is enough.

        Later batches are then cut as well.

        Warns
        -----
        BatchSizeWarning
            If a batch was halved.

        Raises
        ------
        MemoryError
            If memory is not enough for one image.
        """
        parts: list[np.ndarray] = []
        done = 0
        while not parts or done < len(x):
            size = len(x) - done if self._max_batch is None else min(self._max_batch, len(x) - done)
            part = self._predicted_or_none(x[done : done + size], scale)
            if part is None:
                self._max_batch = (size + 1) // 2
                continue
            parts.append(part)
            done += size
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _predicted_or_none(self, x, scale) -> np.ndarray | None:
        """Output of the model, or None if memory was not enough."""
        try:
            return self._predict(x, scale)
        except Exception as error:
            # Outside this block nothing holds the tensors of the failed attempt.
            if not (isinstance(error, MemoryError) or self._is_out_of_memory(error)):
                raise
            if len(x) <= 1:
                raise MemoryError(
                    f"Memory is not enough for {self._model.name!r} to predict a single image of shape {x.shape[1:]}: "
                    "use smaller images or a smaller network, end other programs that use the device, or use one with "
                    "more memory."
                ) from error
        warnings.warn(
            f"Memory was not enough to predict {len(x)} images at once; this process continues with batches of "
            f"{(len(x) + 1) // 2}. Predictions are the same.",
            BatchSizeWarning,
            stacklevel=2,
        )
        return None

    def _predict(self, x, scale) -> np.ndarray:
        """Output of the model for all of one batch."""
        raise NotImplementedError

    def _is_out_of_memory(self, error: Exception) -> bool:
        """Whether the backend raised an error because memory was not enough."""
        raise NotImplementedError

    def _inputs(self, x, scale):
        """Images in the model's dtype, with pixels from 0 to 255."""
        return ops.cast(x, self._dtype) * ops.cast(scale, self._dtype)

    def _run_in_training(self, x, scale, momentum):
        with momentum_of(self._normalizing, momentum):
            self._model(self._inputs(x, scale), training=True)

    def _losses(self, y, y_pred, weights, values, penalties):
        """Weighted sum of the losses for each task, () or (K,); weight penalties are divided among the tasks."""
        per_image = self._loss(y, y_pred, **values)
        losses = ops.sum(per_image * ops.cast(weights, per_image.dtype), axis=0)
        n_tasks = losses.shape[0] if len(losses.shape) else 1
        for penalty in penalties:
            losses = losses + ops.cast(penalty, losses.dtype) / n_tasks
        return losses
