"""Colours, panels, titles and legends of all Displays. Matplotlib is imported when a picture is drawn."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Petroff, "Accessible Color Sequences for Data Visualization" (arXiv 2107.02270): ten colours that people with any
# common colour vision can tell apart. Listed here because matplotlib's own copy is mutable.
PALETTE = tuple("#3f90da #ffa90e #bd1f01 #94a4a2 #832db6 #a96b59 #e76300 #b9ac70 #717581 #92dadd".split())
# Second cues beside the colour. With ten colours, line styles repeat after 30 classes and markers after 70.
LINE_STYLES = ("-", "--", "-.")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
REST_COLOR = "#c8c8c8"

# In characters.
MAX_NAME_LENGTH = 30
TITLE_LINE_LENGTH = 20
# In inches.
TITLE_LINE_HEIGHT = 0.15
LEGEND_MARGIN = 0.9


def class_style(k: int) -> dict[str, Any]:
    """Return the colour, line style and marker of the k-th class."""
    return {
        "color": PALETTE[k % len(PALETTE)],
        "linestyle": LINE_STYLES[k % len(LINE_STYLES)],
        "marker": MARKERS[k % len(MARKERS)],
    }


def class_names(classes: Sequence[Any] | NDArray[Any], display_labels: Sequence[Any] | None) -> list[str]:
    """Return the name to show for each class, on one line and without the middle of long names."""
    names = classes if display_labels is None else display_labels
    if len(names) != len(classes):
        raise ValueError(f"`display_labels` holds {len(names)} names for {len(classes)} classes.")
    return [_shorten(" ".join(str(name).split())) for name in names]


def _shorten(name: str) -> str:
    # Keeps the end, where similar names often differ.
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 12]}…{name[-11:]}"


def class_titles(names: Sequence[str]) -> tuple[list[str], float]:
    """Return the panel titles, wrapped to the width of a panel, and the height in inches of the additional lines."""
    titles = [fill(f"{name} vs others", TITLE_LINE_LENGTH) for name in names]
    return titles, TITLE_LINE_HEIGHT * max(title.count("\n") for title in titles)


def class_panels(ax: Any, names: Sequence[str], n_columns: int, height: float) -> list["Axes"]:
    """Return one titled panel per class; see :func:`axes_grid`. `height` is in inches, for titles of one line."""
    titles, extra_height = class_titles(names)
    axes = axes_grid(ax, len(titles), n_columns, (1.75, height + extra_height))
    for panel, title in zip(axes, titles, strict=True):
        panel.set_title(title, fontsize=9, parse_math=False)
    return axes


def axes_grid(ax: Any, n_panels: int, n_columns: int, panel_size: tuple[float, float]) -> list["Axes"]:
    """Return the axes of a picture: those given, or a new grid.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes or None
        One Axes per panel, or one subplot whose place the panels share. None creates a figure.
    n_panels, n_columns : int
        Number of panels, and the maximum number side by side.
    panel_size : tuple of float
        Width and height in inches of one panel of a new figure.

    Returns
    -------
    list of matplotlib.axes.Axes
        `n_panels` axes of one figure.
    """
    n_columns = min(n_columns, n_panels)
    n_rows = -(-n_panels // n_columns)
    if ax is None:
        # At least as wide as the title above the panels.
        size = (max(6.0, n_columns * panel_size[0]), n_rows * panel_size[1] + 0.4)
        figure = pyplot().figure(figsize=size, layout="constrained")
        figure.get_layout_engine().set(h_pad=0.1, w_pad=0.06)
        grid = figure.add_gridspec(n_rows, n_columns)
    else:
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) == n_panels:
            return axes
        if len(axes) != 1 or axes[0].get_subplotspec() is None:
            raise ValueError(f"`ax` holds {len(axes)} axes where {n_panels} are drawn on; or give one subplot.")
        figure = axes[0].figure
        axes[0].set_axis_off()
        grid = axes[0].get_subplotspec().subgridspec(n_rows, n_columns)
    return [figure.add_subplot(grid[k // n_columns, k % n_columns]) for k in range(n_panels)]


def pyplot() -> Any:
    """Return matplotlib.pyplot, or raise an error that names the package to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("Pictures need matplotlib: pip install matplotlib") from error
    return plt


def class_legend(ax: "Axes", texts: Sequence[str], title: str, *, lines: bool = True) -> None:
    """Add a legend to the right of `ax`, with the marker and optionally the line of each class."""
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
    # Set afterwards because `legend` omits labels that begin with an underscore.
    for entry, text in zip(legend.get_texts(), texts, strict=True):
        entry.set(text=text, parse_math=False)


def make_room(ax: "Axes", width: float) -> None:
    """Enlarge the figure if the legend beside `ax` is wider than `width` inches or higher than the figure."""
    figure, legend = ax.get_figure(root=True), ax.get_legend()
    if figure is None or legend is None:
        return
    box = legend.get_window_extent()
    old_width, old_height = figure.get_size_inches()
    extra_width, min_height = box.width / figure.dpi - width, box.height / figure.dpi + LEGEND_MARGIN
    figure.set_size_inches(old_width + max(0.0, extra_width), max(old_height, min_height))
    # The legend moves with the panel. Anchored left, free space is right of the legend, not between the panels.
    ax.set_anchor("W")
    if min_height > old_height:
        for panel in figure.axes:
            panel.set_anchor("NW" if panel is ax else "N")
    if extra_width > 0:
        # Constrained layout starts from the legend's last position and needs a few drawings to converge.
        for _ in range(3):
            figure.draw_without_rendering()
