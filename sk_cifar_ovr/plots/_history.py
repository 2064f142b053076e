"""Loss and other metrics by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..metrics import final_step
from ._style import PALETTE, axes_grid, class_legend, class_names, class_style, make_room

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


def _subset(name: str) -> str:
    return "validation" if name.startswith(_VALIDATION) else "training"
