"""Recipes: named sets of training parameters."""

import inspect
from typing import Any

import keras

from ...engine.compiled import rate_is_value
from .._routed_parameters import check_routed_names, routed_parameters

RECIPES: dict[str, dict[str, Any]] = {
    "reference": {"loss": "focal", "epochs": 18, "batch_size": 128},
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
        Parameters that differ from their defaults override the recipe; an "auto" recipe is that of the last fit. With
        another optimizer or augmentation than the recipe's, the recipe's settings of that part are left out.

    Returns
    -------
    CNNClassifier
        Unfitted, sharing the parameters' objects; the same object if there is no recipe.

    Raises
    ------
    ValueError
        If a parameter of a recipe that the user wrote is invalid.
    """
    recipe = recipe_parameters(estimator)
    if not recipe:
        return estimator
    if "recipe" in recipe:
        raise ValueError(f"recipe={recipe!r} names a recipe in a recipe: give its parameters, or its name alone.")
    given = estimator.get_params(deep=False)
    defaults = {name: p.default for name, p in inspect.signature(type(estimator)).parameters.items()}
    missing = {
        name: value
        for name, value in recipe.items()
        if name not in given or (name in defaults and (given[name] is defaults[name] or given[name] == defaults[name]))
    }
    if _has_own_schedule(given):
        missing.pop("schedule", None)
    for part in ("optimizer", "augment"):
        if part in recipe and part not in missing and given[part] != recipe[part]:
            missing = {name: value for name, value in missing.items() if not name.startswith(f"{part}__")}
    settings = type(estimator)(**{**given, **missing, "recipe": None})
    check_routed_names(routed_parameters(settings), type(estimator).__name__, own=estimator._get_param_names())
    settings._validate_params()
    return settings


def recipe_parameters(estimator) -> dict[str, Any]:
    """The parameters that the recipe of an estimator sets; those of the last fit if it is "auto"."""
    recipe = estimator.recipe
    if isinstance(recipe, str) and recipe == "auto":
        recipe = getattr(estimator, "recipe_", None)
    return RECIPES[recipe] if isinstance(recipe, str) else recipe or {}


def _has_own_schedule(params: dict[str, Any]) -> bool:
    """Whether the learning rate is no number that a schedule could scale."""
    optimizer, rate = params["optimizer"], params.get("optimizer__learning_rate")
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return True
    return isinstance(optimizer, keras.optimizers.Optimizer) and not rate_is_value(optimizer)
