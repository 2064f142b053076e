"""Pictures of one run: how the loss went, and where the result stands beside a reference."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._plot_style import PALETTE, axes_grid, class_legend, class_names, class_style, make_room
from ._tables import long_heading
from .metrics import OvRReport, final_step, ovr_answers, ovr_report, reference_table

_VALIDATION = "val_"


class HistoryDisplay:
    """What training reported epoch by epoch: one panel a metric, validation dashed.

    Parameters
    ----------
    history : mapping of str to sequence of float, or mapping of label to such mappings
        The `history_` of one network, or of several by the name of the class each belongs to.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel a metric.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> HistoryDisplay({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]}).frame()
      network metric      subset  epoch  value
    0           loss    training      1    0.9
    1           loss    training      2    0.5
    2           loss  validation      1    1.0
    3           loss  validation      2    0.7
    """

    def __init__(self, history: Mapping[Any, Any]):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, **options: Any) -> Self:
        """Draw the `history_` of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            One whose `history_` is a mapping, or a list with one a class. Of separate one-vs-rest networks
            each has its line.
        **options
            Those of :meth:`plot`.

        Returns
        -------
        HistoryDisplay
        """
        estimator, _ = final_step(estimator, None)
        if not hasattr(estimator, "history_"):
            check_is_fitted(estimator)
        history = estimator.history_
        if getattr(estimator, "strategy", None) == "independent":
            history = [network.history_ for network in estimator.estimators_]
        if not isinstance(history, Mapping):
            # Two classes share one network: that of the second.
            history = dict(zip(estimator.classes_[-len(history) :].tolist(), history, strict=True))
        return cls(history).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the drawn values.

        Returns
        -------
        pandas.DataFrame
            Columns `network`, `metric`, `subset`, `epoch` (from 1) and `value`; one value a row.
        """
        rows = [
            (network, name.removeprefix(_VALIDATION), _subset(name), epoch, float(value))
            for network, history in self._networks().items()
            for name, values in history.items()
            for epoch, value in enumerate(values, start=1)
        ]
        return pd.DataFrame(rows, columns=["network", "metric", "subset", "epoch", "value"])

    def plot(self, *, ax: Any = None, n_columns: int = 2) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            Where to draw, one a metric or one for all; None makes a figure.
        n_columns : int, default=2
            How many panels side by side.

        Returns
        -------
        HistoryDisplay
        """
        table = self.frame()
        if table.empty:
            raise ValueError("The history holds no epoch.")
        metrics = table["metric"].unique()
        networks = list(self._networks())
        figure, axes = axes_grid(ax, len(metrics), n_columns, (4.0, 3.0))
        for (network, metric, subset), rows in table.groupby(["network", "metric", "subset"], sort=False):
            panel = axes[list(metrics).index(metric)]
            panel.plot(rows["epoch"], rows["value"], **self._line(networks.index(network), subset))
        for panel, metric in zip(axes, metrics, strict=True):
            panel.set_title(f"{metric} by epoch", fontsize=10)
            panel.set(xlabel="epoch", ylabel=metric)
            panel.locator_params(axis="x", integer=True, min_n_ticks=1)
            panel.grid(color="0.9", linewidth=0.6)
        if len(networks) > 1:
            both = "\n(solid: training, dashed: validation)" if table["subset"].nunique() > 1 else ""
            last = axes[min(n_columns, len(axes)) - 1]
            class_legend(last, class_names(networks, None), f"network{both}", lines=False)
            if ax is None:
                make_room(last, 1.6)
        elif table["subset"].nunique() > 1:
            axes[0].legend(frameon=False, fontsize=8)
        self.figure_, self.axes_, self.ax_ = figure, np.array(axes), axes[0]
        return self

    def _networks(self) -> dict[Any, Mapping[str, Sequence[float]]]:
        if all(isinstance(values, Mapping) for values in self.history.values()):
            return dict(self.history)
        return {"": self.history}

    def _line(self, k: int, subset: str) -> dict[str, Any]:
        style = class_style(k)
        dashed = subset == "validation"
        line = {"linestyle": "--" if dashed else "-", "linewidth": 1.2, "label": subset}
        if len(self._networks()) == 1:
            return {"color": PALETTE[2 if dashed else 0], **line}
        end = {"marker": style["marker"], "markevery": [-1], "markersize": 4}
        return {"color": style["color"], **end, **line}


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


def _subset(name: str) -> str:
    return "validation" if name.startswith(_VALIDATION) else "training"
