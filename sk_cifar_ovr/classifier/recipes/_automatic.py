"""What "auto" chooses for a training from its images: epochs, batch size and recipe."""

import math
from typing import Any

import numpy as np

from ...networks import find_builder, is_builtin
from ..inputs import LabelledImages, row_shape
from ._mirroring import may_mirror
from ._named import recipe_parameters

AUTOMATIC = ("epochs", "batch_size", "recipe")
# Networks with which the choices below were measured.
MEASURED = ("cifar_cnn", "small_resnet", "whitened_cnn")
BATCH_SIZES = (16, 32, 64, 128)
# With few images batches are small, so that an epoch has at least about this many steps.
STEPS_PER_EPOCH = 100
# Images drawn in a training on up to 1,000 images; more images are drawn more often in all, and each less often.
DRAWN_IMAGES = 64_000
DRAWN_SMALL_IMAGES = 16_000
GROWTH = 0.6
MAX_EPOCHS = 500
SMALL_SIDE = 16
# Images are shifted by up to this share of their shorter side.
SHIFT = 1 / 8


def with_choices(estimator, images: LabelledImages, *, n_networks: int = 1, earlier=None, partial: bool = False):
    """The estimator with numbers and a recipe in place of "auto".

    Parameters
    ----------
    estimator : CNNClassifier
        Other values than "auto" stay as they are.
    images : LabelledImages
        The training images.
    n_networks : int, default=1
        Networks that will be trained one after another; many are trained for fewer epochs each.
    earlier : estimator or None, default=None
        A fitted estimator, from which the training continues with the recipe of the last fit.
    partial : bool, default=False
        Whether `partial_fit` is called, whose first call takes no recipe: a schedule needs the whole training.

    Returns
    -------
    CNNClassifier
        Unfitted, sharing the parameters' objects; the same object if nothing is "auto".
    """
    given = estimator.get_params(deep=False)
    if not any(_is_auto(given[name]) for name in AUTOMATIC):
        return estimator
    chosen: dict[str, Any] = {}
    if earlier is not None:
        kept = ("batch_size", "recipe")
        chosen = {name: getattr(earlier, f"{name}_") for name in kept if hasattr(earlier, f"{name}_")}
    chosen = {name: value for name, value in chosen.items() if _is_auto(given[name])}
    if _is_auto(given["recipe"]):
        chosen.setdefault("recipe", {} if partial else automatic_recipe(given, images))
    settings = type(estimator)(**{**given, **chosen})
    of_recipe, n_images, side = recipe_parameters(settings), len(images.y), _side(given, images)
    lengths = {
        "batch_size": of_recipe.get("batch_size", automatic_batch_size(n_images)),
        "epochs": 1 if partial else of_recipe.get("epochs", automatic_epochs(n_images, side, n_networks)),
    }
    return settings.set_params(**{name: value for name, value in lengths.items() if _is_auto(getattr(settings, name))})


def automatic_batch_size(n_images: int) -> int:
    """The largest of 16, 32, 64 and 128 images that leaves about 100 steps an epoch.

    Examples
    --------
    >>> [automatic_batch_size(n) for n in (1_000, 5_000, 10_000, 50_000)]
    [16, 32, 64, 128]
    """
    return max((size for size in BATCH_SIZES if n_images >= size * STEPS_PER_EPOCH), default=BATCH_SIZES[0])


def automatic_epochs(n_images: int, side: int, n_networks: int = 1) -> int:
    """Number of epochs, by the number of images that are drawn in all of them.

    Parameters
    ----------
    n_images : int
    side : int
        Shorter side of an image in pixels.
    n_networks : int, default=1

    Examples
    --------
    >>> [automatic_epochs(n, side=32) for n in (200, 1_000, 5_000, 50_000)]
    [320, 64, 34, 14]
    >>> automatic_epochs(1_000, side=32, n_networks=10)
    21
    """
    drawn = DRAWN_SMALL_IMAGES if side < SMALL_SIDE else DRAWN_IMAGES
    drawn *= max(1, n_images / 1000) ** GROWTH / math.sqrt(n_networks)
    return min(MAX_EPOCHS, max(1, math.ceil(drawn / n_images)))


def automatic_recipe(params: dict[str, Any], images: LabelledImages) -> dict[str, Any]:
    """Training parameters for some images; none for networks with which they were not measured.

    Images are shifted by up to an eighth of their side. They are mirrored if a quick test on them allows it.

    Parameters
    ----------
    params : dict
        Parameters of the `CNNClassifier`.
    images : LabelledImages

    Returns
    -------
    dict
        Parameters of `CNNClassifier` by name.
    """
    builder = find_builder(params["model"])
    if not is_builtin(builder) or builder.__name__ not in MEASURED or params["head_epochs"]:
        return {}
    recipe: dict[str, Any] = {
        "schedule": "one_cycle",
        "optimizer": "adamw",
        "optimizer__learning_rate": 2e-3,
        "optimizer__weight_decay": 5e-2,
    }
    if not params["early_stopping"]:
        recipe["optimizer__use_ema"] = True
    shape = row_shape(images.X, params["image_shape"])
    if len(shape) != 3:
        return recipe
    shift = int(min(shape[:2]) * SHIFT)
    mirrors = may_mirror(images.X.reshape(len(images.y), *shape), images.y)
    if shift or mirrors:
        recipe |= {"augment": "flip_shift", "augment__shift": shift, "augment__flip": mirrors}
    return {**recipe, "test_flip": mirrors}


def _is_auto(value) -> bool:
    return isinstance(value, str) and value == "auto"


def _side(params: dict[str, Any], images: LabelledImages) -> int:
    shape = row_shape(images.X, params["image_shape"])
    # Flat rows are read as square images.
    return min(shape[:2]) if len(shape) == 3 else int(np.sqrt(shape[0]))
