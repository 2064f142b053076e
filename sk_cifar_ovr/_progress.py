"""One line of progress for a whole job, however many networks it trains."""

from __future__ import annotations

import sys
from typing import Any


class Progress:
    """A progress line on standard error: what is being trained, how far, time left.

    Parameters
    ----------
    total : int
        Rows to train on, summed over all networks and epochs.
    epochs : int, default=0
        Epochs of each network, to be shown.
    verbose : int or bool, default=0
        0 shows nothing.
    """

    def __init__(self, total: int, epochs: int = 0, verbose: int | bool = 0):
        self._total, self._epochs, self._verbose = total, epochs, verbose
        self._what = ""
        self.prefix = ""
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if self._verbose:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=Console(file=sys.stderr),
            )
            self._bar.start()
            self._task = self._bar.add_task("training", total=self._total)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def now(self, what: str) -> None:
        """Name what is being trained, such as ``"class 3/10"``."""
        self._what = self.prefix + what

    def advance(self, n_rows: int, epoch: int) -> None:
        """Count rows that were trained on."""
        if self._bar is not None:
            parts = [self._what] if self._what else []
            if self._epochs:
                parts.append(f"epoch {epoch + 1}/{self._epochs}")
            self._bar.update(self._task, advance=n_rows, description=", ".join(parts) or "training")

    def skip(self, n_rows: int) -> None:
        """Count rows that need no training after all, as when early stopping ends a fit."""
        if self._bar is not None:
            self._bar.update(self._task, advance=n_rows)
