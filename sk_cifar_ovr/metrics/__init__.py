"""Tables and scores of one-vs-rest predictions.

In go true labels and predictions (or a fitted classifier and images), out come pandas tables: one row per class, one
row per threshold, one row per mistake. This package knows neither networks nor pictures: `plots` draws its tables.
"""

from ._columns import COLUMNS, COUNTS, Column, long_heading, shown
from ._curves import ovr_curves
from ._intervals import Interval, PairedTest, corrected_paired_test, mean_and_interval
from ._mistakes import worst_mistakes
from ._predictions import final_step, ovr_answers, positive_probabilities
from ._probabilities import calibration_error, probability_scores, reliability_bins
from ._promises import promise_table
from ._reference import reference_table
from ._report import OvRReport, ovr_report
from ._validation import Truth, check_label_matrix, one_hot

__all__ = [
    "COLUMNS",
    "COUNTS",
    "Column",
    "Interval",
    "OvRReport",
    "PairedTest",
    "Truth",
    "calibration_error",
    "check_label_matrix",
    "corrected_paired_test",
    "final_step",
    "long_heading",
    "mean_and_interval",
    "one_hot",
    "ovr_answers",
    "ovr_curves",
    "ovr_report",
    "positive_probabilities",
    "probability_scores",
    "promise_table",
    "reference_table",
    "reliability_bins",
    "shown",
    "worst_mistakes",
]
