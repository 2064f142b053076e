"""The pictures of a run, each as PNG."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from ..plots import HistoryDisplay, OvRCalibrationDisplay, OvRConfusionDisplay, OvRCurvesDisplay, ReferenceDisplay
from ._run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150


@dataclass(frozen=True)
class Picture:
    """A picture, not drawn yet.

    Attributes
    ----------
    name : str
    title : str
    caption : str
        How to read it.
    figure : callable
        Draws it.
    """

    name: str
    title: str
    caption: str
    figure: Callable[[], "Figure"]

    def png(self) -> bytes:
        """Draw it."""
        return figure_png(self.figure())


def figure_png(figure: "Figure") -> bytes:
    """Return a figure as PNG, and close it."""
    import matplotlib.pyplot as plt

    file = BytesIO()
    figure.savefig(file, dpi=DPI, format="png")
    plt.close(figure)
    return file.getvalue()


def pictures(result: Run) -> list[Picture]:
    """The pictures of a run; one beside the reference only where there is one."""
    truth, probabilities, classes = result.truth, result.probabilities, result.estimator.classes_
    found = [
        Picture(
            "confusion",
            "Confusion",
            "Each problem's own answers. Shares are of a row: of the images that are the class (above) and of "
            "those that are not (below).",
            lambda: OvRConfusionDisplay(result.table).plot().figure_,
        ),
        Picture(
            "curves",
            "Precision, recall and ROC",
            "Every threshold of each problem; the marker is the one that was used. AP and AUC are the areas.",
            lambda: (
                OvRCurvesDisplay.from_predictions(
                    truth, probabilities, classes=classes, thresholds=result.estimator.thresholds_
                ).figure_
            ),
        ),
        Picture(
            "calibration",
            "Calibration",
            "On the dotted line, of the images given 0.7 seven in ten are of the class. Above it probabilities are "
            "too low, below it too high; ECE is the mean distance.",
            lambda: OvRCalibrationDisplay.from_predictions(truth, probabilities, classes=classes).figure_,
        ),
        Picture(
            "history",
            "Training",
            "What training reported, epoch by epoch.",
            lambda: HistoryDisplay.from_estimator(result.estimator).figure_,
        ),
    ]
    reference = result.reference
    if reference is not None:
        beside = Picture(
            "reference",
            "Beside the reference",
            "F1 of each class against the others, this run's and the reference's.",
            lambda: ReferenceDisplay.from_report(result.table, reference=reference).figure_,
        )
        found.insert(0, beside)
    return found
