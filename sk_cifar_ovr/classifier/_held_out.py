"""What a fit held out for validation, and warnings of what it could not hold out."""

import warnings
from dataclasses import dataclass

import numpy as np

from ..engine import TrainingData
from ..exceptions import RareClassWarning
from ._train_validation_split import VALIDATION_FRACTION


@dataclass(frozen=True)
class HeldOut:
    """What a fit held out for validation.

    Attributes
    ----------
    asked, share : float
        Shares of the images: asked for by `validation_fraction`, and held out.
    lacking : list of str
        Labels of images trained on that no image held out has.
    """

    asked: float
    share: float
    lacking: list[str]


def held_out(data: TrainingData, settings, classes: np.ndarray, n_images: int) -> list[HeldOut | None]:
    """Describe the validation part of a training.

    Parameters
    ----------
    data : TrainingData
    settings : CNNClassifier
    classes : ndarray of shape (n_classes,)
        Of the encoded labels.
    n_images : int
        Before samplers.

    Returns
    -------
    list of HeldOut
        One for each task; of None if nothing is held out.
    """
    labels = data.labels.reshape(len(data.labels), -1)
    if not len(data.validation):
        return [None] * labels.shape[1]
    known = data.weights > 0 if data.weights is not None and data.weights.ndim == 2 else np.ones(labels.shape, bool)
    asked = VALIDATION_FRACTION if settings.validation_fraction is None else settings.validation_fraction
    described: list[HeldOut | None] = []
    for column, is_known in zip(labels.T, known.T, strict=True):
        train, validation = (part[is_known[part]] for part in (data.train, data.validation))
        lacking = classes[np.setdiff1d(column[train], column[validation])].tolist()
        described.append(HeldOut(asked, len(data.validation) / n_images, [repr(label) for label in lacking]))
    return described


def warn_of_held_out(part: HeldOut | None, has_groups: bool) -> None:
    """Warn of classes that validation does not see, and of a share that groups did not allow.

    Parameters
    ----------
    part : HeldOut or None
    has_groups : bool
        Whether images were held out by groups.
    """
    if part is None:
        return
    if part.lacking:
        warnings.warn(
            f"No image was held out for validation of {', '.join(part.lacking)}: val_loss and early stopping do not "
            f"see what is learnt of it. Hold out a larger share than validation_fraction={part.asked:g}, or give more "
            f"{'groups' if has_groups else 'images'} with it.",
            RareClassWarning,
            stacklevel=2,
        )
    if has_groups and not 0.5 <= part.share / part.asked <= 2:
        warnings.warn(
            f"The groups are so large that {part.share:.0%} of the images are held out for validation instead of "
            f"{part.asked:.0%}: give smaller groups, or change validation_fraction.",
            UserWarning,
            stacklevel=2,
        )
