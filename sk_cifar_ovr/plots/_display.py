"""Base classes of the Displays: how one is made from a classifier, and the attributes set by drawing."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..metrics import final_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Display(ABC):
    """Numbers of one picture, as a table and as a figure.

    Subclasses implement :meth:`frame` and :meth:`plot`. `plot` ends with `_set_figure`.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure that was drawn on.
    axes_ : ndarray of matplotlib Axes
        Its panels.
    ax_ : matplotlib Axes
        The first panel.
    """

    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """Return the numbers in the picture."""

    @abstractmethod
    def plot(self, *args: Any, **options: Any) -> Self:
        """Draw the picture and return this Display."""

    def _set_figure(self, axes: Sequence["Axes"]) -> Self:
        self.figure_, self.axes_, self.ax_ = axes[0].figure, np.array(axes), axes[0]
        return self


class ClassifierDisplay(Display):
    """Display of what a classifier predicts for samples whose labels are known.

    Subclasses implement :meth:`from_predictions` and `_predict`.
    """

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **options: Any) -> Self:
        """Predict with a fitted classifier and draw the result.

        Parameters
        ----------
        estimator : fitted classifier
            Also a Pipeline or a search (`GridSearchCV`) around a classifier.
        X : array-like of shape (n_samples, ...)
            Input of `estimator`.
        y : array-like of shape (n_samples,) or (n_samples, K)
            True labels, or a label matrix, as in :func:`~sk_cifar_ovr.ovr_report`.
        **options
            Keyword arguments of `from_predictions` and `plot`.

        Returns
        -------
        display : Display
            The drawn Display.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sk_cifar_ovr.plots import OvRConfusionDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> classifier = LogisticRegression(max_iter=500).fit(X, y)
        >>> display = OvRConfusionDisplay.from_estimator(classifier, X, y, n_columns=3)
        >>> len(display.axes_)
        3
        """
        estimator, X = final_step(estimator, X)
        options = {**cls._predict(estimator, X), **options}
        return cls.from_predictions(y, classes=estimator.classes_, **options)

    @staticmethod
    @abstractmethod
    def _predict(estimator: Any, X: Any) -> dict[str, Any]:
        """Return the arguments of `from_predictions` that are taken from the estimator."""

    @classmethod
    @abstractmethod
    def from_predictions(cls, y_true: ArrayLike, *args: Any, **options: Any) -> Self:
        """Draw given predictions and return the Display."""
