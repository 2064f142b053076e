"""Pictures of probabilities: curves over all thresholds, and calibration."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ._plot_style import axes_grid, class_legend, class_names, class_style
from .metrics import final_step, ovr_curves, positive_probabilities, probability_scores, reliability_bins


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
    figure_ : matplotlib Figure

    Examples
    --------
    >>> display = OvRCurvesDisplay.from_predictions([0, 0, 1], [0.1, 0.7, 0.6], thresholds=0.6)
    >>> chosen = display.frame().query("chosen")
    >>> chosen[["class", "threshold", "precision", "recall"]].to_string(index=False)
    ' class  threshold  precision  recall\\n     0        0.4        0.5     0.5\\n     1        0.6 ...'
    """

    def __init__(
        self, curves: pd.DataFrame, scores: pd.DataFrame, *, display_labels: Sequence[Any] | None = None
    ):
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
        """Return the drawn points; see :func:`~sk_cifar_ovr.metrics.ovr_curves`."""
        return self.curves.copy()

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, default=None
            Where to draw, precision-recall first; None makes a figure.

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
            line = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": 1.2}
            point = {"color": style["color"], "marker": style["marker"], "markeredgecolor": "white"}
            # From one threshold to the next lower one the area counts with the latter's precision.
            axes[0].plot(rows["recall"], rows["precision"], drawstyle="steps-pre", **line)
            axes[0].plot(chosen["recall"], chosen["precision"], **point)
            axes[1].plot(rows["false_positive_rate"], rows["recall"], **line)
            axes[1].plot(chosen["false_positive_rate"], chosen["recall"], **point)
        axes[0].set(title="Precision and recall", xlabel="recall", ylabel="precision")
        axes[1].set(title="ROC", xlabel="false-positive rate", ylabel="true-positive rate (recall)")
        for panel in axes:
            panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
            panel.grid(color="0.9", linewidth=0.6)
        areas = self.scores[["average_precision", "roc_auc"]].to_numpy()
        texts = [f"{name} (AP {ap:.2f}, AUC {auc:.2f})" for name, (ap, auc) in zip(names, areas, strict=True)]
        class_legend(axes[1], texts, "class vs others\n(marker: chosen threshold)")
        if ax is None:
            figure.suptitle("Each class vs the others at every threshold", fontsize=11)
        self.figure_, self.axes_ = figure, np.array(axes)
        return self


class OvRCalibrationDisplay:
    """Reliability curves of K one-vs-rest problems: how often "yes" at probability p is right.

    Parameters
    ----------
    bins : pandas.DataFrame
        What :func:`~sk_cifar_ovr.metrics.reliability_bins` returns.
    scores : pandas.DataFrame
        What :func:`~sk_cifar_ovr.metrics.probability_scores` returns, for the legend.
    display_labels : sequence of shape (K,), default=None
        The names to show; None takes the classes of `scores`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> display = OvRCalibrationDisplay.from_predictions([0, 0, 1], [0.1, 0.7, 0.6])
    >>> display.frame()["count"].tolist()
    [1, 1, 1, 1, 1, 1]
    """

    def __init__(
        self, bins: pd.DataFrame, scores: pd.DataFrame, *, display_labels: Sequence[Any] | None = None
    ):
        self.bins = bins
        self.scores = scores
        self.display_labels = display_labels

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Draw the reliability of a fitted classifier.

        Parameters
        ----------
        estimator, X, y
            As in :meth:`OvRCurvesDisplay.from_estimator`.
        **options
            Those of :meth:`from_predictions` and :meth:`plot`.

        Returns
        -------
        OvRCalibrationDisplay
        """
        estimator, X = final_step(estimator, X)
        probabilities = positive_probabilities(estimator, X)
        return cls.from_predictions(y, probabilities, classes=estimator.classes_, **options)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        probabilities: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        display_labels: Sequence[Any] | None = None,
        **options: Any,
    ) -> Self:
        """Draw the reliability of given probabilities.

        Parameters
        ----------
        y_true, probabilities, classes
            As in :func:`~sk_cifar_ovr.metrics.reliability_bins`.
        display_labels : sequence of shape (K,), default=None
            The names to show.
        **options
            Those of :meth:`plot`.

        Returns
        -------
        OvRCalibrationDisplay
        """
        bins = reliability_bins(y_true, probabilities, classes=classes)
        scores = probability_scores(y_true, probabilities, classes=classes)
        return cls(bins, scores, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the drawn bins; see :func:`~sk_cifar_ovr.metrics.reliability_bins`."""
        return self.bins.copy()

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        OvRCalibrationDisplay
        """
        names = class_names(self.scores["class"], self.display_labels)
        figure, (panel,) = axes_grid(ax, 1, 1, (6.0, 4.0))
        panel.plot([0, 1], [0, 1], color="0.6", linestyle=":", zorder=1)
        for k, label in enumerate(self.scores["class"]):
            rows = self.bins[self.bins["class"] == label]
            style = {"linewidth": 1.2, "markersize": 4, **class_style(k)}
            panel.plot(rows["mean_probability"], rows["share_positive"], **style)
        panel.set(
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.02),
            aspect="equal",
            xlabel="mean probability of the class in a bin",
            ylabel="share of the bin that is the class",
            title="Calibration of each class vs the others",
        )
        panel.grid(color="0.9", linewidth=0.6)
        errors = zip(names, self.scores["calibration_error"], strict=True)
        class_legend(panel, [f"{name} (ECE {error:.3f})" for name, error in errors], "class vs others")
        self.figure_, self.ax_ = figure, panel
        return self
