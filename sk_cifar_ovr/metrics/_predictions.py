"""Yes/no predictions and probabilities of a fitted classifier, also inside pipelines and searches."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.pipeline import Pipeline


def final_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the classifier inside searches and pipelines, and X transformed for it.

    Neither a search nor a Pipeline forwards `predict_ovr`, and falling back to `predict` would silently change the
    results.

    Parameters
    ----------
    estimator : fitted classifier, Pipeline or search
        Searches and pipelines may be nested. Samplers of imbalanced-learn are skipped, as in `predict`.
    X : array-like or None
        Input of `estimator`. None skips the transformations.

    Returns
    -------
    classifier : fitted classifier
    X : array-like or None
        Input of `classifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_cifar_ovr.metrics import final_step
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier, scaled = final_step(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), X)
    >>> classifier
    LogisticRegression()
    """
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            # Not `estimator[:-1].transform`: it fails if the last step left is an imbalanced-learn sampler.
            for _, step in estimator.steps[:-1]:
                X = step.transform(X) if X is not None and hasattr(step, "transform") else X
            estimator = estimator.steps[-1][1]
        else:
            return estimator, X


def ovr_answers(estimator: Any, X: Any) -> NDArray[Any]:
    """Return the predictions of `predict_ovr`, or of `predict` if the classifier has no `predict_ovr`.

    Parameters
    ----------
    estimator : fitted classifier, Pipeline or search
        Passed through :func:`final_step`.
    X : array-like
        Input of `estimator`.

    Returns
    -------
    ndarray or sparse matrix of shape (n, K), or ndarray of shape (n,)
        Yes/no predictions of the K class-vs-rest tasks, or labels. :func:`~sk_cifar_ovr.ovr_report` takes all of
        them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sk_cifar_ovr.metrics import ovr_answers
    >>> X, y = load_iris(return_X_y=True)
    >>> ovr_answers(LogisticRegression(max_iter=500).fit(X, y), X[:3])
    array([0, 0, 0])
    """
    estimator, X = final_step(estimator, X)
    return estimator.predict_ovr(X) if hasattr(estimator, "predict_ovr") else estimator.predict(X)


def positive_probabilities(estimator: Any, X: Any) -> NDArray[np.float64]:
    """Return the probability of "yes" in each of the K class-vs-rest tasks.

    Parameters
    ----------
    estimator : fitted classifier, Pipeline or search
        Passed through :func:`final_step`. If the classifier has `predict_ovr`, its `decision_function` gives the
        log-odds of the K tasks. Otherwise `predict_proba` is used.
    X : array-like
        Input of `estimator`.

    Returns
    -------
    ndarray of shape (n, K)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sk_cifar_ovr.metrics import positive_probabilities
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
