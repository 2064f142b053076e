"""Figures of a run as PNG images."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots import (
    HistoryDisplay,
    OvRCalibrationDisplay,
    OvRConfusionDisplay,
    OvRCurvesDisplay,
    ReferenceDisplay,
    pyplot,
)
from ._run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150


@dataclass(frozen=True)
class PageFigure:
    """A figure of the report page, drawn on demand.

    Attributes
    ----------
    name : str
    title : str
    caption : str
        How to read the figure.
    draw : callable
        Returns the matplotlib figure.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Any]

    def png(self) -> bytes:
        """Draw the figure and return it as PNG."""
        return figure_as_png(self.draw())


def figure_as_png(figure: "Figure") -> bytes:
    """Return a matplotlib figure as PNG and close it."""
    file = BytesIO()
    figure.savefig(file, dpi=DPI, format="png")
    pyplot().close(figure)
    return file.getvalue()


def page_figures(run: Run) -> list[PageFigure]:
    """Return the figures of the report page; the one beside the reference only if there is a reference."""
    y_true, probabilities, classes, thresholds = _of_measured_classes(run)
    figures = [
        PageFigure(
            "confusion",
            "Confusion",
            "By each task's own predictions. Shares are of a row: of the images of the class (above) and of the rest "
            "(below).",
            lambda: OvRConfusionDisplay(run.report).plot().figure_,
        ),
        PageFigure(
            "curves",
            "Precision, recall and ROC",
            "Every threshold of each task; the marker is the one that was used. AP and AUC are the areas.",
            lambda: (
                OvRCurvesDisplay.from_predictions(y_true, probabilities, classes=classes, thresholds=thresholds).figure_
            ),
        ),
        PageFigure(
            "calibration",
            "Calibration",
            "On the dotted line, seven in ten of the images with probability 0.7 are of the class. Above the line "
            "probabilities are too low, below it too high. ECE is the mean distance.",
            lambda: OvRCalibrationDisplay.from_predictions(y_true, probabilities, classes=classes).figure_,
        ),
        PageFigure(
            "history",
            "Training",
            "Loss of each epoch.",
            lambda: HistoryDisplay.from_estimator(run.estimator).figure_,
        ),
    ]
    reference = run.reference
    if reference is not None:
        beside = PageFigure(
            "reference",
            "Beside the reference",
            "F1 of each class against the rest, of this run and of the reference.",
            lambda: ReferenceDisplay.from_report(run.report, reference=reference).figure_,
        )
        figures.insert(0, beside)
    return figures


def _of_measured_classes(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels of the test images, probabilities, classes and thresholds, without classes that have no test image."""
    measured, thresholds = run.report.measured, run.estimator.thresholds_
    if measured.all() or measured.sum() < 2:
        return run.y_true, run.probabilities, run.estimator.classes_, thresholds
    y_true = run.y_true[:, measured] if run.data.multilabel else run.y_true
    # Two classes share one task, and both are measured here.
    return y_true, run.probabilities[:, measured], run.estimator.classes_[measured], thresholds[measured]
