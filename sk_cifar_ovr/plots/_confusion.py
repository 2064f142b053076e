"""One 2x2 confusion matrix for each class against the rest."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import OvRReport, final_step, ovr_answers, ovr_report
from ._style import axes_grid, class_names, class_titles


class OvRConfusionDisplay:
    """A grid of 2x2 matrices, one for each "class k vs others".

    Parameters
    ----------
    report : OvRReport
        The counts.
    display_labels : sequence of shape (K,), default=None
        The names to show; None takes `report.classes`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel a class.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

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

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Draw what a fitted classifier answers.

        Parameters
        ----------
        estimator : fitted classifier
            Its `predict_ovr` is asked, or `predict` where it has none.
        X : array-like
            What the estimator takes.
        y : array-like of shape (n,)
            The true labels.
        **options
            Those of :meth:`from_predictions` and :meth:`plot`.

        Returns
        -------
        OvRConfusionDisplay
        """
        estimator, X = final_step(estimator, X)
        return cls.from_predictions(y, ovr_answers(estimator, X), classes=estimator.classes_, **options)

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
        """Draw given answers.

        Parameters
        ----------
        y_true, predicted, classes
            As in :func:`~sk_cifar_ovr.ovr_report`.
        display_labels : sequence of shape (K,), default=None
            The names to show.
        **options
            Those of :meth:`plot`.

        Returns
        -------
        OvRConfusionDisplay
        """
        report = ovr_report(y_true, predicted, classes=classes)
        return cls(report, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the drawn counts and shares.

        Returns
        -------
        pandas.DataFrame
            One cell a row, as :meth:`OvRReport.cells <sk_cifar_ovr.OvRReport.cells>` returns it.
        """
        return self.report.cells()

    def plot(self, *, ax: Any = None, n_columns: int = 5, cmap: str = "Blues") -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of K of them, default=None
            Where to draw, one a panel or one for all; None makes a figure.
        n_columns : int, default=5
            How many matrices side by side.
        cmap : str or matplotlib Colormap, default="Blues"
            The colours of a row's shares, 0 to 1.

        Returns
        -------
        OvRConfusionDisplay
        """
        titles, room = class_titles(class_names(self.report.classes, self.display_labels))
        figure, axes = axes_grid(ax, len(titles), n_columns, (1.75, 1.75 + room))
        cells = self.frame()
        counts = cells["count"].to_numpy().reshape(-1, 2, 2)
        shares = cells["row_share"].to_numpy().reshape(-1, 2, 2)
        for panel, title, count, share in zip(axes, titles, counts, shares, strict=True):
            panel.imshow(share, cmap=cmap, vmin=0, vmax=1)
            for row, column in np.ndindex(2, 2):
                panel.text(
                    column,
                    row,
                    f"{count[row, column]:,}\n{share[row, column]:.1%}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if share[row, column] > 0.7 else "black",
                )
            panel.set_title(title, fontsize=9, parse_math=False)
            panel.set_xticks([0, 1], ["class", "others"], fontsize=8)
            panel.set_yticks([0, 1], ["class", "others"], fontsize=8, rotation=90, va="center")
            panel.tick_params(length=0)
        if ax is None:
            kind = "argmax labels" if self.report.argmax else "one-vs-rest answers"
            figure.suptitle(f"Confusion of the {kind}: counts and share of each true row", fontsize=11)
            figure.supxlabel("answered", fontsize=10)
            figure.supylabel("true", fontsize=10)
        self.figure_, self.axes_, self.ax_ = figure, np.array(axes), axes[0]
        return self
