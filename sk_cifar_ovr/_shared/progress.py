"""Progress of a whole fit, which may train many networks, in one line."""

from __future__ import annotations

import sys
import time
from typing import Any

# Time between two lines in a log file.
SECONDS_APART = 30.0


class Progress:
    """Show on standard error what is being trained, the share that is done, and the time left.

    On a terminal and in a notebook one line is updated. Elsewhere, for example in a log file, a new line is written
    about twice a minute.

    Parameters
    ----------
    total : int
        Number of images to train on, summed over all networks and epochs.
    epochs : int, default=0
        Number of epochs of each network, for display.
    verbose : int or bool, default=0
        0 shows nothing.

    Attributes
    ----------
    prefix, phase : str
        Texts shown before and after the name of what is being trained.
    first_epoch : int
        Number of epochs in earlier phases, added to the displayed epoch.
    """

    def __init__(self, total: int, epochs: int = 0, verbose: int | bool = 0):
        self._total, self._epochs, self._verbose = total, epochs, verbose
        self._what = ""
        self.prefix = ""
        self.phase = ""
        self.first_epoch = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if self._verbose:
            from rich.console import Console

            console = Console(file=sys.stderr)
            self._bar = _rich_bar(console) if console.is_terminal or console.is_jupyter else _Lines(console)
            self._bar.start()
            self._task = self._bar.add_task("training", total=self._total)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def note(self, text: str) -> None:
        """Write a line of its own, such as what was chosen for the training."""
        if self._bar is not None and text:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def now(self, what: str) -> None:
        """Set the name of what is being trained, such as ``"class 3/10"``."""
        self._what = self.prefix + what

    def advance(self, n_images: int, epoch: int | None = None) -> None:
        """Count images that were trained on."""
        if self._bar is not None:
            parts = [part for part in (self._what, self.phase) if part]
            if self._epochs and epoch is not None:
                parts.append(f"epoch {self.first_epoch + epoch + 1}/{self._epochs}")
            self._bar.update(self._task, advance=n_images, description=", ".join(parts) or "training")

    def skip(self, n_images: int) -> None:
        """Count images that are not trained on, for example after early stopping."""
        if n_images and self._bar is not None:
            self._bar.update(self._task, advance=n_images)


def _rich_bar(console):
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


class _Lines:
    """Replacement for rich's progress bar that writes a line every `SECONDS_APART` seconds and one at the end."""

    def __init__(self, console):
        self.console = console
        self._description, self._total, self._done = "", 0, 0

    def start(self) -> None:
        self._began = self._last = time.monotonic()

    def add_task(self, description: str, total: int) -> int:
        self._description, self._total = description, total
        return 0

    def update(self, task: int, advance: int, description: str | None = None) -> None:
        self._description = description or self._description
        self._done += advance
        now = time.monotonic()
        if now - self._last >= SECONDS_APART:
            self._last = now
            share = self._done / self._total
            # Nothing is done yet while the features of a frozen trunk are computed.
            left = f", {(now - self._began) * (1 / share - 1) / 60:.1f} min left" if share else ""
            self._write(f"{share:.0%}{left}")

    def stop(self) -> None:
        self._write(f"ended after {(time.monotonic() - self._began) / 60:.1f} min")

    def _write(self, text: str) -> None:
        self.console.print(f"{self._description}: {text}", highlight=False, markup=False, soft_wrap=True)
