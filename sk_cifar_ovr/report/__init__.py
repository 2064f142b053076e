"""One training run written to a folder: tables, metrics, figures, an HTML page and the saved model.

In go a dataset's name or path and the settings of a one-vs-rest classifier. It is trained on the training part,
evaluated once on the test part, and every part of the report is written. This package knows no command line: `cli`
calls the functions below.
"""

from ._markdown import markdown_summary
from ._messages import command_line_message
from ._metadata import estimator_description, package_versions
from ._prediction import load_model, predict_files
from ._resume import checkpoint_folder
from ._run import make_estimator
from ._write_report import check_writable, check_writable_file, missing_page_extra, write_report
from .data import ImageOptions, LabelTable, load_train_test_split

__all__ = [
    "ImageOptions",
    "LabelTable",
    "check_writable",
    "check_writable_file",
    "checkpoint_folder",
    "command_line_message",
    "estimator_description",
    "load_model",
    "load_train_test_split",
    "make_estimator",
    "markdown_summary",
    "missing_page_extra",
    "package_versions",
    "predict_files",
    "write_report",
]
