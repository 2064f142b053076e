"""Calibration curves of each class against the rest."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import positive_probabilities, probability_scores, reliability_bins
from ._display import ClassifierDisplay
from ._style import PALETTE, class_names, class_panels


class OvRCalibrationDisplay(ClassifierDisplay):
    """Calibration curves (reliability diagrams), one per class against the rest.

    Each panel shows the share of positives by predicted probability. The title contains the expected calibration
    error (ECE). `from_estimator` uses :func:`~sk_cifar_ovr.metrics.positive_probabilities`.

    Parameters
    ----------
    bins : pandas.DataFrame
        Table returned by :func:`~sk_cifar_ovr.metrics.reliability_bins`.
    scores : pandas.DataFrame
        Table returned by :func:`~sk_cifar_ovr.metrics.probability_scores`, for the titles.
    display_labels : sequence of shape (K,), default=None
        Class names to show; None uses the classes in `scores`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel per class.
    ax_ : matplotlib Axes
        The first panel.
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : Calibration curve of a binary classifier.
    sk_cifar_ovr.OvRCurvesDisplay : Precision-recall and ROC curves of the same probabilities.

    References
    ----------
    DeGroot and Fienberg, "The Comparison and Evaluation of Forecasters" (The Statistician 32, 1983); Guo, Pleiss,
    Sun and Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017).

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

    @staticmethod
    def _predict(estimator: Any, X: Any) -> dict[str, Any]:
        return {"probabilities": positive_probabilities(estimator, X)}

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
        """Bin given probabilities and draw the curves.

        Parameters
        ----------
        y_true, probabilities, classes
            True labels (n,) or label matrix (n, K), predicted probabilities and class labels, see
            :func:`~sk_cifar_ovr.metrics.reliability_bins`.
        display_labels : sequence of shape (K,), default=None
            Class names to show; None uses `classes`.
        **options
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        OvRCalibrationDisplay
        """
        bins = reliability_bins(y_true, probabilities, classes=classes)
        scores = probability_scores(y_true, probabilities, classes=classes)
        return cls(bins, scores, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the bins in the picture.

        Returns
        -------
        pandas.DataFrame
            One row per class and bin, see :func:`~sk_cifar_ovr.metrics.reliability_bins`.
        """
        return self.bins.copy()

    def plot(self, *, ax: Any = None, n_columns: int = 5) -> Self:
        """Draw one calibration curve per class.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of K Axes, default=None
            One Axes per class, or one subplot that the panels share. None creates a figure.
        n_columns : int, default=5
            Number of panels side by side.

        Returns
        -------
        OvRCalibrationDisplay
        """
        axes = class_panels(ax, class_names(self.scores["class"], self.display_labels), n_columns, 2.05)
        errors = self.scores["calibration_error"]
        for panel, label, error in zip(axes, self.scores["class"], errors, strict=True):
            rows = self.bins[self.bins["class"] == label]
            panel.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
            panel.plot(rows["mean_probability"], rows["share_positive"], color=PALETTE[0], linewidth=1)
            areas = 3 + 30 * np.sqrt(rows["count"] / rows["count"].max())
            panel.scatter(rows["mean_probability"], rows["share_positive"], areas, color=PALETTE[0], zorder=3)
            panel.title.set_text(f"{panel.get_title()}\nECE {error:.3f}")
            panel.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), aspect="equal")
            panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)
            panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)
        if ax is None:
            figure = axes[0].figure
            figure.suptitle("Calibration: how often a class is there at a given probability", fontsize=11)
            figure.supxlabel("mean probability in a bin (larger dot: more rows)", fontsize=10)
            figure.supylabel("share that is the class", fontsize=10)
        return self._set_figure(axes)
