"""Predictions in, tables and curves out: what each class against the rest got right. It computes and never draws."""

from ._curves import calibration_error, ovr_curves, probability_scores, reliability_bins
from ._input import final_step, one_hot, ovr_answers, positive_probabilities
from ._intervals import Interval, PairedTest, corrected_paired_test, mean_and_interval
from ._mistakes import worst_mistakes
from ._report import OvRReport, ovr_report, reference_table
from ._tables import COUNTS, long_heading, shown

__all__ = [
    "COUNTS",
    "Interval",
    "OvRReport",
    "PairedTest",
    "calibration_error",
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
    "reference_table",
    "reliability_bins",
    "shown",
    "worst_mistakes",
]
