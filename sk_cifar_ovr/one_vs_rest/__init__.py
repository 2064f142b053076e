"""One task a class, "class k or the rest", trained jointly or separately, with thresholds and calibration.

In come images and labels, checked once; out come K fitted binary classifiers and the answers (n, K). How one network
is trained belongs to `classifier` and `engine`.
"""

from ._calibration import calibrator_from, calibrator_state
from ._classifier import OneVsRestCNNClassifier
from ._searches import is_search, task_estimator

__all__ = ["OneVsRestCNNClassifier", "calibrator_from", "calibrator_state", "is_search", "task_estimator"]
