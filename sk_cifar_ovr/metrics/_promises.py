"""Promises of thresholds, checked on new samples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ._ratios import ratio, warn_undefined
from ._report import OvRReport

COLUMNS = ("class", "metric", "promised", "reached_cross_fitting", "reached", "kept")


def promise_table(promises: Sequence[Mapping[str, Any]] | None, report: OvRReport) -> pd.DataFrame:
    """Compare the precision and recall that tuned thresholds promise with those on new samples.

    Parameters
    ----------
    promises : sequence of mapping, or None
        The `promises_` of a fitted `OneVsRestCNNClassifier`. Each mapping has the keys "class", "metric" ("precision"
        or "recall"), "promised" and "reached", which is the value in cross-fitting.
    report : OvRReport
        Report on samples that the classifier has not seen.

    Returns
    -------
    pandas.DataFrame
        Columns `class`, `metric`, `promised`, `reached_cross_fitting`, `reached` (on the samples of `report`) and
        `kept`: whether `reached` is at least `promised`. One row per promise; without promises, no row.

    Raises
    ------
    ValueError
        If a promised class is not in the report.

    Warns
    -----
    UndefinedMetricWarning
        If a promised metric is 0/0 in the report. It is set to 0.

    See Also
    --------
    sk_cifar_ovr.ovr_report : Creates the report.

    Examples
    --------
    >>> from sk_cifar_ovr import ovr_report
    >>> from sk_cifar_ovr.metrics import promise_table
    >>> report = ovr_report([0, 1, 1, 1], [0, 1, 1, 0])
    >>> promises = [{"class": 1, "metric": "recall", "promised": 0.75, "reached": 0.8, "kept": True}]
    >>> print(promise_table(promises, report).round(2).to_string(index=False))
     class metric  promised  reached_cross_fitting  reached  kept
         1 recall      0.75                    0.8     0.67 False
    """
    classes = report.classes.tolist()
    tp, fn, fp, _ = report.confusion.reshape(-1, 4).T
    predicted_or_true = {"precision": tp + fp, "recall": tp + fn}
    rows = []
    for promise in promises or ():
        label, metric, promised = promise["class"], promise["metric"], promise["promised"]
        if label not in classes:
            raise ValueError(f"Class {label!r} of a promise is not in the report of the classes {classes}.")
        k = classes.index(label)
        total = predicted_or_true[metric][k]
        warn_undefined(metric, np.array([total == 0]), report.classes[[k]])
        reached = float(ratio(tp[k], total))
        rows.append((label, metric, promised, promise["reached"], reached, reached >= promised))
    return pd.DataFrame(rows, columns=list(COLUMNS))
