"""Hyper-parameter searches under class imbalance: a grid of losses, a scorer, and tables of results."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning

from ._shared.label_matrices import UNKNOWN, columns_in_order, is_label_matrix, label_matrix
from ._shared.text import plain
from .metrics import OvRReport, ovr_answers, ovr_report

__all__ = ["loss_grid", "ovr_scorer", "search_frame"]

ROUTED_PREFIXES = ("model", "loss", "optimizer", "augment")


def loss_grid(
    gammas: Iterable[float] = (0.5, 1.0, 2.0, 4.0),
    class_weights: Iterable[Any] = ("balanced",),
    *,
    plain: bool = True,
    prefix: str = "",
    **others: list,
) -> list[dict[str, list]]:
    """Create a parameter grid of focal loss, weighted cross-entropy and plain cross-entropy.

    Cross-entropy is expressed as focal loss with gamma 0 and without alpha, because a search can set loss parameters
    of the estimator but not remove them.

    Parameters
    ----------
    gammas : iterable of float, default=(0.5, 1.0, 2.0, 4.0)
        Values of gamma for the focal loss. If empty, focal loss is not a candidate.
    class_weights : iterable of "balanced" or dict, default=("balanced",)
        Class weights for cross-entropy. If empty, weighted cross-entropy is not a candidate.
    plain : bool, default=True
        Whether cross-entropy without class weights is a candidate.
    prefix : str, default=""
        Prefix of the parameters of `CNNClassifier`: ``"cnn__"`` for the step "cnn" of a Pipeline, ``"estimator__"``
        inside a `OneVsRestCNNClassifier`, ``"ovr__estimator__"`` for both.
    **others
        Further parameters with their full names, combined with each loss.

    Returns
    -------
    list of dict
        `param_grid` for scikit-learn's searches.

    Raises
    ------
    ValueError
        If there is no candidate, or `prefix` does not end in two underscores.

    See Also
    --------
    ovr_scorer : Scorer for a search over one-vs-rest predictions.
    sk_cifar_ovr.SparseCategoricalFocalLoss : The focal loss and its parameters.

    Examples
    --------
    >>> from sk_cifar_ovr.model_selection import loss_grid
    >>> for part in loss_grid([1.0, 2.0]):
    ...     print(part)
    {'loss': ['focal'], 'loss__gamma': [1.0, 2.0], 'class_weight': [None]}
    {'loss': ['focal'], 'loss__gamma': [0.0], 'loss__alpha': [None], 'class_weight': [None, 'balanced']}
    """
    if prefix and not prefix.endswith("__"):
        raise ValueError(f"prefix={prefix!r} must end in two underscores, such as 'cnn__'.")
    focal_gammas, weights = list(gammas), [*([None] if plain else []), *class_weights]
    grid: list[dict[str, list]] = []
    if focal_gammas:
        grid.append({"loss": ["focal"], "loss__gamma": focal_gammas, "class_weight": [None]})
    if weights:
        grid.append({"loss": ["focal"], "loss__gamma": [0.0], "loss__alpha": [None], "class_weight": weights})
    if not grid:
        raise ValueError("There is no loss to search over: pass gammas, class_weights or plain=True.")
    return [{**{f"{prefix}{name}": values for name, values in part.items()}, **others} for part in grid]


def ovr_scorer(column: str = "class_f1", *, label=None) -> Callable[..., float]:
    """Create a scorer for the yes/no predictions of `predict_ovr`.

    scikit-learn's own scorers, such as ``"f1_macro"``, use `predict`, which ignores the thresholds.

    Parameters
    ----------
    column : str, default="class_f1"
        A column of ``OvRReport.frame(imbalance=True)``.
    label : object, default=None
        The class to score, such as a rare one. None takes the mean over all classes.

    Returns
    -------
    callable ``(estimator, X, y) -> float``
        `scoring` for scikit-learn's searches and cross-validation. If the estimator has no `predict_ovr`, the labels
        of `predict` are scored. `y` are labels (n,) or a label matrix (n, K). The callable raises ValueError if
        `column` or `label` does not exist, or if nothing is known of `label`.

    Notes
    -----
    If a label matrix holds NaN (not known), pass a splitter such as ``cv=KFold(5)`` to scikit-learn: it refuses NaN
    if `cv` is a number. Entries that are not known are left out of the score of their class, and a class without any
    known entry is left out of the mean.

    See Also
    --------
    sk_cifar_ovr.ovr_report : Computes the columns.

    Examples
    --------
    >>> from sk_cifar_ovr.model_selection import ovr_scorer
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=500).fit(X, y)
    >>> print(f"{ovr_scorer(label=0)(model, X, y):.2f}, mean {ovr_scorer()(model, X, y):.2f}")
    1.00, mean 0.97
    """
    return partial(_ovr_score, column=column, label=label)


def _ovr_score(estimator, X, y, *, column: str, label) -> float:
    answers = ovr_answers(estimator, X)
    classes = estimator.classes_
    with warnings.catch_warnings():
        # Only an undefined value in the scored column is worth a warning.
        warnings.filterwarnings("ignore", message=f"(?!{column} )", category=UndefinedMetricWarning)
        table = _report(y, answers, classes).frame(imbalance=True)
    if column not in table:
        raise ValueError(f"column={column!r} is not a column of the report: {[*table.columns[1:]]}.")
    if label is None:
        return float(table[column].mean())
    if label not in classes:
        raise ValueError(f"label={plain(label)!r} is not one of the classes {classes.tolist()}.")
    (index,) = np.nonzero(table["class"] == label)
    if not len(index):
        raise ValueError(f"No label of {plain(label)!r} is known among the samples to score.")
    return float(table[column].iloc[index[0]])


def _report(y, answers, classes) -> OvRReport:
    """The report of the classes of which something is known."""
    if not is_label_matrix(y):
        return ovr_report(y, answers, classes=classes)
    labels, names = label_matrix(y)
    order = columns_in_order(classes.tolist(), names.tolist())
    known = (labels != UNKNOWN).any(axis=0)
    if known.all() or not known.any():
        return ovr_report(y, answers, classes=classes)
    # Zeros stand in for the columns without a known label, whose rows are then dropped.
    filled = pd.DataFrame(np.where(labels == UNKNOWN, np.nan, labels), columns=names)
    filled.loc[:, ~known] = 0.0
    report = ovr_report(filled, answers, classes=classes)
    known = known if order is None else known[order]
    return replace(report, classes=report.classes[known], confusion=report.confusion[known])


def search_frame(search, *, metric: str = "score") -> pd.DataFrame:
    """Return the results of a search as a table with one row per candidate, the best first.

    Parameters
    ----------
    search : fitted search, or its ``cv_results_``
    metric : str, default="score"
        Name of the score, for a search with several.

    Returns
    -------
    pandas.DataFrame
        Columns `rank`, one per parameter, `mean` and `std` of the score, `fold 1`, `fold 2`, ..., and `fit_seconds`.
        A prefix that all parameters share is removed. A parameter that a candidate does not set is "".

    Raises
    ------
    ValueError
        If the search has no score of that name.

    Examples
    --------
    >>> from sk_cifar_ovr.model_selection import search_frame
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> grid = {"C": [0.01, 1.0]}
    >>> search = GridSearchCV(LogisticRegression(max_iter=500), grid, cv=2).fit(*load_iris(return_X_y=True))
    >>> search_frame(search)[["rank", "C", "mean"]].round(2)
       rank     C  mean
    0     1  1.00  0.96
    1     2  0.01  0.83
    """
    results = getattr(search, "cv_results_", search)
    if f"mean_test_{metric}" not in results:
        known = sorted(name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_"))
        raise ValueError(f"metric={metric!r} is not a score of this search: {known}.")
    names = sorted({name for candidate in results["params"] for name in candidate})
    short = dict(zip(names, _without_shared_prefix(names), strict=True))
    columns: dict[str, Any] = {"rank": results[f"rank_test_{metric}"]}
    columns |= {short[name]: _column([params.get(name, "") for params in results["params"]]) for name in names}
    columns |= {"mean": results[f"mean_test_{metric}"], "std": results[f"std_test_{metric}"]}
    folds = sorted(
        (int(name.removeprefix("split").partition("_")[0]), name)
        for name in results
        if name.startswith("split") and name.endswith(f"_test_{metric}")
    )
    columns |= {f"fold {number + 1}": results[name] for number, name in folds}
    columns["fit_seconds"] = results["mean_fit_time"]
    return pd.DataFrame(columns).sort_values("rank", kind="stable", ignore_index=True)


def _column(values: list) -> pd.Series:
    # pandas would convert None to NaN among texts.
    is_object = any(value is None or isinstance(value, str) for value in values)
    return pd.Series(values, dtype=object if is_object else None)


def _without_shared_prefix(names: list[str]) -> list[str]:
    parts = [name.split("__") for name in names]
    # Routed parameters such as "loss__gamma" keep their prefix.
    while parts and parts[0][0] not in ROUTED_PREFIXES and all(len(p) > 1 and p[0] == parts[0][0] for p in parts):
        parts = [part[1:] for part in parts]
    return ["__".join(part) for part in parts]
