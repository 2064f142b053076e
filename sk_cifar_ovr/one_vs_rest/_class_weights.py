"""Class weights of the class-vs-rest tasks."""

from .._shared.text import plain
from ..classifier import LabelledImages


def check_binary_weights(class_weight) -> None:
    """Check that class weights of a binary task are for the labels 0 and 1.

    Raises
    ------
    ValueError
        If there are other labels. The message lists them.
    """
    unknown = [plain(label) for label in class_weight if label not in (0, 1)] if isinstance(class_weight, dict) else []
    if unknown:
        raise ValueError(
            f"class_weight of the estimator weighs the labels {unknown}, and its tasks have 0 (the rest) and 1 (the "
            "class): weights by class are the class_weight of OneVsRestCNNClassifier itself."
        )


def class_weight_by_task(class_weight: dict | None, images: LabelledImages) -> list | None:
    """Convert class weights by label to the class weights of each task.

    Parameters
    ----------
    class_weight : dict or None
        Parameter of `OneVsRestCNNClassifier`.
    images : LabelledImages
        Their classes count.

    Returns
    -------
    list or None
        ``class_weight`` for the estimator of each task. None, for the list or a task, keeps that of the estimator.

    Raises
    ------
    ValueError
        If there is an unknown label, or if the weights of two classes cannot be combined for their one task.
    """
    if class_weight is None:
        return None
    classes = images.classes
    unknown = [plain(label) for label in class_weight if label not in classes]
    if unknown:
        raise ValueError(f"class_weight has labels that no task has: {unknown}; the labels are {classes.tolist()}.")
    given = [class_weight.get(label) for label in classes]
    if len(images.task_classes) == 1:
        return [_weights_of_two(*given)]
    return [w if w is None or isinstance(w, (str, dict)) else {0: 1.0, 1: float(w)} for w in given]


def _weights_of_two(negative, positive):
    """Class weights of the one task of two classes."""
    if negative is None and isinstance(positive, (str, dict)):
        return positive
    if isinstance(negative, (str, dict)) or isinstance(positive, (str, dict)):
        raise ValueError(
            "Two classes share one task, that of the second: class_weight takes a number for each, or "
            f"'balanced' or a dict of 0 and 1 for the second alone; got {negative!r} and {positive!r}."
        )
    return {0: 1.0 if negative is None else float(negative), 1: 1.0 if positive is None else float(positive)}
