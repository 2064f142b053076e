"""Class weights of the K binary problems of a one-vs-rest."""


def check_binary_weights(class_weight) -> None:
    """Refuse class weights of a binary problem that speak of other labels.

    Raises
    ------
    ValueError
        Naming them.
    """
    others = [label for label in class_weight if label not in (0, 1)] if isinstance(class_weight, dict) else []
    if others:
        raise ValueError(
            f"class_weight of the estimator weighs the labels {others}, and its problems have 0 (others) and 1 (the "
            "class): weights by class are the class_weight of OneVsRestCNNClassifier itself."
        )


def weights_by_problem(class_weight: dict | None, classes) -> list | None:
    """The class weights of each problem; None leaves those of the estimator.

    Parameters
    ----------
    class_weight : dict or None
        By class label, as `OneVsRestCNNClassifier` takes it.
    classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If it has a label that no problem has, or two classes weigh their one problem in two ways.
    """
    if class_weight is None:
        return None
    unknown = [label for label in class_weight if label not in classes]
    if unknown:
        raise ValueError(f"class_weight has labels that no problem has: {unknown}; the labels are {classes}.")
    given = [class_weight.get(label) for label in classes]
    if len(classes) == 2:
        return [_weights_of_two(*given)]
    return [w if w is None or isinstance(w, (str, dict)) else {0: 1.0, 1: float(w)} for w in given]


def _weights_of_two(negative, positive):
    """Class weights of the one problem of two classes."""
    if negative is None and isinstance(positive, (str, dict)):
        return positive
    if isinstance(negative, (str, dict)) or isinstance(positive, (str, dict)):
        raise ValueError(
            "Two classes share one problem, that of the second: class_weight takes a number for each, or "
            f"'balanced' or a dict of 0 and 1 for the second alone; got {negative!r} and {positive!r}."
        )
    return {0: 1.0 if negative is None else float(negative), 1: 1.0 if positive is None else float(positive)}
