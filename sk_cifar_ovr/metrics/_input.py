"""What reports and pictures of one-vs-rest accept, brought into one form: boolean (n, K) arrays."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels


def check_truth(y_true: ArrayLike, classes: ArrayLike | None) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return the one-hot truth (n, K) and the K classes in column order.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    classes : array-like of shape (K,) or None
        The labels in column order; None takes the sorted labels of `y_true`.

    Returns
    -------
    truth : ndarray of shape (n, K), bool
    classes : ndarray of shape (K,)
    """
    labels = np.asarray(column_or_1d(y_true))
    check_classification_targets(labels)
    found = np.asarray(np.unique(labels) if classes is None else column_or_1d(classes))
    if len(found) < 2:
        raise ValueError(
            f"One-vs-rest needs at least two classes, got {found.tolist()}; name all of them in `classes`."
        )
    if len(np.unique(found)) != len(found):
        raise ValueError(f"`classes` names a class twice: {found.tolist()}.")
    return one_hot(labels, found, "y_true"), found


def one_hot(labels: NDArray[Any], classes: NDArray[Any], name: str) -> NDArray[np.bool_]:
    """Return which of `classes` each label is, as (n, K) booleans; a label that is none is an error."""
    hot = labels[:, None] == classes[None, :]
    unknown = ~hot.any(axis=1)
    if unknown.any():
        raise ValueError(
            f"`{name}` holds labels that are not in `classes` {classes.tolist()}: "
            f"{np.unique(labels[unknown]).tolist()}."
        )
    return hot


def check_predicted(
    y_true: ArrayLike, predicted: ArrayLike, classes: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[Any], bool]:
    """Return the one-hot truth, the (n, K) answers, the classes, and whether labels were given."""
    labels = np.asarray(column_or_1d(y_true))
    given = np.asarray(check_array(predicted, dtype=None, ensure_2d=False))
    check_consistent_length(labels, given)
    if given.ndim == 1 and (given.dtype != bool or labels.dtype == bool):
        check_classification_targets(given)
        truth, found = check_truth(labels, unique_labels(labels, given) if classes is None else classes)
        return truth, one_hot(given, found, "predicted"), found, True
    if not np.isin(given, [False, True]).all():
        raise ValueError(
            "`predicted` of shape (n, K) takes the yes/no answers of `predict_ovr`; "
            "probabilities go into `probabilities`."
        )
    truth, found = check_truth(labels, classes)
    answers = given.astype(bool)
    if _is_one_binary_column(answers, len(found)):
        answers = np.column_stack([~answers, answers])
    _check_columns(answers, len(found), "predicted")
    return truth, answers, found, False


def check_probabilities(probabilities: ArrayLike, n_rows: int, n_classes: int) -> NDArray[np.float64]:
    """Return the (n, K) positive-class probabilities as float64, checked."""
    checked = check_array(probabilities, dtype=np.float64, ensure_2d=False)
    if len(checked) != n_rows:
        raise ValueError(f"`probabilities` has {len(checked)} rows where `y_true` has {n_rows}.")
    if checked.min() < 0 or checked.max() > 1:
        raise ValueError("`probabilities` has values outside 0-1; raw scores are no probabilities.")
    if _is_one_binary_column(checked, n_classes):
        checked = np.column_stack([1 - checked, checked])
    _check_columns(checked, n_classes, "probabilities")
    return checked


def check_thresholds(thresholds: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Return one threshold a class from a number, K numbers or, of two classes, the positive one's."""
    checked = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    if n_classes == 2 and len(checked) == 1:
        return np.array([1 - checked[0], checked[0]])
    if len(checked) not in (1, n_classes):
        raise ValueError(f"`thresholds` holds {len(checked)} values for {n_classes} classes.")
    return np.broadcast_to(checked, n_classes).copy()


def _is_one_binary_column(values: NDArray[Any], n_classes: int) -> bool:
    return n_classes == 2 and (values.ndim == 1 or values.shape[1] == 1)


def _check_columns(values: NDArray[Any], n_classes: int, name: str) -> None:
    n_columns = 1 if values.ndim == 1 else values.shape[1]
    if n_columns != n_classes:
        raise ValueError(
            f"`{name}` has {n_columns} columns for {n_classes} classes; `classes` names the classes in "
            "the order of the columns, those without a row in `y_true` too."
        )


def final_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the classifier inside searches and pipelines, and X as it reaches that classifier.

    Neither a search nor a Pipeline passes `predict_ovr` on, and falling back to argmax would change
    the figures silently.
    """
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            # Not `estimator[:-1].transform`: an imbalanced-learn sampler as last step left has none.
            for _, step in estimator.steps[:-1]:
                X = step.transform(X) if hasattr(step, "transform") else X
            estimator = estimator.steps[-1][1]
        else:
            return estimator, X


def ovr_answers(estimator: Any, X: Any) -> NDArray[Any]:
    """Return the (n, K) answers of `predict_ovr`, or the labels of a classifier that has none."""
    estimator, X = final_step(estimator, X)
    return estimator.predict_ovr(X) if hasattr(estimator, "predict_ovr") else estimator.predict(X)


def positive_probabilities(estimator: Any, X: Any) -> NDArray[np.float64]:
    """Return the probability of "yes" in each of the K problems.

    Parameters
    ----------
    estimator : fitted classifier
        One with `predict_ovr` answers K problems of its own: its `decision_function` is read as their
        log-odds. Any other is read by `predict_proba`. Searches and Pipelines are looked into.
    X : array-like
        What the estimator takes.

    Returns
    -------
    ndarray of shape (n, K)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> positive_probabilities(LogisticRegression(max_iter=500).fit(X, y), X).shape
    (150, 3)
    """
    estimator, X = final_step(estimator, X)
    if not hasattr(estimator, "predict_ovr"):
        return np.asarray(estimator.predict_proba(X), dtype=np.float64)
    scores = np.asarray(estimator.decision_function(X), dtype=np.float64)
    if scores.ndim == 1:
        return expit(np.column_stack([-scores, scores]))
    return expit(scores)
