"""The compiled training step and the compiled prediction of a model, for each Keras backend.

Everything that differs between fits (sample weights, learning rate, values of the loss) is an argument of the
training step, so that fits of the same graph share one compiled graph.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from ._normalization import momentum_of, normalizing_layers

Values = dict[str, np.ndarray]
LossFunction = Callable[..., Any]

_traces = {"training": 0}


def trace_count() -> int:
    """Number of training graphs traced or compiled in this process so far."""
    return _traces["training"]


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
        """Update the statistics of batch normalisation with one batch; the weights stay as they are.

        Call it between `begin` and `end`, as `train`. The states of random generators move on.

        Parameters
        ----------
        x : ndarray of shape (n, ...)
        scale : ndarray of float, shape ()
        momentum : ndarray of float, shape ()
            Share of the statistics so far, in place of the layers' own.
        """
        raise NotImplementedError

    def predict(self, x, scale) -> np.ndarray:
        """Output of the model in inference mode for one batch."""
        raise NotImplementedError

    def _inputs(self, x, scale):
        """Images in the model's dtype, with pixels from 0 to 255."""
        return ops.cast(x, self._dtype) * ops.cast(scale, self._dtype)

    def _losses(self, y, y_pred, weights, values, penalties):
        """Weighted sum of the losses for each task, () or (K,); weight penalties are divided among the tasks."""
        per_image = self._loss(y, y_pred, **values)
        losses = ops.sum(per_image * ops.cast(weights, per_image.dtype), axis=0)
        n_tasks = losses.shape[0] if len(losses.shape) else 1
        for penalty in penalties:
            losses = losses + ops.cast(penalty, losses.dtype) / n_tasks
        return losses


class TensorFlowSteps(CompiledSteps):
    """Training step and prediction as `tf.function`."""

    def __init__(self, model: keras.Model, optimizer=None, loss: LossFunction | None = None):
        super().__init__(model, optimizer, loss)
        self._functions: dict[Any, Any] = {}

    def _compiled(self, python_function, arrays, batched):
        import tensorflow as tf

        # One graph serves every batch size; another dtype or rank needs another graph.
        signature = []
        for array, any_length in zip(arrays, batched, strict=True):
            shape = (None, *array.shape[1:]) if any_length else array.shape
            signature.append(tf.TensorSpec(shape, array.dtype))
        key = (python_function, tuple(signature))
        if key not in self._functions:
            self._functions[key] = tf.function(
                # TensorFlow counts retraces per code object, and would warn if many networks trace this one. A partial
                # object has no code object.
                partial(python_function),
                input_signature=signature,
                # XLA makes small convolutions slower on a CPU.
                jit_compile=bool(tf.config.list_physical_devices("GPU")),
                autograph=False,
            )
        return self._functions[key](*arrays)

    def train(self, x, y, weights, scale, learning_rate, values: Values):
        names = tuple(sorted(values))
        arrays = [x, y, weights, scale, learning_rate, *(values[name] for name in names)]
        return self._compiled(self._step, arrays, [True, True, True] + [False] * (len(arrays) - 3))

    def _step(self, x, y, weights, scale, learning_rate, *value_list):
        import tensorflow as tf

        _traces["training"] += 1
        model, optimizer = self._model, self._optimizer
        values = dict(zip(sorted(self._loss.value_names), value_list, strict=True))
        with tf.GradientTape() as tape:
            y_pred = model(self._inputs(x, scale), training=True)
            losses = self._losses(y, y_pred, weights, values, model.losses)
            total = optimizer.scale_loss(ops.sum(losses))
        gradients = tape.gradient(total, model.trainable_variables)
        _set_learning_rate(optimizer, learning_rate)
        optimizer.apply(gradients, model.trainable_variables)
        return losses

    def update_statistics(self, x, scale, momentum) -> None:
        self._compiled(self._statistics, [x, scale, momentum], [True, False, False])

    def _statistics(self, x, scale, momentum):
        with momentum_of(self._normalizing, momentum):
            self._model(self._inputs(x, scale), training=True)

    def predict(self, x, scale) -> np.ndarray:
        return self._compiled(self._forward, [x, scale], [True, False]).numpy()

    def _forward(self, x, scale):
        return self._model(self._inputs(x, scale), training=False)


