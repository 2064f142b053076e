"""The download of CIFAR-10: one file, retried, checked, and put in place only when whole."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ..exceptions import ChecksumError, DatasetError

logger = logging.getLogger(__name__)

HOST = "https://www.cs.toronto.edu/~kriz/"
FILE = "cifar-10-binary.tar.gz"
# Published in tensorflow_datasets/url_checksums/cifar10.txt (https://github.com/tensorflow/datasets).
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
RETRIES = 3
LOCAL_COPY = (
    f"If you have a copy, or fetch {HOST}{FILE} yourself (`curl -C - -O` resumes), name it: "
    "fetch_cifar10(source='PATH')."
)


def download_cifar10(folder: Path, *, verbose: int = 0) -> Path:
    """Download CIFAR-10 in its binary format, unless it is already there.

    Parameters
    ----------
    folder : Path
        Where to keep the archive.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    Path
        Of the archive, 170 MB, its SHA-256 verified.

    Raises
    ------
    ChecksumError
        If what arrives is not the published file.
    DatasetError
        If nothing arrives.
    """
    import pooch
    import requests

    keeper = pooch.create(folder, HOST, registry={FILE: f"sha256:{SHA256}"}, retry_if_failed=RETRIES)
    line = _ProgressLine(verbose)
    logger.info("Downloading %s%s to %s. %s", HOST, FILE, folder, LOCAL_COPY)
    pooch_logger = pooch.get_logger()
    level = pooch_logger.level
    pooch_logger.setLevel(logging.WARNING)  # it writes to standard error by itself
    try:
        return Path(keeper.fetch(FILE, downloader=pooch.HTTPDownloader(progressbar=line, chunk_size=2**16)))
    except ValueError as error:
        raise ChecksumError(f"CIFAR-10 as downloaded is not the published file ({error}). {LOCAL_COPY}") from error
    except requests.RequestException as error:
        raise DatasetError(f"CIFAR-10 could not be downloaded ({error}). {LOCAL_COPY}") from error
    finally:
        pooch_logger.setLevel(level)
        line.close()


class _ProgressLine:
    """What pooch asks of a progress bar, drawn by rich; ``total`` is set anew at each attempt."""

    def __init__(self, verbose: int):
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("Downloading CIFAR-10 (a local copy: source='PATH')"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not verbose,
        )
        self._task = self._bar.add_task("", total=None)
        self._bar.start()

    @property
    def total(self) -> Any:
        return self._bar.tasks[0].total

    @total.setter
    def total(self, value: int) -> None:
        self._bar.reset(self._task, total=value)

    def update(self, n_bytes: int) -> None:
        self._bar.advance(self._task, n_bytes)

    def reset(self) -> None:
        self._bar.reset(self._task)

    def close(self) -> None:
        self._bar.stop()
