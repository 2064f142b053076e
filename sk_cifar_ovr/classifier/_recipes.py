"""Recipes: named sets of training parameters, and the names that parameters stand for."""

import inspect
from typing import Any

import keras

from ..augment import AUGMENTATIONS
from ..engine.compiled import rate_is_value

RECIPES: dict[str, dict[str, Any]] = {
    "strong": {
        "augment": "flip_shift",
        "schedule": "one_cycle",
        "optimizer": "adamw",
        "optimizer__learning_rate": 3e-3,
        "optimizer__weight_decay": 1e-2,
        "test_flip": True,
    },
    "long": {
        "augment": "flip_shift",
        "augment__shift": 4,
        "augment__flip": "alternating",
        "schedule": "one_cycle",
        "optimizer": "adamw",
        "optimizer__learning_rate": 3e-3,
        "optimizer__weight_decay": 1e-2,
        "optimizer__use_ema": True,
        "test_flip": True,
    },
}


def with_recipe(estimator):
    """The estimator with its recipe spelt out as single parameters.

    Parameters
    ----------
    estimator : CNNClassifier
        Parameters that differ from their defaults win over the recipe. Another optimizer or augmentation than the
        recipe's leaves out what the recipe says of its own.

    Returns
    -------
    CNNClassifier
        Unfitted, sharing the parameters' objects; the same object where there is no recipe.
    """
    if estimator.recipe is None:
        return estimator
    given = estimator.get_params(deep=False)
    defaults = {name: p.default for name, p in inspect.signature(type(estimator)).parameters.items()}
    recipe = RECIPES[estimator.recipe]
    missing = {
        name: value
        for name, value in recipe.items()
        if (name not in given if "__" in name else given[name] is defaults[name] or given[name] == defaults[name])
    }
    if _has_own_schedule(given):
        missing.pop("schedule", None)
    for part in ("optimizer", "augment"):
        if part not in missing and given[part] != recipe[part]:
            missing = {name: value for name, value in missing.items() if not name.startswith(f"{part}__")}
    return type(estimator)(**{**given, **missing, "recipe": None})


def _has_own_schedule(params: dict[str, Any]) -> bool:
    """Whether the learning rate is no number that a schedule could scale."""
    optimizer, rate = params["optimizer"], params.get("optimizer__learning_rate")
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return True
    return isinstance(optimizer, keras.optimizers.Optimizer) and not rate_is_value(optimizer)


def find_augmentation(augment, routed: dict[str, Any]) -> keras.layers.Layer | None:
    """Layer of that name, or the layer given.

    Parameters
    ----------
    augment : None, str or keras.layers.Layer
    routed : dict
        Routed parameters; those that start with ``augment__`` are the layer's, where `augment` is a name.

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
        prefix = "augment__"
        options = {name.removeprefix(prefix): value for name, value in routed.items() if name.startswith(prefix)}
        # Equal settings make equal layers: Keras would number the names. A fit seeds it anew.
        return AUGMENTATIONS[augment](**{"name": augment, "seed": 0, **options})
    raise TypeError(f"augment={augment!r}: use one of {sorted(AUGMENTATIONS)} or a keras.layers.Layer.")
