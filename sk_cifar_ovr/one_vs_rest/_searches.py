"""A search in place of a binary classifier: each task finds its own settings."""

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from ..classifier import CNNClassifier
from ._class_weights import check_binary_weights

# The base of scikit-learn's searches, which has no public name.
BaseSearchCV: type = GridSearchCV.__base__


def is_search(estimator) -> bool:
    """Whether an estimator is a search over candidates, as `GridSearchCV` is."""
    return isinstance(estimator, BaseSearchCV)


def inner_classifier(estimator) -> CNNClassifier:
    """The classifier itself, or the one that a search is over.

    Parameters
    ----------
    estimator : CNNClassifier or a search over one, alone or behind samplers in a Pipeline

    Raises
    ------
    TypeError
        If the search is over something else.
    """
    if not is_search(estimator):
        return estimator
    inner = estimator.estimator
    if isinstance(inner, Pipeline):
        changing = [name for name, step in inner.steps[:-1] if hasattr(step, "transform")]
        if changing:
            raise TypeError(
                f"The step {changing[0]!r} changes the images that a class's network gets, which the other classes' "
                "networks are not to see: put it in a Pipeline around the one-vs-rest. Only samplers may stand here."
            )
        inner = inner.steps[-1][1]
    if not isinstance(inner, CNNClassifier):
        raise TypeError(f"A search inside one-vs-rest is over a CNNClassifier, not {type(inner).__name__}.")
    return inner


def task_estimator(ovr, *, partial: bool = False):
    """The estimator of each task of a one-vs-rest: a clone with validated parameters.

    Parameters
    ----------
    ovr : OneVsRestCNNClassifier
    partial : bool, default=False
        Whether it is for `partial_fit`.

    Returns
    -------
    CNNClassifier or a search over one

    Raises
    ------
    ValueError, TypeError
        If a parameter is invalid or cannot be combined with the others.
    """
    estimator = clone(ovr.estimator) if ovr.estimator is not None else CNNClassifier()
    check_search(estimator, ovr, partial=partial)
    inner_classifier(estimator)._validate_params()
    check_binary_weights(inner_classifier(estimator).class_weight)
    return estimator


def check_search(estimator, ovr, *, partial: bool) -> None:
    """Refuse parameters that a search in each task cannot be combined with.

    Parameters
    ----------
    estimator : CNNClassifier or a search
    ovr : OneVsRestCNNClassifier
        Its parameters count.
    partial : bool
        Whether this is `partial_fit`.

    Raises
    ------
    ValueError
        With what to do instead.
    """
    if not is_search(estimator):
        return
    if ovr.strategy != "independent":
        raise ValueError(
            "A search as estimator chooses for each class apart, which needs strategy='independent'. For one choice "
            "for all classes, search over the OneVsRestCNNClassifier, with estimator__ before the names in the grid."
        )
    if ovr.class_weight is not None:
        raise ValueError("class_weight goes into the grid where the estimator is a search.")
    if ovr.sampler is not None:
        raise ValueError(
            "A search is to resample the training parts of its folds and no others: put the sampler inside it, as in "
            "GridSearchCV(make_pipeline(ImageSampler(sampler), CNNClassifier()), ...) with imbalanced-learn's pipeline."
        )
    if partial:
        raise ValueError("partial_fit cannot go on with a search: take one of `estimators_`, or fit.")
    if not estimator.refit:
        raise ValueError("refit=False leaves no network: a search inside one-vs-rest has to refit its best candidate.")


def fitted_search(search, X, labels, sample_weight):
    """Search over one binary task."""
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    return search.fit(X, labels, **weights)


def found_classifier(fitted) -> CNNClassifier:
    """The classifier itself, or the refitted best one of a search."""
    if not is_search(fitted):
        return fitted
    best = fitted.best_estimator_
    return best.steps[-1][1] if isinstance(best, Pipeline) else best
