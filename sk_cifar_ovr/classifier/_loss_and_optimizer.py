"""Losses, optimizers and augmentations by name, and what an optimizer cannot be combined with."""

import inspect
from typing import Any

import keras

from .._shared.text import nearest
from .._shared.variables import optimizer_config
from ..augment import AUGMENTATIONS
from ..engine.compiled import rate_is_value
from ..losses import SparseCategoricalCrossentropy, SparseCategoricalFocalLoss
from ._routed_parameters import options_of, routed_parameters

LOSSES = {
    "focal": SparseCategoricalFocalLoss,
    "crossentropy": SparseCategoricalCrossentropy,
}
KERAS_MOMENTUM = 0.99
EMA_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def loss_class(loss) -> Any:
    """A Keras loss class, or the instance given.

    Parameters
    ----------
    loss : {"focal", "crossentropy"}, keras.losses.Loss, or a subclass of it

    Returns
    -------
    type or keras.losses.Loss

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(f"loss={loss!r}{nearest(loss, LOSSES)}: use one of {sorted(LOSSES)} or a Keras loss.")
        return LOSSES[loss]
    if isinstance(loss, keras.losses.Loss) or (inspect.isclass(loss) and issubclass(loss, keras.losses.Loss)):
        return loss
    raise ValueError(f"loss={loss!r}: use one of {sorted(LOSSES)}, a keras.losses.Loss or a subclass of it.")


def optimizer_class(optimizer) -> Any:
    """A Keras optimizer class, or the instance given.

    Parameters
    ----------
    optimizer : str, keras.optimizers.Optimizer, or a subclass of it

    Returns
    -------
    type or keras.optimizers.Optimizer

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(optimizer, str):
        known = _named_optimizers()
        try:
            return known.get(optimizer.lower()) or type(keras.optimizers.get(optimizer))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"optimizer={optimizer!r} is not an optimizer of Keras{nearest(optimizer, known)}."
            ) from error
    scaling = keras.optimizers.LossScaleOptimizer
    if isinstance(optimizer, scaling) or (_is_optimizer(optimizer) and issubclass(optimizer, scaling)):
        raise ValueError("optimizer: a LossScaleOptimizer is for float16, which is not among the precisions here.")
    if isinstance(optimizer, keras.optimizers.Optimizer) or _is_optimizer(optimizer):
        return optimizer
    raise ValueError(f"optimizer={optimizer!r}: use the name of a Keras optimizer, an instance or a class.")


def _is_optimizer(value) -> bool:
    return inspect.isclass(value) and issubclass(value, keras.optimizers.Optimizer)


def _named_optimizers() -> dict[str, type]:
    # `keras.optimizers.get` does not know all of them.
    unnamed = (keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer)
    found = {name.lower(): cls for name, cls in vars(keras.optimizers).items() if _is_optimizer(cls)}
    return {name: cls for name, cls in found.items() if cls not in unnamed}


def augmentation_layer(augment, routed: dict[str, Any]) -> keras.layers.Layer | None:
    """Layer of that name with its routed parameters, or the layer given.

    Parameters
    ----------
    augment : None, str or keras.layers.Layer
    routed : dict
        Routed parameters; those that start with ``augment__`` belong to a layer given by name.

    Returns
    -------
    keras.layers.Layer or None

    Raises
    ------
    TypeError
        If it is something else.
    """
    if augment is None or isinstance(augment, keras.layers.Layer):
        return augment
    if isinstance(augment, str):
        # Equal settings make equal layers; a fit seeds them anew.
        return AUGMENTATIONS[augment](**{"name": augment, "seed": 0, **options_of("augment", routed)})
    raise TypeError(f"augment={augment!r}: use one of {sorted(AUGMENTATIONS)} or a keras.layers.Layer.")


def check_optimizer(optimizer: keras.optimizers.Optimizer, settings) -> None:
    """Refuse parameters of a CNNClassifier that contradict its optimizer.

    Raises
    ------
    ValueError
        Naming both.
    """
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


def averaging_the_last_steps(
    optimizer: keras.optimizers.Optimizer, settings, n_steps: int
) -> keras.optimizers.Optimizer:
    """An optimizer whose average of the weights covers the last tenth of the steps, at most a thousand.

    The result is one of a few round numbers, since each is another compiled graph. A momentum that was chosen stays:
    by a routed parameter, by an instance, or as the default of its class.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
    settings : CNNClassifier
    n_steps : int
        Of the whole training.
    """
    config = optimizer_config(optimizer)
    routed = "optimizer__ema_momentum" in routed_parameters(settings)
    chosen = routed or isinstance(settings.optimizer, keras.optimizers.Optimizer)
    if not optimizer.use_ema or chosen or config.get("ema_momentum") != KERAS_MOMENTUM:
        return optimizer
    reach = max(steps for steps in EMA_STEPS if steps <= max(n_steps / 10, 1))
    return optimizer.__class__.from_config({**config, "ema_momentum": 1 - 1 / reach})
