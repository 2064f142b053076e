"""Confusion matrices of each class against the rest."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import OvRReport, ovr_answers, ovr_report
from ._display import ClassifierDisplay
from ._style import class_names, class_panels


class OvRConfusionDisplay(ClassifierDisplay):
    """Grid of 2x2 confusion matrices, one per class against the rest.

    `from_estimator` calls `predict_ovr`, or `predict` if the classifier has no `predict_ovr`.

    Parameters
    ----------
    report : OvRReport
        Confusion counts of the K classes.
    display_labels : sequence of shape (K,), default=None
        Class names to show; None uses `report.classes`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel per class.
    ax_ : matplotlib Axes
        The first panel.
    figure_ : matplotlib Figure

    See Also
    --------
    sk_cifar_ovr.ovr_report : Precision, recall and F1 from the same counts.
    sklearn.metrics.ConfusionMatrixDisplay : One K x K matrix of the predicted labels.

    Examples
    --------
    >>> display = OvRConfusionDisplay.from_predictions(["a", "b", "c", "c"], ["a", "b", "c", "a"])
    >>> display.frame().head(2)
      class   true answered  count  row_share
    0     a  class    class      1        1.0
    1     a  class   others      0        0.0
    """

    def __init__(self, report: OvRReport, *, display_labels: Sequence[Any] | None = None):
        self.report = report
        self.display_labels = display_labels

    @staticmethod
    def _predict(estimator: Any, X: Any) -> dict[str, Any]:
        return {"predicted": ovr_answers(estimator, X)}

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        predicted: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        display_labels: Sequence[Any] | None = None,
        **options: Any,
    ) -> Self:
        """Count given predictions and draw the matrices.

        Parameters
        ----------
        y_true, predicted, classes
            True labels (n,) or label matrix (n, K), predictions and class labels, see
            :func:`~sk_cifar_ovr.ovr_report`.
        display_labels : sequence of shape (K,), default=None
            Class names to show; None uses `classes`.
        **options
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        OvRConfusionDisplay
        """
        report = ovr_report(y_true, predicted, classes=classes)
        return cls(report, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the counts and shares in the matrices.

        Returns
        -------
        pandas.DataFrame
            One row per cell, see :meth:`OvRReport.cells <sk_cifar_ovr.OvRReport.cells>`.
        """
        return self.report.cells()

    def plot(self, *, ax: Any = None, n_columns: int = 5, cmap: str = "Blues") -> Self:
        """Draw one matrix per class.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of K Axes, default=None
            One Axes per class, or one subplot that the panels share. None creates a figure.
        n_columns : int, default=5
            Number of panels side by side.
        cmap : str or matplotlib Colormap, default="Blues"
            Colormap of the cells, for the share of each true row (0 to 1).

        Returns
        -------
        OvRConfusionDisplay
        """
        axes = class_panels(ax, class_names(self.report.classes, self.display_labels), n_columns, 1.75)
        cells = self.frame()
        counts = cells["count"].to_numpy().reshape(-1, 2, 2)
        shares = cells["row_share"].to_numpy().reshape(-1, 2, 2)
        for panel, count, share in zip(axes, counts, shares, strict=True):
            panel.imshow(share, cmap=cmap, vmin=0, vmax=1)
            for row, column in np.ndindex(2, 2):
                text = f"{count[row, column]:,}\n{share[row, column]:.1%}"
                color = "white" if share[row, column] > 0.7 else "black"
                panel.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
            panel.set_xticks([0, 1], ["class", "others"], fontsize=8)
            panel.set_yticks([0, 1], ["class", "others"], fontsize=8, rotation=90, va="center")
            panel.tick_params(length=0)
        if ax is None:
            kind = "argmax labels" if self.report.argmax else "one-vs-rest answers"
            figure = axes[0].figure
            figure.suptitle(f"Confusion of the {kind}: counts and share of each true row", fontsize=11)
            figure.supxlabel("answered", fontsize=10)
            figure.supylabel("true", fontsize=10)
        return self._set_figure(axes)
