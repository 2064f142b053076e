"""One compiled training step and one compiled prediction for each Keras backend.

A step takes everything that differs between fits as arguments (weights of the rows, learning rate,
values of the loss), so that fits of the same graph share one compiled program.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

Values = dict[str, np.ndarray]
LossFunction = Callable[..., Any]

traced = {"programs": 0}


def trace_count() -> int:
    """Number of training programs traced or compiled in this process so far."""
    return traced["programs"]


def _losses(loss: LossFunction, y, y_pred, weights, values, penalties):
    """Loss of each problem, () or (K,), to be added up; penalties of weights are spread evenly."""
    per_row = loss(y, y_pred, **values)
    losses = ops.sum(per_row * ops.cast(weights, per_row.dtype), axis=0)
    n_problems = losses.shape[0] if len(losses.shape) else 1
    for penalty in penalties:
        losses = losses + ops.cast(penalty, losses.dtype) / n_problems
    return losses


def _pixels(x, scale, dtype):
    return ops.cast(x, dtype) * ops.cast(scale, dtype)


class TensorFlowProgram:
    """Training step and prediction as `tf.function`."""

    def __init__(self, model: keras.Model, optimizer=None, loss=None):
        import tensorflow as tf

        self._tf = tf
        self._model = model
        self._dtype = model.inputs[0].dtype
        self._optimizer = optimizer
        self._loss = loss
        self._functions: dict[Any, Any] = {}

    def _compiled(self, python_function, arrays, batched):
        # One trace serves every batch size; only another dtype or rank asks for a new one.
        tf = self._tf
        signature = []
        for array, any_length in zip(arrays, batched, strict=True):
            shape = (None, *array.shape[1:]) if any_length else array.shape
            signature.append(tf.TensorSpec(shape, array.dtype))
        key = (python_function, tuple(signature))
        if key not in self._functions:
            on_gpu = bool(tf.config.list_physical_devices("GPU"))
            # XLA slows small convolutions down on a CPU.
            # TensorFlow counts the traces of equal code as one, and would warn that many networks trace often: a
            # partial object has no code of its own.
            self._functions[key] = tf.function(
                partial(python_function),
                input_signature=signature,
                jit_compile=on_gpu,
                autograph=False,
            )
        return self._functions[key](*arrays)

    def train(self, x, y, weights, scale, learning_rate, values: Values):
        names = tuple(sorted(values))
        arrays = [x, y, weights, scale, learning_rate, *(values[name] for name in names)]
        return self._compiled(self._step, arrays, [True, True, True] + [False] * (len(arrays) - 3))

    def _step(self, x, y, weights, scale, learning_rate, *value_list):
        traced["programs"] += 1
        tf, model, optimizer = self._tf, self._model, self._optimizer
        values = dict(zip(sorted(self._loss.value_names), value_list, strict=True))
        with tf.GradientTape() as tape:
            y_pred = model(_pixels(x, scale, self._dtype), training=True)
            losses = _losses(self._loss, y, y_pred, weights, values, model.losses)
            total = optimizer.scale_loss(ops.sum(losses))
        gradients = tape.gradient(total, model.trainable_variables)
        _set_learning_rate(optimizer, learning_rate)
        optimizer.apply(gradients, model.trainable_variables)
        return losses

    def predict(self, x, scale):
        return self._compiled(self._forward, [x, scale], [True, False]).numpy()

    def _forward(self, x, scale):
        return self._model(_pixels(x, scale, self._dtype), training=False)

    def begin(self):
        """Take the values of the variables in."""

    def end(self):
        """Write the trained values to the variables."""


class JaxProgram:
    """Training step and prediction as `jax.jit` of stateless calls."""

    def __init__(self, model: keras.Model, optimizer=None, loss=None):
        import jax

        self._model = model
        self._dtype = model.inputs[0].dtype
        self._optimizer = optimizer
        self._loss = loss
        self._step = jax.jit(self._raw_step, donate_argnums=0)
        self._forward = jax.jit(self._raw_forward)
        self._state: Any = None

    def begin(self):
        """Take the values of the variables in."""
        # Copies: the step donates its buffers, and the variables must stay readable.
        import jax.numpy as jnp

        groups = (
            self._model.trainable_variables,
            self._model.non_trainable_variables,
            self._optimizer.variables if self._optimizer is not None else [],
        )
        self._state = tuple([jnp.array(v.value, copy=True) for v in group] for group in groups)

    def end(self):
        """Write the trained values to the variables."""
        trained, others, optimizer = self._state
        for variables, values in (
            (self._model.trainable_variables, trained),
            (self._model.non_trainable_variables, others),
            (self._optimizer.variables, optimizer),
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._state = None

    def train(self, x, y, weights, scale, learning_rate, values: Values):
        x, y, weights = (_spread(array) for array in (x, y, weights))
        self._state, losses = self._step(self._state, x, y, weights, scale, learning_rate, values)
        return losses

    def _raw_step(self, state, x, y, weights, scale, learning_rate, values):
        import jax

        traced["programs"] += 1
        model, optimizer = self._model, self._optimizer
        trained, others, optimizer_values = state
        if rate_is_value(optimizer):
            rate = optimizer.learning_rate
            optimizer_values = [
                ops.cast(learning_rate, v.dtype) if v is rate else value
                for v, value in zip(optimizer.variables, optimizer_values, strict=True)
            ]

        def total_loss(trained):
            y_pred, new_others, penalties = model.stateless_call(
                trained, others, _pixels(x, scale, self._dtype), training=True, return_losses=True
            )
            losses = _losses(self._loss, y, y_pred, weights, values, penalties)
            return optimizer.scale_loss(ops.sum(losses)), (new_others, losses)

        (_, (others, losses)), gradients = jax.value_and_grad(total_loss, has_aux=True)(trained)
        trained, optimizer_values = optimizer.stateless_apply(optimizer_values, gradients, trained)
        return (trained, others, optimizer_values), losses

    def predict(self, x, scale):
        n = len(x)
        # A power-of-two batch keeps the number of compiled shapes small.
        size = 1 << max(n - 1, 0).bit_length()
        if size > n:
            x = np.concatenate([x, np.broadcast_to(x[:1], (size - n, *x.shape[1:]))])
        trained = [v.value for v in self._model.trainable_variables]
        others = [v.value for v in self._model.non_trainable_variables]
        return np.asarray(self._forward(trained, others, x, scale))[:n]

    def _raw_forward(self, trained, others, x, scale):
        return self._model.stateless_call(trained, others, _pixels(x, scale, self._dtype), training=False)[0]


class TorchProgram:
    """Training step and prediction run eagerly: PyTorch has no program to trace."""

    def __init__(self, model: keras.Model, optimizer=None, loss=None):
        self._model = model
        self._dtype = model.inputs[0].dtype
        self._optimizer = optimizer
        self._loss = loss
        if optimizer is not None:
            traced["programs"] += 1

    def train(self, x, y, weights, scale, learning_rate, values: Values):
        import torch

        model = self._model
        x, y, weights = (ops.convert_to_tensor(a) for a in (x, y, weights))
        y_pred = model(_pixels(x, scale, self._dtype), training=True)
        losses = _losses(self._loss, y, y_pred, weights, values, model.losses)
        variables = model.trainable_variables
        for variable in variables:
            # Not `model.zero_grad()`: it overlooks variables of equal paths, as networks side by side have.
            variable.value.grad = None
        self._optimizer.scale_loss(losses.sum()).backward()
        with torch.no_grad():
            _set_learning_rate(self._optimizer, learning_rate)
            self._optimizer.apply([v.value.grad for v in variables], variables)
        return losses.detach()

    def predict(self, x, scale):
        import torch

        with torch.no_grad():
            y_pred = self._model(_pixels(ops.convert_to_tensor(x), scale, self._dtype), training=False)
        return ops.convert_to_numpy(y_pred)

    def begin(self):
        """Take the values of the variables in."""

    def end(self):
        """Write the trained values to the variables."""


def _spread(array):
    """Rows of a batch shared out among devices, where the user has set a Keras distribution."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return array
    layout = distribution.get_data_layout(array.shape)
    return keras.distribution.distribute_tensor(ops.convert_to_tensor(array), layout)


def rate_is_value(optimizer) -> bool:
    """Whether the learning rate is a number, which can change without another graph, or a schedule."""
    return isinstance(getattr(optimizer, "_learning_rate", None), keras.Variable)


def _set_learning_rate(optimizer, learning_rate):
    if rate_is_value(optimizer):
        optimizer.learning_rate = learning_rate


def compile_program(model: keras.Model, optimizer=None, loss: LossFunction | None = None):
    """Program of the backend in use.

    Parameters
    ----------
    model : keras.Model
        Functional, one input, one output.
    optimizer : keras.optimizers.Optimizer or None
        Built on the model's trainable variables; None for a program that only predicts.
    loss : callable or None
        ``loss(y, y_pred, **values)``, one value a row, with the names of its values in ``value_names``.

    Returns
    -------
    object with ``train``, ``predict``, ``begin`` and ``end``
    """
    programs = {"tensorflow": TensorFlowProgram, "jax": JaxProgram, "torch": TorchProgram}
    return programs[keras.backend.backend()](model, optimizer, loss)
