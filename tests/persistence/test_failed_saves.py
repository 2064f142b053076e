"""Whatever happens while a file is written, the old file and the estimator stay as they were."""

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr.persistence import _files

TINY = {"model__filters": (2, 2, 4), "epochs": 1, "batch_size": 64, "recipe": None, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(digits):
    X, y = digits[0][:60], digits[1][:60] % 3
    return OneVsRestCNNClassifier(CNNClassifier(**TINY)).fit(X, y)


class Failing:
    """A file that fails at one of its calls."""

    def __init__(self, file, place):
        self._file, self._left = file, [place]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __getattr__(self, name):
        found = getattr(self._file, name)

        def counted(*arguments):
            self._left[0] -= 1
            if self._left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return found(*arguments)

        return counted if name in ("write", "flush") else found


def test_a_full_disk_at_every_write(fitted, digits, tmp_path, monkeypatch):
    path, X = tmp_path / "model", digits[0][:60]
    save(fitted, path)
    before, outputs = path.read_bytes(), fitted.predict_proba(X)
    open_path = Path.open
    n_failed = 0
    while True:

        def failing(self, mode="r", *args, place=n_failed, **options):
            file = open_path(self, mode, *args, **options)
            return Failing(file, place) if mode == "wb" else file

        monkeypatch.setattr(Path, "open", failing)
        with suppress(OSError):
            save(fitted, path)
            break
        monkeypatch.undo()
        n_failed += 1
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["model"]
    monkeypatch.undo()
    # A header and one or two pieces of each of some thirty parts.
    assert n_failed > 50
    np.testing.assert_array_equal(fitted.predict_proba(X), outputs)


@pytest.mark.parametrize(("module", "name"), [(os, "fsync"), (os, "replace")], ids=["fsync", "rename"])
def test_failures_after_writing(fitted, tmp_path, monkeypatch, module, name):
    path = tmp_path / "model"
    save(fitted, path)
    before = path.read_bytes()

    def fails(*args, **kwargs):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(module, name, fails)
    with pytest.raises(OSError, match="Input/output error"):
        save(fitted, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_an_interrupt_leaves_the_old_file(fitted, tmp_path, monkeypatch):
    path = tmp_path / "model"
    save(fitted, path)
    before = path.read_bytes()

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(fitted, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_errors_of_reading_are_those_of_the_system(fitted, tmp_path, monkeypatch):
    save(fitted, tmp_path / "model")

    def fails(*args, **kwargs):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(_files, "_read", fails)
    with pytest.raises(OSError, match="Input/output error"):
        load(tmp_path / "model")


KILLED = """
import os, sys, time
from sk_cifar_ovr import load, save
estimator = load(sys.argv[1])
fsync = os.fsync
def slow(file):
    print("writing", flush=True)
    time.sleep(600)
os.fsync = slow
save(estimator, sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_killed_save_leaves_the_old_file_and_the_next_one_clears_up(fitted, tmp_path):
    path = tmp_path / "model"
    digest = save(fitted, path)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout.readline().strip() == b"writing"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(os.listdir(tmp_path)) == 2
    load(path, digest=digest)
    assert save(fitted, path) == digest
    assert os.listdir(tmp_path) == ["model"]


def test_what_cannot_be_written_is_found_before_the_file_is_touched(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(fitted, tmp_path / "nowhere" / "model")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="a folder"):
        save(fitted, tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


def test_the_same_estimator_is_written_to_the_same_bytes(fitted, tmp_path):
    first = save(fitted, tmp_path / "a")
    time.sleep(0.01)
    assert save(fitted, tmp_path / "b") == first
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
