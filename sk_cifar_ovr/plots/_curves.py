"""Pictures of probabilities: curves over all thresholds, and calibration."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import final_step, ovr_curves, positive_probabilities, probability_scores
from ._style import axes_grid, class_legend, class_names, class_style, make_room


class OvRCurvesDisplay:
    """Precision-recall and ROC curves of all classes side by side, the chosen thresholds marked.

    Parameters
    ----------
    curves : pandas.DataFrame
        What :func:`~sk_cifar_ovr.metrics.ovr_curves` returns.
    scores : pandas.DataFrame
        What :func:`~sk_cifar_ovr.metrics.probability_scores` returns, for the legend.
    display_labels : sequence of shape (K,), default=None
        The names to show; None takes the classes of `scores`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The precision-recall and the ROC panel.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

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

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Draw the curves of a fitted classifier.

        Parameters
        ----------
        estimator : fitted classifier
            One with `predict_ovr` is read by `decision_function`, as log-odds, and by `thresholds_`; any
            other by `predict_proba`.
        X : array-like
            What the estimator takes.
        y : array-like of shape (n,)
            The true labels.
        **options
            Those of :meth:`from_predictions` and :meth:`plot`.

        Returns
        -------
        OvRCurvesDisplay
        """
        estimator, X = final_step(estimator, X)
        options.setdefault("thresholds", getattr(estimator, "thresholds_", 0.5))
        probabilities = positive_probabilities(estimator, X)
        return cls.from_predictions(y, probabilities, classes=estimator.classes_, **options)

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
        """Draw the curves of given probabilities.

        Parameters
        ----------
        y_true, probabilities, classes, thresholds
            As in :func:`~sk_cifar_ovr.metrics.ovr_curves`.
        display_labels : sequence of shape (K,), default=None
            The names to show.
        **options
            Those of :meth:`plot`.

        Returns
        -------
        OvRCurvesDisplay
        """
        curves = ovr_curves(y_true, probabilities, classes=classes, thresholds=thresholds)
        scores = probability_scores(y_true, probabilities, classes=classes)
        return cls(curves, scores, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the drawn points.

        Returns
        -------
        pandas.DataFrame
            As :func:`~sk_cifar_ovr.metrics.ovr_curves` returns it.
        """
        return self.curves.copy()

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of two of them, default=None
            Where to draw, precision-recall first, or one for both; None makes a figure.

        Returns
        -------
        OvRCurvesDisplay
        """
        names = class_names(self.scores["class"], self.display_labels)
        figure, axes = axes_grid(ax, 2, 2, (4.2, 3.4))
        for k, label in enumerate(self.scores["class"]):
            rows = self.curves[self.curves["class"] == label]
            chosen = rows[rows["chosen"]]
            style = class_style(k)
            marker = style.pop("marker")
            # From one threshold to the next lower one the area counts with the latter's precision.
            axes[0].plot(rows["recall"], rows["precision"], drawstyle="steps-pre", linewidth=1.2, **style)
            axes[1].plot(rows["false_positive_rate"], rows["recall"], linewidth=1.2, **style)
            point = {"s": 40, "marker": marker, "edgecolors": "white", "clip_on": False, "zorder": 3}
            axes[0].scatter(chosen["recall"], chosen["precision"], color=style["color"], **point)
            axes[1].scatter(chosen["false_positive_rate"], chosen["recall"], color=style["color"], **point)
        axes[0].set_title("Precision and recall", fontsize=10)
        axes[0].set(xlabel="recall", ylabel="precision")
        axes[1].set_title("ROC", fontsize=10)
        axes[1].set(xlabel="false-positive rate", ylabel="true-positive rate (recall)")
        for panel in axes:
            panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
            panel.grid(color="0.9", linewidth=0.6)
        areas = self.scores[["average_precision", "roc_auc"]].to_numpy()
        texts = [f"{name} (AP {ap:.2f}, AUC {auc:.2f})" for name, (ap, auc) in zip(names, areas, strict=True)]
        class_legend(axes[1], texts, "class vs others\n(marker: chosen threshold)")
        if ax is None:
            figure.suptitle("Each class vs the others at every threshold", fontsize=11)
            make_room(axes[1], 2.6)
        self.figure_, self.axes_, self.ax_ = figure, np.array(axes), axes[0]
        return self
