"""A hyperparameter search as the estimator of each task, which finds separate settings for each class."""

from collections.abc import Mapping
from numbers import Integral

from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline

from .._shared.stratification import check_needs_no_groups, stratified_folds
from ..classifier import CNNClassifier, LabelledImages
from ..networks import is_keras_model
from ._class_weights import check_binary_weights

# The base class of scikit-learn's searches is not public.
BaseSearchCV: type = GridSearchCV.__base__


def is_search(estimator) -> bool:
    """Whether an estimator is a hyperparameter search, such as `GridSearchCV`."""
    return isinstance(estimator, BaseSearchCV)


def inner_classifier(estimator) -> CNNClassifier:
    """Return the classifier that a search tunes; a classifier is returned as it is.

    Parameters
    ----------
    estimator : CNNClassifier or search
        A search may tune a CNNClassifier, or a Pipeline of samplers and a CNNClassifier.

    Raises
    ------
    TypeError
        If the search tunes another estimator.
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
    """Clone the estimator for the tasks of a one-vs-rest classifier and validate its parameters.

    Parameters
    ----------
    ovr : OneVsRestCNNClassifier
    partial : bool, default=False
        Whether `partial_fit` is called.

    Returns
    -------
    CNNClassifier or search over a CNNClassifier

    Raises
    ------
    ValueError, TypeError
        If a parameter is invalid or cannot be combined with another one.
    """
    estimator = clone(ovr.estimator) if ovr.estimator is not None else CNNClassifier()
    set_new_head(estimator)
    check_search(estimator, ovr, partial=partial)
    inner_classifier(estimator)._validate_params()
    check_binary_weights(inner_classifier(estimator).class_weight)
    return estimator


def set_new_head(estimator) -> None:
    """Let a Keras model as network get a new last layer: its outputs are not "the rest" and "the class"."""
    inner = inner_classifier(estimator)
    if is_keras_model(inner.model) and "model__head" not in inner.get_params(deep=False):
        inner.set_params(model__head="new")


def check_search(estimator, ovr, *, partial: bool) -> None:
    """Raise an error if parameters cannot be combined with a search in each task.

    Parameters
    ----------
    estimator : CNNClassifier or search
        Nothing is checked for a CNNClassifier.
    ovr : OneVsRestCNNClassifier
        Its parameters are checked.
    partial : bool
        Whether `partial_fit` is called.

    Raises
    ------
    ValueError
        The message tells what to do instead.
    """
    if not is_search(estimator):
        return
    if ovr.strategy != "independent":
        raise ValueError(
            "A search as estimator chooses for each class apart, which needs strategy='independent'. For one choice "
            "for all classes, search over the OneVsRestCNNClassifier, with estimator__ before the names in the grid."
        )
    if ovr.class_weight is not None:
        raise ValueError("With a search as estimator, put class_weight into the grid of the search.")
    if ovr.sampler is not None:
        raise ValueError(
            "A search has to resample only the training parts of its folds: put the sampler inside it, as in "
            "GridSearchCV(make_pipeline(ImageSampler(sampler), CNNClassifier()), ...) with imbalanced-learn's pipeline."
        )
    if partial:
        raise ValueError("partial_fit cannot continue a search: use one of `estimators_`, or call fit.")
    if not estimator.refit:
        raise ValueError("refit=False leaves no network: a search inside one-vs-rest has to refit its best candidate.")


def check_search_groups(estimator, images: LabelledImages) -> None:
    """Raise an error if a search cannot keep groups together.

    Parameters
    ----------
    estimator : CNNClassifier or search
        Nothing is checked for a CNNClassifier.
    images : LabelledImages

    Raises
    ------
    ValueError
        If there are no groups and the folds of the search need them, or candidates hold out images for validation and
        groups do not reach them.
    """
    if not is_search(estimator):
        return
    if images.groups is None:
        check_needs_no_groups(estimator.cv)
        return
    routed = get_config()["enable_metadata_routing"] or _may_route(estimator, images)
    if _holds_out(estimator) and not routed:
        raise ValueError(
            "Groups reach the validation split of a CNNClassifier that is in a Pipeline inside a search, or in a "
            "search with scoring and sample_weight, only by metadata routing: call "
            "sklearn.set_config(enable_metadata_routing=True) and set_fit_request(groups=True) of the CNNClassifier, "
            "or leave out early_stopping and validation_fraction."
        )


def _holds_out(search) -> bool:
    """Whether candidates of a search hold out images for validation."""
    inner = inner_classifier(search)
    grids = getattr(search, "param_grid", None) or getattr(search, "param_distributions", {})
    searched = {name.split("__")[-1] for grid in ([grids] if isinstance(grids, Mapping) else grids) for name in grid}
    holds_out = inner.early_stopping or inner.validation_fraction is not None
    return holds_out or bool(searched & {"early_stopping", "validation_fraction"})


def _may_route(search, images: LabelledImages) -> bool:
    """Whether the groups of a search can be routed to its candidates without settings of the user.

    Steps of a Pipeline and scorers would have to tell whether they take sample weights.
    """
    return isinstance(search.estimator, CNNClassifier) and (images.sample_weight is None or search.scoring is None)


def fitted_search(search, images: LabelledImages):
    """Fit a search on one task; weights and groups are only passed if they are given.

    With groups, a number of folds are stratified by groups, and validation images of candidates are whole groups.
    """
    given = {"sample_weight": images.sample_weight, "groups": images.groups}
    given = {name: value for name, value in given.items() if value is not None}
    if images.groups is None:
        return search.fit(images.X, images.y, **given)
    # Clear errors, before a candidate is trained.
    stratified_folds(images.X, images.y, search.cv, images.groups)
    if search.cv is None or isinstance(search.cv, Integral):
        search.set_params(cv=StratifiedGroupKFold(search.cv or 5))
    if get_config()["enable_metadata_routing"] or not _holds_out(search):
        return search.fit(images.X, images.y, **given)
    # Without routing, a search passes groups on to its folds alone.
    with config_context(enable_metadata_routing=True):
        search.estimator.set_fit_request(groups=True, sample_weight=True).set_score_request(sample_weight=False)
        return search.fit(images.X, images.y, **given)


def found_classifier(fitted) -> CNNClassifier:
    """Return the refitted best classifier of a search; a fitted classifier is returned as it is."""
    if not is_search(fitted):
        return fitted
    best = fitted.best_estimator_
    return best.steps[-1][1] if isinstance(best, Pipeline) else best
