"""Pictures in the manner of scikit-learn's Displays: tables and points in, matplotlib figures out.

Each Display is made by `from_estimator` or `from_predictions`, which also draw it. It keeps what it drew in
`figure_`, `axes_` and `ax_`, and gives the numbers in the picture by `frame()`. It draws and never computes: figures
come from `metrics`.
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
