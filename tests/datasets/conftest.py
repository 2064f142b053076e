"""Folders of small images, and a missing network."""

import pytest
from image_sources import pixels, write

from sk_cifar_ovr.datasets.cifar10 import _download


@pytest.fixture
def plain(tmp_path):
    """A folder not split: 1.png, 2.png and 10.png of cats (seeds 1, 2, 10) and dogs (101, 102, 110)."""
    for first, name in ((100, "dog"), (0, "cat")):
        for number in (10, 2, 1):
            write(tmp_path / "plain" / name / f"{number}.png", pixels(first + number))
    return tmp_path / "plain"


@pytest.fixture
def split(tmp_path):
    """A folder with two training images and one test image a class."""
    for part, first in (("train", 0), ("test", 50)):
        for name, offset in (("cat", 0), ("dog", 100)):
            for number in range(2 if part == "train" else 1):
                write(tmp_path / "split" / part / name / f"{number}.png", pixels(first + offset + number))
    return tmp_path / "split"


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr(_download, "HOST", "http://127.0.0.1:9/")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
