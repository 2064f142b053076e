"""One figure of each class beside that of a reference table."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import OvRReport, final_step, long_heading, ovr_answers, ovr_report, reference_table
from ._style import PALETTE, axes_grid, class_names


class ReferenceDisplay:
    """One figure of each class beside the reference table's.

    Parameters
    ----------
    table : pandas.DataFrame
        What :meth:`~sk_cifar_ovr.OvRReport.against` returns: `class`, `measured`, `reference`, `difference`, the means
        last.
    column : str, default="class_f1"
        The column of the report it speaks of.
    display_labels : sequence of shape (K,), default=None
        The names to show; None takes the classes of `table`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The one panel.
    ax_ : matplotlib Axes
        The same.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(10)
    >>> ReferenceDisplay.from_predictions(y, y).frame().tail(1).round(3)
       class  measured  reference  difference
    10  mean       1.0      0.763       0.237
    """

    def __init__(
        self,
        table: pd.DataFrame,
        *,
        column: str = "class_f1",
        display_labels: Sequence[Any] | None = None,
    ):
        self.table = table
        self.column = column
        self.display_labels = display_labels

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Draw a fitted classifier's figures beside the reference.

        Parameters
        ----------
        estimator : fitted classifier
            Its `predict_ovr` is asked, or `predict` where it has none.
        X : array-like
            What the estimator takes.
        y : array-like of shape (n,)
            The true labels.
        **options
            Those of :meth:`from_report` and :meth:`plot`.

        Returns
        -------
        ReferenceDisplay
        """
        estimator, X = final_step(estimator, X)
        return cls.from_predictions(y, ovr_answers(estimator, X), classes=estimator.classes_, **options)

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, predicted: ArrayLike, *, classes: ArrayLike | None = None, **options: Any
    ) -> Self:
        """Draw given answers' figures beside the reference.

        Parameters
        ----------
        y_true, predicted, classes
            As in :func:`~sk_cifar_ovr.ovr_report`.
        **options
            Those of :meth:`from_report` and :meth:`plot`.

        Returns
        -------
        ReferenceDisplay
        """
        return cls.from_report(ovr_report(y_true, predicted, classes=classes), **options)

    @classmethod
    def from_report(
        cls,
        report: OvRReport,
        *,
        reference: pd.DataFrame | None = None,
        column: str = "class_f1",
        display_labels: Sequence[Any] | None = None,
        **options: Any,
    ) -> Self:
        """Draw a report beside the reference.

        Parameters
        ----------
        report : OvRReport
            The measured figures.
        reference : pandas.DataFrame, default=None
            The other table, matched as in :meth:`~sk_cifar_ovr.OvRReport.beside`; None takes
            :func:`~sk_cifar_ovr.metrics.reference_table`.
        column : str, default="class_f1"
            What to draw.
        display_labels : sequence of shape (K,), default=None
            The names to show.
        **options
            Those of :meth:`plot`.

        Returns
        -------
        ReferenceDisplay
        """
        table = report.against(reference_table() if reference is None else reference, column)
        return cls(table, column=column, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the drawn figures.

        Returns
        -------
        pandas.DataFrame
            Columns `class`, `measured`, `reference` and `difference`, in fractions; one class a row.
        """
        return self.table.copy()

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ReferenceDisplay
        """
        table = self.table
        names = [*class_names(table["class"][:-1], self.display_labels), "mean"]
        figure, (panel,) = axes_grid(ax, 1, 1, (6.0, 1.2 + 0.28 * len(names)))
        places = np.arange(len(names))
        measured, reference = 100 * table["measured"], 100 * table["reference"]
        panel.hlines(places, measured, reference, color="0.7", linewidth=2, zorder=1)
        panel.plot(measured, places, "o", color=PALETTE[0], label="this run", zorder=3)
        panel.plot(reference, places, "D", color="white", markeredgecolor=PALETTE[2], label="reference")
        for place, difference in zip(places.tolist(), table["difference"], strict=True):
            panel.text(
                1.02,
                place,
                f"{100 * difference:+.1f}",
                transform=panel.get_yaxis_transform(),
                va="center",
                fontsize=8,
            )
        panel.axhline(len(names) - 1.5, color="0.7", linewidth=0.6)
        panel.set_yticks(places, names, fontsize=8, parse_math=False)
        panel.set_ylim(len(names) - 0.5, -0.5)
        heading = long_heading(self.column)
        panel.set_title(f"{heading[0].upper()}{heading[1:]} of each class vs the others", fontsize=11)
        panel.set_xlabel(f"{heading}, percent")
        panel.text(1.02, 1.01, "difference", transform=panel.transAxes, fontsize=8)
        panel.grid(axis="x", color="0.9", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.legend(loc="upper left", bbox_to_anchor=(1.16, 1.0), borderaxespad=0, frameon=False, fontsize=8)
        self.figure_, self.axes_, self.ax_ = figure, np.array([panel]), panel
        return self
