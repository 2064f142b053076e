"""Command line: `sk-cifar-ovr report`, `predict` and `info`, a thin layer over the Python API.

Whatever a user does, the answer is a sentence on standard error and an exit status; `_parser` lists them.
"""

from ._main import main

__all__ = ["main"]
