"""Recipes: training parameters by name, or chosen from the training images.

In come a `CNNClassifier` as the user configured it and its images; out comes one whose parameters are all set. Nothing
is trained here.
"""

from ._automatic import with_choices
from ._description import describe_choices
from ._named import RECIPES, recipe_parameters, with_recipe

__all__ = ["RECIPES", "describe_choices", "recipe_parameters", "with_choices", "with_recipe"]
