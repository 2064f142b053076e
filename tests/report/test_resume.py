"""``sk-cifar-ovr report --resume`` goes on with a run that was interrupted."""

import json

import numpy as np
import pytest
from photographs import write_photographs

from sk_cifar_ovr import load
from sk_cifar_ovr.cli import main
from sk_cifar_ovr.engine.checkpoints import Checkpoints
from sk_cifar_ovr.engine.checkpoints import _checkpoints as module


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return write_photographs(tmp_path_factory.mktemp("photographs"), parts=("train", "test"), classes=("a", "b", "c"))


@pytest.fixture
def interrupted(photographs, tmp_path, monkeypatch):
    """Command and output folder of a run that was interrupted in its second class."""
    write, done = Checkpoints.write, []

    def counted(self, snapshot):
        write(self, snapshot)
        done.append(snapshot)
        if len(done) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "SHARE", 0)
    monkeypatch.setattr(Checkpoints, "write", counted)
    command = ["report", "--data", str(photographs), "--strategy", "independent", "--epochs", "2", "--quiet"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 130
    assert [snapshot.is_finished for snapshot in done] == [False, False, True, False]
    return command, tmp_path / "out"


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())["classes"]


def test_a_run_goes_on_and_leaves_no_checkpoints(interrupted, tmp_path, monkeypatch):
    command, out = interrupted
    assert [path.name for path in out.iterdir()] == ["checkpoint"]
    assert main([*command, "--out", str(out), "--resume"]) == 0
    assert main([*command, "--out", str(tmp_path / "unbroken")]) == 0
    assert metrics(out) == metrics(tmp_path / "unbroken")
    assert sorted(path.name for path in out.iterdir()) == sorted(p.name for p in (tmp_path / "unbroken").iterdir())
    resumed, unbroken = load(out / "model.skovr"), load(tmp_path / "unbroken" / "model.skovr")
    for one, other in zip(resumed.estimators_, unbroken.estimators_, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.network_.state, other.network_.state, strict=True))
        assert one.checkpoint is None


def test_a_run_is_not_overwritten_without_being_asked(interrupted, capfd):
    command, out = interrupted
    assert main([*command, "--out", str(out)]) == 1
    assert "Add --resume" in capfd.readouterr().err
    assert (out / "checkpoint").exists()


def test_other_settings_are_refused_by_name(interrupted, capfd, monkeypatch):
    command, out = interrupted
    monkeypatch.setattr(module, "_begun", set())
    assert main([*command, "--seed", "7", "--out", str(out), "--resume"]) == 1
    assert "random_state" in capfd.readouterr().err
    assert (out / "checkpoint").exists()


def test_with_nothing_to_resume_a_run_starts(photographs, tmp_path):
    command = ["report", "--data", str(photographs), "--epochs", "1", "--quiet", "--resume"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "metrics.json").exists()