class JaxSteps(CompiledSteps):
    """Training step and prediction as `jax.jit` of stateless calls."""

    def __init__(self, model: keras.Model, optimizer=None, loss: LossFunction | None = None):
        import jax

        super().__init__(model, optimizer, loss)
        self._step = jax.jit(self._raw_step, donate_argnums=0)
        self._statistics = jax.jit(self._raw_statistics, donate_argnums=1)
        self._forward = jax.jit(self._raw_forward)
        self._state: Any = None

    def _variables(self):
        optimizer_variables = self._optimizer.variables if self._optimizer is not None else []
        return self._model.trainable_variables, self._model.non_trainable_variables, optimizer_variables

    def begin(self) -> None:
        import jax.numpy as jnp

        # Copies: the step donates its buffers, and the variables must stay readable.
        self._state = tuple([jnp.array(v.value, copy=True) for v in group] for group in self._variables())

    def end(self) -> None:
        for variables, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._state = None

    def train(self, x, y, weights, scale, learning_rate, values: Values):
        x, y, weights = (_distributed(array) for array in (x, y, weights))
        self._state, losses = self._step(self._state, (x, y, weights), scale, learning_rate, values)
        return losses

    def _raw_step(self, state, batch, scale, learning_rate, values):
        import jax

        x, y, weights = batch
        _traces["training"] += 1
        model, optimizer = self._model, self._optimizer
        trainable, non_trainable, optimizer_values = state
        if rate_is_value(optimizer):
            rate = optimizer.learning_rate
            optimizer_values = [
                ops.cast(learning_rate, v.dtype) if v is rate else value
                for v, value in zip(optimizer.variables, optimizer_values, strict=True)
            ]

        def total_loss(trainable):
            y_pred, new_non_trainable, penalties = model.stateless_call(
                trainable, non_trainable, self._inputs(x, scale), training=True, return_losses=True
            )
            losses = self._losses(y, y_pred, weights, values, penalties)
            return optimizer.scale_loss(ops.sum(losses)), (new_non_trainable, losses)

        (_, (non_trainable, losses)), gradients = jax.value_and_grad(total_loss, has_aux=True)(trainable)
        trainable, optimizer_values = optimizer.stateless_apply(optimizer_values, gradients, trainable)
        return (trainable, non_trainable, optimizer_values), losses

    def update_statistics(self, x, scale, momentum) -> None:
        trainable, non_trainable, optimizer_values = self._state
        non_trainable = self._statistics(trainable, non_trainable, _distributed(x), scale, momentum)
        self._state = (trainable, non_trainable, optimizer_values)

    def _raw_statistics(self, trainable, non_trainable, x, scale, momentum):
        with momentum_of(self._normalizing, momentum):
            return self._model.stateless_call(trainable, non_trainable, self._inputs(x, scale), training=True)[1]

    def predict(self, x, scale) -> np.ndarray:
        n = len(x)
        # A power-of-two batch keeps the number of compiled shapes small.
        size = 1 << max(n - 1, 0).bit_length()
        if size > n:
            x = np.concatenate([x, np.broadcast_to(x[:1], (size - n, *x.shape[1:]))])
        trainable = [v.value for v in self._model.trainable_variables]
        non_trainable = [v.value for v in self._model.non_trainable_variables]
        return np.asarray(self._forward(trainable, non_trainable, x, scale))[:n]

    def _raw_forward(self, trainable, non_trainable, x, scale):
        return self._model.stateless_call(trainable, non_trainable, self._inputs(x, scale), training=False)[0]


class TorchSteps(CompiledSteps):
    """Training step and prediction that run eagerly, without a compiled graph."""

    def __init__(self, model: keras.Model, optimizer=None, loss: LossFunction | None = None):
        super().__init__(model, optimizer, loss)
        if optimizer is not None:
            _traces["training"] += 1

    def train(self, x, y, weights, scale, learning_rate, values: Values):
        import torch

        model = self._model
        x, y, weights = (ops.convert_to_tensor(a) for a in (x, y, weights))
        y_pred = model(self._inputs(x, scale), training=True)
        losses = self._losses(y, y_pred, weights, values, model.losses)
        variables = model.trainable_variables
        for variable in variables:
            # `model.zero_grad()` skips variables with equal paths, which networks trained side by side have.
            variable.value.grad = None
        self._optimizer.scale_loss(losses.sum()).backward()
        with torch.no_grad():
            _set_learning_rate(self._optimizer, learning_rate)
            self._optimizer.apply([v.value.grad for v in variables], variables)
        return losses.detach()

    def update_statistics(self, x, scale, momentum) -> None:
        import torch

        with torch.no_grad(), momentum_of(self._normalizing, momentum):
            self._model(self._inputs(ops.convert_to_tensor(x), scale), training=True)

    def predict(self, x, scale) -> np.ndarray:
        import torch

        with torch.no_grad():
            y_pred = self._model(self._inputs(ops.convert_to_tensor(x), scale), training=False)
        return ops.convert_to_numpy(y_pred)


def _distributed(array):
    """A batch divided among the devices, if a `keras.distribution` is set."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return array
    layout = distribution.get_data_layout(array.shape)
    return keras.distribution.distribute_tensor(ops.convert_to_tensor(array), layout)


def rate_is_value(optimizer) -> bool:
    """Whether the learning rate is a number, which can change without a new graph, and not a schedule."""
    return isinstance(getattr(optimizer, "_learning_rate", None), keras.Variable)


def _set_learning_rate(optimizer, learning_rate):
    if rate_is_value(optimizer):
        optimizer.learning_rate = learning_rate


def compile_program(model: keras.Model, optimizer=None, loss: LossFunction | None = None) -> CompiledSteps:
    """Compile the training step and the prediction of a model on the current backend.

    Parameters
    ----------
    model : keras.Model
        Functional model with one input and one output.
    optimizer : keras.optimizers.Optimizer or None, default=None
        Built on the model's trainable variables; None if the model is only used for prediction.
    loss : callable or None, default=None
        ``loss(y, y_pred, **values)`` returns one value per image. ``loss.value_names`` lists the names of `values`.

    Returns
    -------
    CompiledSteps
    """
    backends: dict[str, type[CompiledSteps]] = {
        "tensorflow": TensorFlowSteps,
        "jax": JaxSteps,
        "torch": TorchSteps,
    }
    return backends[keras.backend.backend()](model, optimizer, loss)
