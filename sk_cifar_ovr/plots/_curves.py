"""Precision-recall and ROC curves of each class against the rest."""

from collections.abc import Sequence
from typing import Any, Self

import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import ovr_curves, positive_probabilities, probability_scores
from ._display import ClassifierDisplay
from ._style import axes_grid, class_legend, class_names, class_style, make_room


class OvRCurvesDisplay(ClassifierDisplay):
    """Precision-recall and ROC curves of every class against the rest, with the chosen thresholds marked.

    `from_estimator` uses :func:`~sk_cifar_ovr.metrics.positive_probabilities` and marks the classifier's
    `thresholds_`, or 0.5 if it has none.

    Parameters
    ----------
    curves : pandas.DataFrame
        Table returned by :func:`~sk_cifar_ovr.metrics.ovr_curves`.
    scores : pandas.DataFrame
        Table returned by :func:`~sk_cifar_ovr.metrics.probability_scores`, for the legend.
    display_labels : sequence of shape (K,), default=None
        Class names to show; None uses the classes in `scores`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The precision-recall panel and the ROC panel.
    ax_ : matplotlib Axes
        The precision-recall panel.
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn.metrics.PrecisionRecallDisplay : Precision-recall curve of a binary classifier.
    sklearn.metrics.RocCurveDisplay : ROC curve of a binary classifier.
    sk_cifar_ovr.plots.OvRCalibrationDisplay : Calibration curves of the same probabilities.

    References
    ----------
    Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves" (ICML 2006).

    Examples
    --------
    >>> display = OvRCurvesDisplay.from_predictions([0, 0, 1], [0.1, 0.7, 0.6], thresholds=0.6)
    >>> chosen = display.frame().query("chosen")
    >>> print(chosen[["class", "threshold", "precision", "recall"]].to_string(index=False))
    class  threshold  precision  recall
        0        0.4        0.5     0.5
        1        0.6        0.5     1.0
    """

    def __init__(self, curves: pd.DataFrame, scores: pd.DataFrame, *, display_labels: Sequence[Any] | None = None):
        self.curves = curves
        self.scores = scores
        self.display_labels = display_labels

    @staticmethod
    def _predict(estimator: Any, X: Any) -> dict[str, Any]:
        thresholds = getattr(estimator, "thresholds_", 0.5)
        return {"probabilities": positive_probabilities(estimator, X), "thresholds": thresholds}

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        probabilities: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        thresholds: ArrayLike = 0.5,
        display_labels: Sequence[Any] | None = None,
        **options: Any,
    ) -> Self:
        """Compute the curves of given probabilities and draw them.

        Parameters
        ----------
        y_true, probabilities, classes, thresholds
            True labels (n,) or label matrix (n, K), predicted probabilities, class labels and thresholds to mark, see
            :func:`~sk_cifar_ovr.metrics.ovr_curves`.
        display_labels : sequence of shape (K,), default=None
            Class names to show; None uses `classes`.
        **options
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        OvRCurvesDisplay
        """
        curves = ovr_curves(y_true, probabilities, classes=classes, thresholds=thresholds)
        scores = probability_scores(y_true, probabilities, classes=classes)
        return cls(curves, scores, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the points of the curves.

        Returns
        -------
        pandas.DataFrame
            One row per class and threshold, see :func:`~sk_cifar_ovr.metrics.ovr_curves`.
        """
        return self.curves.copy()

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the precision-recall panel and the ROC panel.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of two Axes, default=None
            Axes of the precision-recall and the ROC curves, or one subplot that both share. None creates a figure.

        Returns
        -------
        OvRCurvesDisplay
        """
        names = class_names(self.scores["class"], self.display_labels)
        axes = axes_grid(ax, 2, 2, (4.2, 3.4))
        precision_recall, roc = axes
        for k, label in enumerate(self.scores["class"]):
            rows = self.curves[self.curves["class"] == label]
            chosen = rows[rows["chosen"]]
            style = class_style(k)
            point = {"s": 40, "marker": style.pop("marker"), "edgecolors": "white", "clip_on": False, "zorder": 3}
            # Average precision is the area under steps: each interval has the precision at its lower threshold.
            precision_recall.plot(rows["recall"], rows["precision"], drawstyle="steps-pre", linewidth=1.2, **style)
            roc.plot(rows["false_positive_rate"], rows["recall"], linewidth=1.2, **style)
            precision_recall.scatter(chosen["recall"], chosen["precision"], color=style["color"], **point)
            roc.scatter(chosen["false_positive_rate"], chosen["recall"], color=style["color"], **point)
        precision_recall.set_title("Precision and recall", fontsize=10)
        precision_recall.set(xlabel="recall", ylabel="precision")
        roc.set_title("ROC", fontsize=10)
        roc.set(xlabel="false-positive rate", ylabel="true-positive rate (recall)")
        for panel in axes:
            panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
            panel.grid(color="0.9", linewidth=0.6)
        areas = self.scores[["average_precision", "roc_auc"]].to_numpy()
        texts = [f"{name} (AP {ap:.2f}, AUC {auc:.2f})" for name, (ap, auc) in zip(names, areas, strict=True)]
        class_legend(roc, texts, "class vs others\n(marker: chosen threshold)")
        if ax is None:
            axes[0].figure.suptitle("Each class vs the others at every threshold", fontsize=11)
            make_room(roc, 2.6)
        return self._set_figure(axes)
