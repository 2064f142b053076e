"""Recipes: named sets of training parameters."""

import inspect
from typing import Any

import keras

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
    """The estimator with the parameters of its recipe set.

    Parameters
    ----------
    estimator : CNNClassifier
        Parameters that differ from their defaults override the recipe. With another optimizer or augmentation than
        the recipe's, the recipe's settings of that part are left out.

    Returns
    -------
    CNNClassifier
        Unfitted, sharing the parameters' objects; the same object if there is no recipe.
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
