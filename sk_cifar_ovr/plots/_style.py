"""What all pictures share: colours, panels, labels. Matplotlib is loaded when one is drawn."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Petroff, "Accessible Color Sequences for Data Visualization" (arXiv 2107.02270): ten colours chosen to be
# told apart with every common colour vision. Named here because matplotlib's own copy is mutable.
PALETTE = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
# Second cues beside the colour; with ten colours a pair comes back after 30 and after 70 classes.
LINE_STYLES = ("-", "--", "-.")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")

OTHERS = "#c8c8c8"
# Characters of a class's name, and of a line above a panel.
LONGEST_NAME = 30
LONGEST_LINE = 20
# Inches: a further line above a panel; what is around a legend.
LINE = 0.15
MARGIN = 0.9


def class_style(k: int) -> dict[str, Any]:
    """Return the colour, line style and marker of the k-th class."""
    return {
        "color": PALETTE[k % len(PALETTE)],
        "linestyle": LINE_STYLES[k % len(LINE_STYLES)],
        "marker": MARKERS[k % len(MARKERS)],
    }


def class_names(classes: Sequence[Any] | NDArray[Any], display_labels: Sequence[Any] | None) -> list[str]:
    """Return the text that stands for each class: one line, a long name without its middle."""
    names = classes if display_labels is None else display_labels
    if len(names) != len(classes):
        raise ValueError(f"`display_labels` holds {len(names)} names for {len(classes)} classes.")
    return [_short(" ".join(str(name).split())) for name in names]


def _short(name: str) -> str:
    # The end is kept: names of one kind differ there.
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 12]}…{name[-11:]}"


def class_titles(names: Sequence[str]) -> tuple[list[str], float]:
    """Return the panels' titles, in as many lines as keep them off their neighbours, and the inches for those."""
    titles = [fill(f"{name} vs others", LONGEST_LINE) for name in names]
    return titles, LINE * max(title.count("\n") for title in titles)


def axes_grid(ax: Any, n_panels: int, n_columns: int, panel_size: tuple[float, float]) -> tuple["Figure", list["Axes"]]:
    """Return a figure and `n_panels` axes of it: the caller's, or new ones in a grid.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes or None
        Where to draw: an axes for each panel, or one whose place in its figure they share; None makes a
        figure.
    n_panels, n_columns : int
        How many panels, and how many of them side by side.
    panel_size : tuple of float
        Width and height of one panel in inches.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of matplotlib.axes.Axes
    """
    n_columns = min(n_columns, n_panels)
    n_rows = -(-n_panels // n_columns)
    if ax is None:
        # Never narrower than the title above the panels.
        size = (max(6.0, n_columns * panel_size[0]), n_rows * panel_size[1] + 0.4)
        figure = pyplot().figure(figsize=size, layout="constrained")
        figure.get_layout_engine().set(h_pad=0.1, w_pad=0.06)
        grid = figure.add_gridspec(n_rows, n_columns)
    else:
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) == n_panels:
            return axes[0].figure, axes
        if len(axes) != 1 or axes[0].get_subplotspec() is None:
            raise ValueError(f"`ax` holds {len(axes)} axes where {n_panels} are drawn on; or give one subplot.")
        figure = axes[0].figure
        axes[0].set_axis_off()
        grid = axes[0].get_subplotspec().subgridspec(n_rows, n_columns)
    return figure, [figure.add_subplot(grid[k // n_columns, k % n_columns]) for k in range(n_panels)]


def pyplot() -> Any:
    """Return matplotlib.pyplot, or say what to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("Pictures need matplotlib: pip install matplotlib") from error
    return plt


def class_legend(ax: "Axes", texts: Sequence[str], title: str, *, lines: bool = True) -> None:
    """Put a legend with each class's marker, and line, right of `ax`, outside."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linewidth=1.2 if lines else 0, markersize=5, **class_style(k)) for k in range(len(texts))]
    legend = ax.legend(
        handles=handles,
        labels=[""] * len(texts),
        title=title,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        handlelength=3 if lines else 1,
        ncols=-(-len(texts) // 20),
    )
    # Afterwards: a legend leaves out labels that begin with an underscore.
    for written, text in zip(legend.get_texts(), texts, strict=True):
        written.set(text=text, parse_math=False)


def make_room(ax: "Axes", width: float) -> None:
    """Enlarge a figure whose legend beside `ax` needs more than `width` inches, or is higher than the figure."""
    figure, legend = ax.get_figure(root=True), ax.get_legend()
    if figure is None or legend is None:
        return
    needed = legend.get_window_extent()
    across, high = figure.get_size_inches()
    more, enough = needed.width / figure.dpi - width, needed.height / figure.dpi + MARGIN
    figure.set_size_inches(across + max(0.0, more), max(high, enough))
    # The legend hangs from the panel's upper right corner: free space goes to the other side of it, not between.
    ax.set_anchor("W")
    if enough > high:
        for panel in figure.axes:
            panel.set_anchor("NW" if panel is ax else "N")
    if more > 0:
        # The layout takes each legend from where the last one put it, and needs some rounds to come to rest.
        for _ in range(3):
            figure.draw_without_rendering()
