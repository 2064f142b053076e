"""Points in the plane, coloured by class, with real images where asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from ..metrics import one_hot
from ._style import (
    OTHERS,
    PALETTE,
    axes_grid,
    class_legend,
    class_names,
    class_style,
    class_titles,
    make_room,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUNDS = 10


class EmbeddingDisplay:
    """An embedding in two dimensions: all classes in one panel, or one panel for each "k vs others".

    Parameters
    ----------
    embedding : array-like of shape (n, 2) or (K, n, 2)
        A point for each row; with a third axis in front, a plane of its own for each class (one-vs-rest
        networks have each their own features).
    y : array-like of shape (n,)
        The labels.
    classes : array-like of shape (K,), default=None
        The classes in order; None takes the sorted labels.
    display_labels : sequence of shape (K,), default=None
        The names to show; None takes the classes.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel, or one a class.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> display = EmbeddingDisplay.from_predictions(["cat", "dog"], [[0.0, 1.0], [2.0, 3.0]])
    >>> display.frame()
         x    y class
    0  0.0  1.0   cat
    1  2.0  3.0   dog
    """

    def __init__(
        self,
        embedding: ArrayLike,
        y: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        display_labels: Sequence[Any] | None = None,
    ):
        self.embedding = np.asarray(check_array(embedding, allow_nd=True, dtype=np.float64))
        self.y = np.asarray(column_or_1d(y))
        self.classes = np.asarray(np.unique(self.y) if classes is None else column_or_1d(classes))
        self.display_labels = display_labels
        if self.embedding.ndim not in (2, 3) or self.embedding.shape[-1] != 2:
            raise ValueError(f"`embedding` must be (n, 2) or (K, n, 2), got {self.embedding.shape}.")
        if self.embedding.ndim == 3 and len(self.embedding) != len(self.classes):
            raise ValueError(f"`embedding` has {len(self.embedding)} planes for {len(self.classes)} classes.")
        check_consistent_length(self.y, self._plane(0))
        one_hot(self.y, self.classes, "y")  # refuses labels that would get no colour

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Draw where a fitted transformer puts X.

        Parameters
        ----------
        estimator : fitted transformer
            Its `transform` returns (n, 2); a Pipeline, say, that ends in a `TSNETransformer`.
        X : array-like
            What the estimator takes.
        y : array-like of shape (n,)
            The labels.
        **options
            Those of :meth:`from_predictions` and :meth:`plot`.

        Returns
        -------
        EmbeddingDisplay
        """
        return cls.from_predictions(y, estimator.transform(X), **options)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        embedding: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        display_labels: Sequence[Any] | None = None,
        **options: Any,
    ) -> Self:
        """Draw given points.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            The labels.
        embedding, classes, display_labels
            As in the constructor.
        **options
            Those of :meth:`plot`.

        Returns
        -------
        EmbeddingDisplay
        """
        return cls(embedding, y_true, classes=classes, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the drawn points.

        Returns
        -------
        pandas.DataFrame
            Columns `x`, `y` and `class`, and `panel` where each class has its plane; one point a row.
        """
        if self.embedding.ndim == 2:
            return self._points(self.embedding)
        planes = zip(self.classes.tolist(), self.embedding, strict=True)
        return pd.concat([self._points(plane).assign(panel=k) for k, plane in planes], ignore_index=True)

    def plot(
        self,
        *,
        panels: Literal["all", "classes"] = "all",
        ax: Any = None,
        n_columns: int = 5,
        images: NDArray[Any] | None = None,
        n_thumbnails: int = 40,
        title: str | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        panels : {"all", "classes"}, default="all"
            One panel with every class in its colour, or one a class, which is coloured over the others
            in grey.
        ax : matplotlib Axes or array-like of them, default=None
            Where to draw, one a panel or one for all; None makes a figure.
        n_columns : int, default=5
            How many panels side by side.
        images : ndarray of shape (n, h, w) or (n, h, w, c), default=None
            The images of the rows: some are shown in their places, framed in their class's colour. In one
            panel a class, they are images of that class.
        n_thumbnails : int, default=40
            How many of them in a panel at most, spread over the plane so that none covers another.
        title : str, default=None
            What the plane is ("t-SNE of 128 features"); None says what is drawn.

        Returns
        -------
        EmbeddingDisplay
        """
        if panels not in ("all", "classes"):
            raise ValueError(f'`panels` must be "all" or "classes", got {panels!r}.')
        if images is not None:
            check_consistent_length(images, self.y)
            shape = np.shape(images)
            if len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,), (4,)):
                raise ValueError(f"`images` must be (n, h, w) or (n, h, w, c) of 1, 3 or 4 channels, got {shape}.")
        names = class_names(self.classes, self.display_labels)
        draw = self._plot_all if panels == "all" else self._plot_classes
        axes = draw(names, ax, n_columns)
        for k, panel in enumerate(axes):
            _fit_square(panel, self._plane(k))
        if images is not None:
            self._add_thumbnails(axes, images, n_thumbnails)
        if panels == "all":
            axes[0].set_title(title or f"{len(self.y):,} points by class", fontsize=11)
        elif ax is None:
            axes[0].figure.suptitle(title or f"Each class (blue) among {len(self.y):,} points", fontsize=11)
        self.figure_, self.axes_, self.ax_ = axes[0].figure, np.array(axes), axes[0]
        return self

    def _plot_all(self, names: list[str], ax: Any, n_columns: int) -> list["Axes"]:
        if self.embedding.ndim == 3:
            raise ValueError('Planes of their own for each class need `panels="classes"`.')
        _, (panel,) = axes_grid(ax, 1, 1, (6.6, 5.0))
        # A part of each class in turn: drawn whole, a later class would hide those that it overlaps.
        for part in range(ROUNDS):
            for k, label in enumerate(self.classes):
                style = class_style(k)
                points = self.embedding[self.y == label][part::ROUNDS]
                panel.scatter(*points.T, color=style["color"], marker=style["marker"], **self._dots(12))
        class_legend(panel, names, "class", lines=False)
        if ax is None:
            make_room(panel, 1.6)
        return [panel]

    def _plot_classes(self, names: list[str], ax: Any, n_columns: int) -> list["Axes"]:
        titles, room = class_titles(names)
        _, axes = axes_grid(ax, len(names), n_columns, (1.75, 1.95 + room))
        for k, (panel, label) in enumerate(zip(axes, self.classes, strict=True)):
            is_class = self.y == label
            panel.scatter(*self._plane(k)[~is_class].T, color=OTHERS, **self._dots(4))
            panel.scatter(*self._plane(k)[is_class].T, color=PALETTE[0], **self._dots(4))
            panel.set_title(titles[k], fontsize=9, parse_math=False)
        return axes

    def _dots(self, area: float) -> dict[str, Any]:
        # Rasterized: a vector file of ten panels of ten thousand points would be slow to open.
        many = min(1.0, 30 / np.sqrt(len(self.y)))
        return {"s": max(0.8, area * many), "linewidths": 0, "alpha": 0.8, "rasterized": True}

    def _add_thumbnails(self, axes: list["Axes"], images: NDArray[Any], n: int) -> None:
        images = np.asarray(images)
        largest = 1.0 if images.dtype.kind == "f" and images.max() <= 1 else 255.0
        if images.ndim == 4 and images.shape[-1] == 1:
            images = images[..., 0]
        colors = {label: class_style(k)["color"] for k, label in enumerate(self.classes)}
        one_panel = len(axes) == 1
        for k, panel in enumerate(axes):
            plane = self._plane(k)
            rows = np.arange(len(plane)) if one_panel else np.flatnonzero(self.y == self.classes[k])
            if len(rows) == 0:
                continue
            width = float(np.ptp(plane, axis=0).max())
            shown, spacing = _spread(plane[rows], n, least=(0.04 if one_panel else 0.1) * width)
            side = 0.94 * min(spacing, (0.08 if one_panel else 0.12) * width)
            for row in rows[shown]:
                color = colors[self.y[row]] if one_panel else PALETTE[0]
                _draw_thumbnail(panel, images[row] / largest, plane[row], side, color)

    def _plane(self, k: int) -> NDArray[np.float64]:
        return self.embedding if self.embedding.ndim == 2 else self.embedding[k]

    def _points(self, plane: NDArray[np.float64]) -> pd.DataFrame:
        return pd.DataFrame({"x": plane[:, 0], "y": plane[:, 1], "class": self.y})


