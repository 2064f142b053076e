"""Helpers of the tests of folders and archives: small images, written and packed."""

import re
import tarfile
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sk_cifar_ovr import load_image_folder
from sk_cifar_ovr.exceptions import DatasetError

KINDS = (".zip", ".tar", ".tar.gz", ".tar.xz")
NAMES = ["cat", "dog"]
read_folder = partial(load_image_folder, verbose=0)


def pixels(seed, shape=(6, 5, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def pack(folder, ending, *, top=""):
    """Pack a folder's content in an order of no use, so that nothing relies on it."""
    path = folder.with_name(f"{folder.name}{'-top' if top else ''}{ending}")
    files = sorted(folder.rglob("*"), reverse=True)
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, Path(top) / file.relative_to(folder))
    else:
        with tarfile.open(path, f"w:{ending.rpartition('.')[2].replace('tar', '')}") as archive:
            for file in files:
                archive.add(file, Path(top) / file.relative_to(folder), recursive=False)
    return path


def expect_error(match, path, kind=DatasetError, **options):
    """Check that reading fails with a message that matches, apart from the folder of the test, and return it."""
    with pytest.raises(kind) as caught:
        read_folder(path, **options)
    message = str(caught.value).replace(str(path.parent), "")
    assert re.search(match, message), message
    return message
