"""Two-dimensional embeddings, coloured by class, with optional images at their points."""

from collections.abc import Sequence
from dataclasses import replace
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from .._shared.label_matrices import is_label_matrix
from ..metrics import Truth, check_label_matrix, one_hot
from ._display import Display
from ._style import (
    MAX_NAME_LENGTH,
    PALETTE,
    REST_COLOR,
    axes_grid,
    class_legend,
    class_names,
    class_panels,
    class_style,
    make_room,
)
from ._thumbnails import check_images, draw_thumbnail, farthest_points, thumbnails

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Turns in which the classes of one panel are drawn.
N_TURNS = 10
# Combinations of labels that have a colour each. The next colour is that of all further ones.
N_COMBINATIONS = len(PALETTE) - 1


class EmbeddingDisplay(Display):
    """Embedding in two dimensions: all classes in one panel, or one panel per class against the rest.

    Parameters
    ----------
    embedding : array-like of shape (n, 2) or (K, n, 2)
        One point per sample, or one point per class and sample. Use the latter for separate one-vs-rest networks,
        which have different features.
    y : array-like of shape (n,) or (n, K)
        Labels, or a label matrix, as in :func:`~sk_cifar_ovr.ovr_report`.
    classes : array-like of shape (K,), default=None
        Class labels in order; None uses the sorted labels in `y`, or the columns of a matrix.
    display_labels : sequence of shape (K,), default=None
        Class names to show; None uses `classes`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One panel, or one panel per class.
    ax_ : matplotlib Axes
        The first panel.
    figure_ : matplotlib Figure

    See Also
    --------
    sk_cifar_ovr.CNNFeatures : Features of a trained network.
    sk_cifar_ovr.TSNETransformer : Embedding of features by t-SNE.
    sklearn.inspection.DecisionBoundaryDisplay : Decision regions of a classifier on two features.

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
        if is_label_matrix(y):
            self._truth = check_label_matrix(y, classes)
            self.y, self.classes = self._truth.labels(), self._truth.classes
        else:
            self.y = np.asarray(column_or_1d(y))
            self.classes = np.asarray(np.unique(self.y) if classes is None else column_or_1d(classes))
            self._truth = Truth(one_hot(self.y, self.classes, "y"), self.classes)
        self.display_labels = display_labels
        if self.embedding.ndim not in (2, 3) or self.embedding.shape[-1] != 2:
            raise ValueError(f"`embedding` must be (n, 2) or (K, n, 2), got {self.embedding.shape}.")
        if self.embedding.ndim == 3 and len(self.embedding) != len(self.classes):
            raise ValueError(f"`embedding` has {len(self.embedding)} planes for {len(self.classes)} classes.")
        check_consistent_length(self.y, self._points(0))

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Transform X with a fitted transformer and draw the points.

        Parameters
        ----------
        estimator : fitted transformer
            Its `transform` returns an array of shape (n, 2), for example a Pipeline that ends in a
            `TSNETransformer`.
        X : array-like of shape (n, ...)
            Input of `estimator`.
        y : array-like of shape (n,) or (n, K)
            Labels, or a label matrix.
        **options
            Keyword arguments of :meth:`from_predictions` and :meth:`plot`.

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
        y_true : array-like of shape (n,) or (n, K)
            Labels, or a label matrix.
        embedding, classes, display_labels
            See :class:`~sk_cifar_ovr.EmbeddingDisplay`.
        **options
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        EmbeddingDisplay
        """
        return cls(embedding, y_true, classes=classes, display_labels=display_labels).plot(**options)

    def frame(self) -> pd.DataFrame:
        """Return the points in the picture.

        Returns
        -------
        pandas.DataFrame
            Columns `x`, `y` and `class` (of a label matrix: a text that lists the classes of the sample). An
            embedding of shape (K, n, 2) also has the column `panel`, the class of the panel. One row per point.
        """
        if self.embedding.ndim == 2:
            return pd.DataFrame({"x": self.embedding[:, 0], "y": self.embedding[:, 1], "class": self.y})
        planes = zip(self.classes.tolist(), self.embedding, strict=True)
        tables = [
            pd.DataFrame({"x": plane[:, 0], "y": plane[:, 1], "class": self.y, "panel": k}) for k, plane in planes
        ]
        return pd.concat(tables, ignore_index=True)

    def plot(
        self,
        *,
        panels: Literal["all", "classes"] = "all",
        ax: Any = None,
        n_columns: int = 5,
        images: Any = None,
        n_thumbnails: int = 40,
        title: str | None = None,
    ) -> Self:
        """Draw all classes in one panel, or one panel per class.

        Parameters
        ----------
        panels : {"all", "classes"}, default="all"
            "all" draws one panel with a colour per class. For a label matrix, each of the nine most frequent
            combinations of labels has a colour; a combination is the labels known to be present. "classes" draws one
            panel per class, with the rest in grey and samples whose label is not known as grey crosses.
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes per panel, or one subplot that the panels share. None creates a figure.
        n_columns : int, default=5
            Number of panels side by side.
        images : array-like of shape (n, h, w) or (n, h, w, c), default=None
            Images of the samples. Some of them are drawn at their points, in a frame of their class's colour. With
            `panels="classes"` each panel shows images of its own class. Of images that are read on demand, only
            those drawn are read.
        n_thumbnails : int, default=40
            Maximum number of images per panel. They are spread over the panel without overlap.
        title : str, default=None
            Title, for example "t-SNE of 128 features". None uses the number of points.

        Returns
        -------
        EmbeddingDisplay
        """
        if panels not in ("all", "classes"):
            raise ValueError(f'`panels` must be "all" or "classes", got {panels!r}.')
        images = None if images is None else check_images(images, self.y)
        names = class_names(self.classes, self.display_labels)
        axes = [self._plot_all(names, ax)] if panels == "all" else self._plot_classes(names, ax, n_columns)
        for k, panel in enumerate(axes):
            _fit_square(panel, self._points(k))
        if images is not None:
            self._plot_thumbnails(axes, images, n_thumbnails)
        if panels == "all":
            kind = "combination of labels" if self._truth.multilabel else "class"
            axes[0].set_title(title or f"{len(self.y):,} points by {kind}", fontsize=11)
        elif ax is None:
            unknown = "" if self._truth.known is None else " (cross: not known)"
            axes[0].figure.suptitle(title or f"Each class (blue) among {len(self.y):,} points{unknown}", fontsize=11)
        return self._set_figure(axes)

    def _plot_all(self, names: list[str], ax: Any) -> "Axes":
        if self.embedding.ndim == 3:
            raise ValueError('An embedding of shape (K, n, 2) needs `panels="classes"`.')
        (panel,) = axes_grid(ax, 1, 1, (6.6, 5.0))
        group, group_names = self._groups(names)
        # Classes take turns: drawn whole, a later class would hide the earlier ones that it overlaps.
        for turn in range(N_TURNS):
            for k in range(len(group_names)):
                style = class_style(k)
                points = self.embedding[group == k][turn::N_TURNS]
                panel.scatter(*points.T, color=style["color"], marker=style["marker"], **self._dot_style(12))
        class_legend(panel, group_names, "labels" if self._truth.multilabel else "class", lines=False)
        if ax is None:
            make_room(panel, 1.6)
        return panel

    def _plot_classes(self, names: list[str], ax: Any, n_columns: int) -> list["Axes"]:
        axes = class_panels(ax, names, n_columns, 1.95)
        for k, panel in enumerate(axes):
            points, truth = self._points(k), self._truth
            if truth.known is not None:
                style = {**self._dot_style(8), "marker": "x", "linewidths": 0.5}
                panel.scatter(*points[~truth.known[:, k]].T, color=REST_COLOR, **style)
            panel.scatter(*points[truth.negative[:, k]].T, color=REST_COLOR, **self._dot_style(4))
            panel.scatter(*points[truth.positive[:, k]].T, color=PALETTE[0], **self._dot_style(4))
        return axes

    def _groups(self, names: list[str]) -> tuple[NDArray[np.intp], list[str]]:
        """Group of each sample in the common panel, and the name of each group: classes, or combinations of them."""
        if not self._truth.multilabel:
            return self._truth.positive.argmax(axis=1), names
        combinations = replace(self._truth, classes=np.array(names)).labels()
        counts = pd.Series(combinations).value_counts()
        shown = counts.index[: N_COMBINATIONS if len(counts) > N_COMBINATIONS + 1 else None]
        group = shown.get_indexer(combinations)
        texts = [fill(text, MAX_NAME_LENGTH) for text in shown]
        if len(shown) < len(counts):
            group[group < 0] = len(shown)
            texts.append("other combinations")
        return group, texts

    def _dot_style(self, area: float) -> dict[str, Any]:
        # Rasterized: a vector file of ten panels of ten thousand points would be slow to open.
        shrink = min(1.0, 30 / np.sqrt(len(self.y)))
        return {"s": max(0.8, area * shrink), "linewidths": 0, "alpha": 0.8, "rasterized": True}

    def _plot_thumbnails(self, axes: list["Axes"], images: Any, n: int) -> None:
        group, _ = self._groups(class_names(self.classes, self.display_labels))
        one_panel = len(axes) == 1
        for k, panel in enumerate(axes):
            points = self._points(k)
            samples = np.arange(len(points)) if one_panel else np.flatnonzero(self._truth.positive[:, k])
            if len(samples) == 0:
                continue
            width = float(np.ptp(points, axis=0).max())
            selected, distance = farthest_points(points[samples], n, (0.04 if one_panel else 0.1) * width)
            side = 0.94 * min(distance, (0.08 if one_panel else 0.12) * width)
            drawn = samples[selected]
            for i, image in zip(drawn, thumbnails(images, drawn), strict=True):
                color = class_style(group[i])["color"] if one_panel else PALETTE[0]
                draw_thumbnail(panel, image, points[i], side, color)

    def _points(self, k: int) -> NDArray[np.float64]:
        return self.embedding if self.embedding.ndim == 2 else self.embedding[k]


def _fit_square(panel: "Axes", points: NDArray[np.float64]) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    half = 0.57 * float((high - low).max()) or 1.0
    (left, bottom), (right, top) = (low + high) / 2 - half, (low + high) / 2 + half
    panel.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