def _fit_square(panel: "Axes", plane: NDArray[np.float64]) -> None:
    low, high = plane.min(axis=0), plane.max(axis=0)
    half = 0.57 * float((high - low).max()) or 1.0
    (left, bottom), (right, top) = (low + high) / 2 - half, (low + high) / 2 + half
    panel.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])


def _draw_thumbnail(
    panel: "Axes", image: NDArray[np.float64], place: NDArray[np.float64], side: float, color: str
) -> None:
    from matplotlib.patches import Rectangle

    left, bottom = place - side / 2
    extent = (left, left + side, bottom, bottom + side)
    panel.imshow(image, extent=extent, cmap="gray", vmin=0, vmax=1, zorder=3)
    frame = Rectangle((left, bottom), side, side, fill=False, edgecolor=color, linewidth=1.2, zorder=4)
    panel.add_patch(frame)


def _spread(plane: NDArray[np.float64], n: int, least: float) -> tuple[list[int], float]:
    """Return up to `n` rows far apart, and the side at which squares around them do not overlap.

    Farthest-first: beginning nearest the middle, always the point farthest from those taken, in the
    larger of the two coordinates' differences, and none nearer than `least`.
    """
    shown = [int(np.abs(plane - plane.mean(axis=0)).max(axis=1).argmin())]
    distance = np.abs(plane - plane[shown[0]]).max(axis=1)
    spacing = np.inf
    while len(shown) < n and distance.max() > least:
        spacing = float(distance.max())
        shown.append(int(distance.argmax()))
        distance = np.minimum(distance, np.abs(plane - plane[shown[-1]]).max(axis=1))
    return shown, spacing
