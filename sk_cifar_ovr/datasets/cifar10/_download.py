"""The download of CIFAR-10: one archive, with retries and a checksum, put in place only if it is complete."""

from __future__ import annotations

import logging
from pathlib import Path

from ...exceptions import ChecksumError, DatasetError
from .._progress import DownloadProgress

logger = logging.getLogger(__name__)

HOST = "https://www.cs.toronto.edu/~kriz/"
FILE = "cifar-10-binary.tar.gz"
# Published in tensorflow_datasets/url_checksums/cifar10.txt (https://github.com/tensorflow/datasets).
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
RETRIES = 3
LOCAL_COPY_HINT = (
    f"If you have a copy, or download {HOST}{FILE} yourself (`curl -C - -O` resumes), pass its path: "
    "fetch_cifar10(source='PATH')."
)


def download_cifar10(folder: Path, *, verbose: int = 0) -> Path:
    """Download CIFAR-10 in its binary format, unless it is already there.

    Parameters
    ----------
    folder : Path
        Folder for the archive.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    Path
        The archive, 170 MB, with a verified SHA-256.

    Raises
    ------
    ChecksumError
        If the downloaded file is not the published one.
    DatasetError
        If the download fails.
    """
    import pooch
    import requests

    repository = pooch.create(folder, HOST, registry={FILE: f"sha256:{SHA256}"}, retry_if_failed=RETRIES)
    progress = DownloadProgress("Downloading CIFAR-10 (a local copy: source='PATH')", verbose)
    logger.info("Downloading %s%s to %s. %s", HOST, FILE, folder, LOCAL_COPY_HINT)
    pooch_logger = pooch.get_logger()
    level = pooch_logger.level
    pooch_logger.setLevel(logging.WARNING)  # its messages would break the progress bar
    try:
        return Path(repository.fetch(FILE, downloader=pooch.HTTPDownloader(progressbar=progress, chunk_size=2**16)))
    except ValueError as error:
        raise ChecksumError(
            f"The downloaded CIFAR-10 is not the published file ({error}). {LOCAL_COPY_HINT}"
        ) from error
    except requests.RequestException as error:
        raise DatasetError(f"CIFAR-10 could not be downloaded ({error}). {LOCAL_COPY_HINT}") from error
    finally:
        pooch_logger.setLevel(level)
        progress.close()
