"""Scores of each class beside those of a reference table."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import OvRReport, long_heading, ovr_answers, ovr_report, reference_table
from ._display import ClassifierDisplay
from ._style import PALETTE, axes_grid, class_names


class ReferenceDisplay(ClassifierDisplay):
    """One score of every class beside the score in a reference table.

    `from_estimator` calls `predict_ovr`, or `predict` if the classifier has no `predict_ovr`.

    Parameters
    ----------
    table : pandas.DataFrame
        Table returned by :meth:`~sk_cifar_ovr.OvRReport.against`, with the columns `class`, `measured`, `reference`
        and `difference`. The last row contains the means.
    column : str, default="class_f1"
        Column of the report that `table` compares.
    display_labels : sequence of shape (K,), default=None
        Class names to show; None uses the classes in `table`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The only panel.
    ax_ : matplotlib Axes
        The same panel.
    figure_ : matplotlib Figure

    See Also
    --------
    sk_cifar_ovr.OvRReport.against : The comparison as a table.
    sk_cifar_ovr.metrics.reference_table : The default reference, published results on CIFAR-10.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(10)
    >>> ReferenceDisplay.from_predictions(y, y).frame().tail(1).round(3)
       class  measured  reference  difference
    10  mean       1.0      0.763       0.237
    """

    def __init__(self, table: pd.DataFrame, *, column: str = "class_f1", display_labels: Sequence[Any] | None = None):
        self.table = table
        self.column = column
        self.display_labels = display_labels

    @staticmethod
    def _predict(estimator: Any, X: Any) -> dict[str, Any]:
        return {"predicted": ovr_answers(estimator, X)}

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, predicted: ArrayLike, *, classes: ArrayLike | None = None, **options: Any
    ) -> Self:
        """Score given predictions and draw them beside the reference.

        Parameters
        ----------
        y_true, predicted, classes
            True labels (n,) or label matrix (n, K), predictions and class labels, see
            :func:`~sk_cifar_ovr.ovr_report`.
        **options
            Keyword arguments of :meth:`from_report` and :meth:`plot`.

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
        """Draw the scores of a report beside the reference.

        Parameters
        ----------
        report : OvRReport
            The measured scores.
        reference : pandas.DataFrame, default=None
            Reference table, matched to the report as in :meth:`~sk_cifar_ovr.OvRReport.beside`. None uses
            :func:`~sk_cifar_ovr.metrics.reference_table`.
        column : str, default="class_f1"
            Column of both tables to compare.
        display_labels : sequence of shape (K,), default=None
            Class names to show; None uses the classes of `report`.
        **options
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        ReferenceDisplay
        """
        table = report.against(reference_table() if reference is None else reference, column)
        return cls(table, column=column, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the scores in the picture.

        Returns
        -------
        pandas.DataFrame
            Columns `class`, `measured`, `reference` and `difference`, as fractions. One row per class, then the
            means.
        """
        return self.table.copy()

    def plot(self, *, ax: Any = None) -> Self:
        """Draw one line per class from the measured score to the reference.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.

        Returns
        -------
        ReferenceDisplay
        """
        table = self.table
        names = [*class_names(table["class"][:-1], self.display_labels), "mean"]
        (panel,) = axes_grid(ax, 1, 1, (6.0, 1.2 + 0.28 * len(names)))
        places = np.arange(len(names))
        measured, reference = 100 * table["measured"], 100 * table["reference"]
        panel.hlines(places, measured, reference, color="0.7", linewidth=2, zorder=1)
        panel.plot(measured, places, "o", color=PALETTE[0], label="this run", zorder=3)
        panel.plot(reference, places, "D", color="white", markeredgecolor=PALETTE[2], label="reference")
        beside_panel = panel.get_yaxis_transform()
        for place, difference in zip(places.tolist(), table["difference"], strict=True):
            panel.text(1.02, place, f"{100 * difference:+.1f}", transform=beside_panel, va="center", fontsize=8)
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
        return self._set_figure([panel])
