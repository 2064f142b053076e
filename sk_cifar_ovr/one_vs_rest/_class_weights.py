"""Class weights of the K binary tasks."""


def check_binary_weights(class_weight) -> None:
    """Refuse class weights of a binary task for other labels than 0 and 1.

    Raises
    ------
    ValueError
        With these labels.
    """
    others = [label for label in class_weight if label not in (0, 1)] if isinstance(class_weight, dict) else []
    if others:
        raise ValueError(
            f"class_weight of the estimator weighs the labels {others}, and its tasks have 0 (the rest) and 1 (the "
            "class): weights by class are the class_weight of OneVsRestCNNClassifier itself."
        )


def class_weight_by_task(class_weight: dict | None, classes) -> list | None:
    """The class weights of each task; None leaves those of the estimator.

    Parameters
    ----------
    class_weight : dict or None
        By class label, as `OneVsRestCNNClassifier` takes it.
    classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If it has a label that no task has, or gives two classes two kinds of weights for their one task.
    """
    if class_weight is None:
        return None
    unknown = [label for label in class_weight if label not in classes]
    if unknown:
        raise ValueError(f"class_weight has labels that no task has: {unknown}; the labels are {classes}.")
    given = [class_weight.get(label) for label in classes]
    if len(classes) == 2:
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
