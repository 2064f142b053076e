"""The compiled steps of a model for each Keras backend."""

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from ..._shared.variables import to_numpy
from ...exceptions import NetworkError
from ._compiled_steps import CompiledSteps, LossFunction, Values, traces
from ._model_parts import momentum_of
from ._objective import rate_is_value, set_learning_rate


class TensorFlowSteps(CompiledSteps):
    """Training step and prediction as `tf.function`."""

    def __init__(self, model: keras.Model, optimizer=None, loss: LossFunction | None = None):
        import tensorflow as tf

        super().__init__(model, optimizer, loss)
        self._functions: dict[Any, Any] = {}
        if optimizer is not None and not tf.distribute.has_strategy():
            # Keras sums gradients over replicas, also over a single one, by a function with a gradient of its own.
            # TensorFlow registers that for good, and with it the whole graph of the training step.
            optimizer._all_reduce_sum_gradients = list

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
        import tensorflow as tf

        names = tuple(sorted(values))
        arrays = [x, y, weights, scale, learning_rate, *(values[name] for name in names)]
        try:
            return self._compiled(self._step, arrays, [True, True, True] + [False] * (len(arrays) - 3))
        except tf.errors.InvalidArgumentError as error:
            if "grouped convolutions" not in str(error):
                raise
            raise NetworkError(
                f"{self._model.name!r} cannot be trained here: TensorFlow has no gradients of grouped convolutions on "
                "a CPU without oneDNN. Start Python without TF_ENABLE_ONEDNN_OPTS=0, keep the layers behind such a "
                "convolution frozen, or use another network or backend."
            ) from error

    def _step(self, x, y, weights, scale, learning_rate, *value_list):
        import tensorflow as tf

        traces["training"] += 1
        model, optimizer = self._model, self._optimizer
        values = dict(zip(sorted(self._loss.value_names), value_list, strict=True))
        with tf.GradientTape() as tape:
            y_pred = model(self._inputs(x, scale), training=True)
            losses = self._losses(y, y_pred, weights, values, model.losses)
            total = optimizer.scale_loss(ops.sum(losses))
        gradients = tape.gradient(total, model.trainable_variables)
        set_learning_rate(optimizer, learning_rate)
        optimizer.apply(gradients, model.trainable_variables)
        return losses

    def update_statistics(self, x, scale, momentum) -> None:
        self._compiled(self._run_in_training, [x, scale, momentum], [True, False, False])

    def _predict(self, x, scale) -> np.ndarray:
        return to_numpy(self._compiled(self._forward, [x, scale], [True, False]))

    def _is_out_of_memory(self, error):
        import tensorflow as tf

        return isinstance(error, tf.errors.ResourceExhaustedError)

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
        traces["training"] += 1
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
        trainable, others, optimizer_values = self._state
        self._state = (
            trainable,
            self._statistics(trainable, others, _distributed(x), scale, momentum),
            optimizer_values,
        )

    def _raw_statistics(self, trainable, non_trainable, x, scale, momentum):
        with momentum_of(self._normalizing, momentum):
            return self._model.stateless_call(trainable, non_trainable, self._inputs(x, scale), training=True)[1]

    def _predict(self, x, scale) -> np.ndarray:
        n = len(x)
        # A power-of-two batch keeps the number of compiled shapes small.
        size = 1 << max(n - 1, 0).bit_length()
        if size > n:
            x = np.concatenate([x, np.broadcast_to(x[:1], (size - n, *x.shape[1:]))])
        trainable = [v.value for v in self._model.trainable_variables]
        non_trainable = [v.value for v in self._model.non_trainable_variables]
        return to_numpy(self._forward(trainable, non_trainable, x, scale))[:n]

    def _is_out_of_memory(self, error):
        import jax

        return isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)

    def _raw_forward(self, trainable, non_trainable, x, scale):
        return self._model.stateless_call(trainable, non_trainable, self._inputs(x, scale), training=False)[0]


class TorchSteps(CompiledSteps):
    """Training step and prediction that run eagerly, without a compiled graph."""

    def __init__(self, model: keras.Model, optimizer=None, loss: LossFunction | None = None):
        super().__init__(model, optimizer, loss)
        if optimizer is not None:
            traces["training"] += 1

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
            set_learning_rate(self._optimizer, learning_rate)
            self._optimizer.apply([v.value.grad for v in variables], variables)
        return losses.detach()

    def update_statistics(self, x, scale, momentum) -> None:
        import torch

        with torch.no_grad():
            self._run_in_training(ops.convert_to_tensor(x), scale, momentum)

    def _predict(self, x, scale) -> np.ndarray:
        import torch

        with torch.no_grad():
            y_pred = self._model(self._inputs(ops.convert_to_tensor(x), scale), training=False)
        return to_numpy(y_pred)

    def _is_out_of_memory(self, error):
        import torch

        # The allocator for CPUs raises a plain RuntimeError.
        of_cpu = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
        return of_cpu or isinstance(error, torch.OutOfMemoryError)


def _distributed(array):
    """A batch divided among the devices, if a `keras.distribution` is set."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return array
    layout = distribution.get_data_layout(array.shape)
    return keras.distribution.distribute_tensor(ops.convert_to_tensor(array), layout)


def forget_kernels() -> None:
    """Drop the kernels that TensorFlow keeps for all functions; those still in use are made again by the next call."""
    if keras.backend.backend() == "tensorflow":
        # As `keras.utils.clear_session` does, which resets more. TensorFlow has no public name for it.
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()


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
