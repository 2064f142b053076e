"""Searches under imbalance: a grid of losses, a score that reads `predict_ovr`, and results one can read."""

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning

from .metrics import ovr_answers, ovr_report

__all__ = ["loss_grid", "ovr_scorer", "search_frame"]

ROUTES = ("model", "loss", "optimizer")


def loss_grid(
    gammas: Iterable[float] = (0.5, 1.0, 2.0, 4.0),
    class_weights: Iterable[Any] = ("balanced",),
    *,
    plain: bool = True,
    prefix: str = "",
    **others: list,
) -> list[dict[str, list]]:
    """Focal, weighted and plain cross-entropy as one grid for a search.

    Cross-entropy is the focal loss with gamma 0 and without alpha: so it is written here, because a search can set
    parameters of the loss that the estimator has, and cannot take them away.

    Parameters
    ----------
    gammas : iterable of float, default=(0.5, 1.0, 2.0, 4.0)
        Of the focal loss; none leaves it out.
    class_weights : iterable of "balanced" or dict, default=("balanced",)
        With cross-entropy; none leaves weighting out.
    plain : bool, default=True
        Whether cross-entropy without weights is a candidate.
    prefix : str, default=""
        Where the `CNNClassifier` is: ``"cnn__"`` in a Pipeline with that step, ``"estimator__"`` in an
        `OneVsRestCNNClassifier`, ``"ovr__estimator__"`` in both.
    **others
        Further parameters, under their full names, to be crossed with each loss.

    Returns
    -------
    list of dict
        The `param_grid` of scikit-learn's searches.

    Raises
    ------
    ValueError
        If no candidate is left, or `prefix` does not end in two underscores.

    Examples
    --------
    >>> for part in loss_grid([1.0, 2.0]):
    ...     print(part)
    {'loss': ['focal'], 'loss__gamma': [1.0, 2.0], 'class_weight': [None]}
    {'loss': ['focal'], 'loss__gamma': [0.0], 'loss__alpha': [None], 'class_weight': [None, 'balanced']}
    """
    if prefix and not prefix.endswith("__"):
        raise ValueError(f"prefix={prefix!r} is to end in two underscores, as 'cnn__' does.")
    focal, weights = list(gammas), [*([None] if plain else []), *class_weights]
    grid: list[dict[str, list]] = []
    if focal:
        grid.append({f"{prefix}loss": ["focal"], f"{prefix}loss__gamma": focal, f"{prefix}class_weight": [None]})
    if weights:
        plain_loss: dict[str, list] = {
            f"{prefix}loss": ["focal"],
            f"{prefix}loss__gamma": [0.0],
            f"{prefix}loss__alpha": [None],
        }
        grid.append({**plain_loss, f"{prefix}class_weight": weights})
    if not grid:
        raise ValueError("No loss is left to search: give gammas, class_weights or plain=True.")
    return [{**part, **others} for part in grid]


def ovr_scorer(column: str = "class_f1", *, label=None) -> Callable[..., float]:
    """Score of a search by the K yes-or-no answers of `predict_ovr`.

    scikit-learn's own scores, such as ``"f1_macro"``, read `predict`, in which thresholds play no part.

    Parameters
    ----------
    column : str, default="class_f1"
        A column of ``OvRReport.frame(imbalance=True)``.
    label : object, default=None
        The class that counts, such as a rare one; None takes the mean over all.

    Returns
    -------
    callable ``(estimator, X, y) -> float``
        The `scoring` of scikit-learn's searches and validations. An estimator without `predict_ovr` is
        scored by its labels.

    Examples
    --------
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
        # A score warns of its own 0/0, not of those in the report's other columns.
        warnings.filterwarnings("ignore", message=f"(?!{column} )", category=UndefinedMetricWarning)
        table = ovr_report(y, answers, classes=classes).frame(imbalance=True)
    if column not in table:
        raise ValueError(f"column={column!r} is none of a report's: {[*table.columns[1:]]}.")
    if label is None:
        return float(table[column].mean())
    (found,) = np.nonzero(classes == label)
    if not len(found):
        raise ValueError(f"label={label!r} is none of the classes {classes.tolist()}.")
    return float(table[column].iloc[found[0]])


def search_frame(search, *, metric: str = "score") -> pd.DataFrame:
    """The results of a search, one row a candidate, the best first.

    Parameters
    ----------
    search : fitted search, or its ``cv_results_``
    metric : str, default="score"
        Which score, of a search by several.

    Returns
    -------
    pandas.DataFrame
        `rank`; the parameters, without a prefix that all share, "" where a candidate has none such;
        `mean`, `std` and each `fold` of the score; `fit_seconds`.

    Examples
    --------
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
        raise ValueError(f"metric={metric!r} is none that was searched by: {known}.")
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
    # Left to itself, pandas makes NaN of a None among texts.
    as_they_are = any(value is None or isinstance(value, str) for value in values)
    return pd.Series(values, dtype=object if as_they_are else None)


def _without_shared_prefix(names: list[str]) -> list[str]:
    parts = [name.split("__") for name in names]
    # "loss__gamma" alone keeps its first half, which says whose gamma it is.
    while parts and parts[0][0] not in ROUTES and all(len(p) > 1 and p[0] == parts[0][0] for p in parts):
        parts = [part[1:] for part in parts]
    return ["__".join(part) for part in parts]
