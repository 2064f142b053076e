"""Loss and other metrics by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..metrics import final_step
from ._display import Display
from ._style import PALETTE, axes_grid, class_legend, class_names, class_style, make_room

_VALIDATION = "val_"


class HistoryDisplay(Display):
    """Loss and metrics of training by epoch, one panel per metric.

    Training metrics are solid lines, validation metrics dashed lines.

    Parameters
    ----------
    history : mapping of str to sequence of float, or mapping of label to such mappings
        The `history_` of one network, or the histories of several networks by class label.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel per metric.
    ax_ : matplotlib Axes
        The first panel.
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores by number of training samples.
    sklearn.model_selection.ValidationCurveDisplay : Scores by the value of one parameter.

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
            Its `history_` is a mapping, or a list with one mapping per class. A one-vs-rest classifier with separate
            networks is drawn with one line per network.
        **options
            Keyword arguments of :meth:`plot`.

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
            # With two classes there is one network, which predicts the second class.
            history = dict(zip(estimator.classes_[-len(history) :].tolist(), history, strict=True))
        return cls(history).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the values in the picture.

        Returns
        -------
        pandas.DataFrame
            Columns `network`, `metric`, `subset`, `epoch` (from 1) and `value`. One row per value.
        """
        rows = [
            (network, name.removeprefix(_VALIDATION), _subset(name), epoch, float(value))
            for network, history in self._histories().items()
            for name, values in history.items()
            for epoch, value in enumerate(values, start=1)
        ]
        return pd.DataFrame(rows, columns=["network", "metric", "subset", "epoch", "value"])

    def plot(self, *, ax: Any = None, n_columns: int = 2) -> Self:
        """Draw one panel per metric.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes per metric, or one subplot that the panels share. None creates a figure.
        n_columns : int, default=2
            Number of panels side by side.

        Returns
        -------
        HistoryDisplay
        """
        table = self.frame()
        if table.empty:
            raise ValueError("The history holds no epoch.")
        metrics = table["metric"].unique().tolist()
        networks = list(self._histories())
        has_validation = table["subset"].nunique() > 1
        axes = axes_grid(ax, len(metrics), n_columns, (4.0, 3.0))
        for (network, metric, subset), rows in table.groupby(["network", "metric", "subset"], sort=False):
            style = _line_style(networks.index(network), len(networks), subset)
            axes[metrics.index(metric)].plot(rows["epoch"], rows["value"], **style)
        for panel, metric in zip(axes, metrics, strict=True):
            panel.set_title(f"{metric} by epoch", fontsize=10)
            panel.set(xlabel="epoch", ylabel=metric)
            panel.locator_params(axis="x", integer=True, min_n_ticks=1)
            panel.grid(color="0.9", linewidth=0.6)
        if len(networks) > 1:
            both = "\n(solid: training, dashed: validation)" if has_validation else ""
            last = axes[min(n_columns, len(axes)) - 1]
            class_legend(last, class_names(networks, None), f"network{both}", lines=False)
            if ax is None:
                make_room(last, 1.6)
        elif has_validation:
            axes[0].legend(frameon=False, fontsize=8)
        return self._set_figure(axes)

    def _histories(self) -> dict[Any, Mapping[str, Sequence[float]]]:
        if all(isinstance(values, Mapping) for values in self.history.values()):
            return dict(self.history)
        return {"": self.history}


def _subset(name: str) -> str:
    return "validation" if name.startswith(_VALIDATION) else "training"


def _line_style(k: int, n_networks: int, subset: str) -> dict[str, Any]:
    dashed = subset == "validation"
    line = {"linestyle": "--" if dashed else "-", "linewidth": 1.2, "label": subset}
    if n_networks == 1:
        return {"color": PALETTE[2 if dashed else 0], **line}
    # The marker at the last epoch tells networks of one colour apart.
    style = class_style(k)
    return {"color": style["color"], "marker": style["marker"], "markevery": [-1], "markersize": 4, **line}
