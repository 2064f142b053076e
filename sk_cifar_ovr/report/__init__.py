"""One run written to a folder: tables, figures for machines, pictures, a page and the saved model."""

from ._data import Split, load_split
from ._markdown import summary
from ._report import Written, check_writable, page_needs, run
from ._run import Run, make_estimator, versions

__all__ = [
    "Run",
    "Split",
    "Written",
    "check_writable",
    "load_split",
    "make_estimator",
    "page_needs",
    "run",
    "summary",
    "versions",
]
