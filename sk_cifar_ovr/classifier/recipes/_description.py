"""What "auto" chose for a training, as a sentence."""

from ._named import recipe_parameters


def describe_choices(given, settings, n_images: int) -> str:
    """Describe what was chosen in place of "auto".

    Parameters
    ----------
    given : CNNClassifier
        As the user configured it.
    settings : CNNClassifier
        What `with_choices` made of it.
    n_images : int
        Number of training images.

    Returns
    -------
    str
        Empty if nothing was chosen.
    """
    parts = []
    if "auto" in (given.epochs, given.batch_size):
        parts.append(f"{settings.epochs} epoch{'s' if settings.epochs > 1 else ''} in batches of {settings.batch_size}")
    if given.recipe == "auto":
        recipe = recipe_parameters(settings)
        parts += [_described_training(recipe), _described_augmentation(recipe)] if recipe else ["no recipe"]
    return f"{n_images:,} training images get {', '.join(parts)}." if parts else ""


def _described_training(recipe) -> str:
    averaged = " with averaged weights" if recipe.get("optimizer__use_ema") else ""
    return f"{recipe['optimizer']} with a {recipe['schedule'].replace('_', '-')} learning rate{averaged}"


def _described_augmentation(recipe) -> str:
    changes = []
    if recipe.get("augment__shift"):
        shift = recipe["augment__shift"]
        changes.append(f"shifts of up to {shift} pixel{'s' if shift > 1 else ''}")
    if recipe.get("augment__flip"):
        changes.append("mirroring")
    return " and ".join(changes) or "no augmentation"
