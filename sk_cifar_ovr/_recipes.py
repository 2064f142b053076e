"""Recipes: named sets of training parameters, and the names that parameters stand for."""

import inspect
from typing import Any

import keras

from .augment import AUGMENTATIONS

RECIPES: dict[str, dict[str, Any]] = {
    "strong": {
        "augment": "flip_shift",
        "schedule": "one_cycle",
        "optimizer": "adamw",
        "optimizer__learning_rate": 3e-3,
        "optimizer__weight_decay": 1e-2,
        "test_flip": True,
    },
}


def with_recipe(estimator):
    """The estimator with its recipe spelt out as single parameters.

    Parameters
    ----------
    estimator : CNNClassifier
        Parameters that differ from their defaults win over the recipe.

    Returns
    -------
    CNNClassifier
        Unfitted, sharing the parameters' objects; the same object where there is no recipe.
    """
    if estimator.recipe is None:
        return estimator
    given = estimator.get_params(deep=False)
    defaults = {name: p.default for name, p in inspect.signature(type(estimator)).parameters.items()}
    missing = {
        name: value
        for name, value in RECIPES[estimator.recipe].items()
        if (name not in given if "__" in name else given[name] is defaults[name] or given[name] == defaults[name])
    }
    if "optimizer" not in missing:
        missing = {name: value for name, value in missing.items() if not name.startswith("optimizer__")}
    return type(estimator)(**{**given, **missing, "recipe": None})


def find_augmentation(augment) -> keras.layers.Layer | None:
    """Layer of that name, or the layer given.

    Parameters
    ----------
    augment : None, str or keras.layers.Layer

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
        return AUGMENTATIONS[augment]()
    raise TypeError(f"augment={augment!r}: use one of {sorted(AUGMENTATIONS)} or a keras.layers.Layer.")
