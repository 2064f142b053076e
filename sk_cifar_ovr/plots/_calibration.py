"""Reliability curves of each class against the rest."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import final_step, positive_probabilities, probability_scores, reliability_bins
from ._style import PALETTE, axes_grid, class_names, class_titles


class OvRCalibrationDisplay:
    """Reliability curves of K one-vs-rest problems: how often "yes" at probability p is right.

    Parameters
    ----------
    bins : pandas.DataFrame
        What :func:`~sk_cifar_ovr.metrics.reliability_bins` returns.
    scores : pandas.DataFrame
        What :func:`~sk_cifar_ovr.metrics.probability_scores` returns, for the titles.
    display_labels : sequence of shape (K,), default=None
        The names to show; None takes the classes of `scores`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel a class.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> display = OvRCalibrationDisplay.from_predictions([0, 0, 1], [0.1, 0.7, 0.6])
    >>> display.frame()["count"].tolist()
    [1, 1, 1, 1, 1, 1]
    """

    def __init__(self, bins: pd.DataFrame, scores: pd.DataFrame, *, display_labels: Sequence[Any] | None = None):
        self.bins = bins
        self.scores = scores
        self.display_labels = display_labels

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Draw the reliability of a fitted classifier.

        Parameters
        ----------
        estimator, X, y
            As in :meth:`~sk_cifar_ovr.OvRCurvesDisplay.from_estimator`.
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
        """Return the drawn bins.

        Returns
        -------
        pandas.DataFrame
            As :func:`~sk_cifar_ovr.metrics.reliability_bins` returns it.
        """
        return self.bins.copy()

    def plot(self, *, ax: Any = None, n_columns: int = 5) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of K of them, default=None
            Where to draw, one a panel or one for all; None makes a figure.
        n_columns : int, default=5
            How many panels side by side.

        Returns
        -------
        OvRCalibrationDisplay
        """
        titles, room = class_titles(class_names(self.scores["class"], self.display_labels))
        figure, axes = axes_grid(ax, len(titles), n_columns, (1.75, 2.05 + room))
        errors = self.scores["calibration_error"]
        for panel, title, label, error in zip(axes, titles, self.scores["class"], errors, strict=True):
            rows = self.bins[self.bins["class"] == label]
            panel.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
            panel.plot(rows["mean_probability"], rows["share_positive"], color=PALETTE[0], linewidth=1)
            areas = 3 + 30 * np.sqrt(rows["count"] / rows["count"].max())
            panel.scatter(rows["mean_probability"], rows["share_positive"], areas, color=PALETTE[0], zorder=3)
            panel.set_title(f"{title}\nECE {error:.3f}", fontsize=9, parse_math=False)
            panel.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), aspect="equal")
            panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)
            panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)
        if ax is None:
            figure.suptitle("Calibration: how often a class is there at a given probability", fontsize=11)
            figure.supxlabel("mean probability in a bin (larger dot: more rows)", fontsize=10)
            figure.supylabel("share that is the class", fontsize=10)
        self.figure_, self.axes_, self.ax_ = figure, np.array(axes), axes[0]
        return self
