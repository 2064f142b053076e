"""Displays of tables and points as matplotlib figures, in the style of scikit-learn's Displays.

`from_estimator` and `from_predictions` create a Display and draw it. The figure is kept in `figure_`, `axes_` and
`ax_`; `frame` returns its numbers as a table. Scores and curves come from `metrics`; nothing here knows networks or
files.
"""

from ._calibration import OvRCalibrationDisplay
from ._confusion import OvRConfusionDisplay
from ._curves import OvRCurvesDisplay
from ._embedding import EmbeddingDisplay
from ._history import HistoryDisplay
from ._reference import ReferenceDisplay
from ._style import MARKERS, PALETTE, class_names, class_style, class_titles, make_room, pyplot

__all__ = [
    "MARKERS",
    "PALETTE",
    "EmbeddingDisplay",
    "HistoryDisplay",
    "OvRCalibrationDisplay",
    "OvRConfusionDisplay",
    "OvRCurvesDisplay",
    "ReferenceDisplay",
    "class_names",
    "class_style",
    "class_titles",
    "make_room",
    "pyplot",
]
