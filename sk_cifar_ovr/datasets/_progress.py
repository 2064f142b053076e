"""Progress bars on standard error that disappear at the end: over files, over bytes read, and of a download.

Unlike the progress line of a training, they leave nothing in a log file.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any


def track(items: list, description: str, verbose: int) -> Iterable:
    """Iterate over items and show progress."""
    from rich.progress import track as rich_track

    return rich_track(items, description, **_options(verbose))


def open_with_progress(path: Path, verbose: int) -> AbstractContextManager[IO[bytes]]:
    """Open a file for reading in binary mode and show how much of it was read."""
    from rich.progress import open as rich_open

    return rich_open(path, "rb", description=f"Reading {path.name}", **_options(verbose))


class DownloadProgress:
    """Progress bar for `pooch.HTTPDownloader`, which sets `total` at the start of each attempt."""

    def __init__(self, description: str, verbose: int):
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn(description), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        self._progress = Progress(*columns, **_options(verbose))
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    @property
    def total(self) -> Any:
        """Number of bytes to download."""
        return self._progress.tasks[0].total

    @total.setter
    def total(self, value: int) -> None:
        self._progress.reset(self._task, total=value)

    def update(self, n_bytes: int) -> None:
        """Count downloaded bytes."""
        self._progress.advance(self._task, n_bytes)

    def reset(self) -> None:
        """Start again from zero."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Remove the bar."""
        self._progress.stop()


def _options(verbose: int) -> dict[str, Any]:
    from rich.console import Console

    return {"console": Console(stderr=True), "transient": True, "disable": not verbose}
