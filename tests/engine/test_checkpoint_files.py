"""Files of checkpoints: written whole, read with a checksum, refused by name."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from sk_cifar_ovr._shared.files import write_whole
from sk_cifar_ovr.engine.checkpoints import Checkpoints, Snapshot, kept_seed
from sk_cifar_ovr.engine.checkpoints import _checkpoints as module
from sk_cifar_ovr.exceptions import CheckpointError, CheckpointWarning

DESCRIPTION = {"images": "a", "epochs": "b", "optimizer": "c"}


def snapshot(n_epochs, *, is_finished=False):
    rng = np.random.default_rng(n_epochs)
    values = [rng.normal(size=(3, 2)).astype("float32"), np.array(n_epochs, "int64")]
    losses = [np.array(1.0 / (i + 1)) for i in range(n_epochs)]
    history = {"loss": [float(loss) for loss in losses], "val_loss": [float("nan")] * n_epochs}
    return Snapshot(history, losses, values, values[:1], (0.5, values[:1], 0), is_finished)


def written(folder, *epochs):
    checkpoints = Checkpoints(folder, DESCRIPTION)
    for n in epochs:
        checkpoints.write(snapshot(n))
    return checkpoints


def same(one, other):
    return len(one) == len(other) and all(
        np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(one, other, strict=True)
    )


def test_the_last_of_several_checkpoints_is_read(tmp_path):
    written(tmp_path, 1, 2, 3)
    kept, expected = Checkpoints(tmp_path, DESCRIPTION).latest(), snapshot(3)
    assert same(kept.state, expected.state)
    assert same(kept.optimizer, expected.optimizer)
    assert same(kept.losses, expected.losses)
    assert same(kept.best[1], expected.best[1])
    assert kept.history["loss"] == expected.history["loss"]
    assert np.isnan(kept.history["val_loss"]).all()
    assert not kept.is_finished
    assert len(list(tmp_path.iterdir())) == 2


def test_bfloat16_values_come_back(tmp_path):
    import keras

    values = np.asarray(keras.ops.convert_to_numpy(keras.ops.ones(3)), "float32").astype("bfloat16")
    Checkpoints(tmp_path, DESCRIPTION).write(Snapshot({"loss": [1.0]}, [np.array(1.0)], [values], []))
    assert same(Checkpoints(tmp_path, DESCRIPTION).latest().state, [values])


def test_a_finished_training_replaces_its_checkpoints(tmp_path):
    written(tmp_path, 1, 2).write(snapshot(3, is_finished=True))
    assert len(list(tmp_path.iterdir())) == 1
    assert Checkpoints(tmp_path, DESCRIPTION).latest().is_finished


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_of_a_truncated_file_the_one_before_is_used(tmp_path, share):
    written(tmp_path, 1, 2)
    newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[: int(share * newest.stat().st_size)])
    with pytest.warns(CheckpointWarning, match="damaged"):
        assert len(Checkpoints(tmp_path, DESCRIPTION).latest().losses) == 1


def test_every_changed_byte_is_noticed(tmp_path):
    written(tmp_path, 1)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.warns(CheckpointWarning, match="damaged"):
            assert Checkpoints(tmp_path, DESCRIPTION).latest() is None


def test_a_damaged_pair_starts_anew_and_is_replaced(tmp_path):
    written(tmp_path, 1, 2)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    checkpoints = Checkpoints(tmp_path, DESCRIPTION)
    with pytest.warns(CheckpointWarning, match="damaged"):
        assert checkpoints.latest() is None
    checkpoints.write(snapshot(4))
    with pytest.warns(CheckpointWarning, match="damaged"):
        assert len(Checkpoints(tmp_path, DESCRIPTION).latest().losses) == 4


def test_other_settings_are_refused_by_name(tmp_path):
    written(tmp_path, 1)
    module._begun.clear()
    with pytest.raises(CheckpointError, match=r"other data or settings \(images, optimizer\).*another folder"):
        Checkpoints(tmp_path, {**DESCRIPTION, "images": "x", "optimizer": "y"}).latest()


def test_a_finished_training_of_other_settings_does_not_matter(tmp_path):
    written(tmp_path, 1).write(snapshot(2, is_finished=True))
    module._begun.clear()
    assert Checkpoints(tmp_path, {**DESCRIPTION, "epochs": "x"}).latest() is None


def test_this_process_may_leave_a_training_and_begin_another(tmp_path):
    first = Checkpoints(tmp_path, DESCRIPTION)
    assert first.latest() is None
    first.write(snapshot(1))
    with pytest.warns(CheckpointWarning, match=r"\(epochs\).*starts anew"):
        assert Checkpoints(tmp_path, {**DESCRIPTION, "epochs": "x"}).latest() is None


def test_a_full_disk_is_told_once_and_the_checkpoint_before_stays(tmp_path, monkeypatch):
    checkpoints = written(tmp_path, 1)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_checkpoint", full)
    with pytest.warns(CheckpointWarning, match="No space left"):
        checkpoints.write(snapshot(2))
    # A second warning would be an error here.
    checkpoints.write(snapshot(3))
    assert len(Checkpoints(tmp_path, DESCRIPTION).latest().losses) == 1


def test_checkpoints_take_a_fiftieth_of_the_time(tmp_path):
    checkpoints = Checkpoints(tmp_path, DESCRIPTION)
    assert checkpoints.is_due()
    checkpoints.write(snapshot(1))
    checkpoints._cost = 1000.0
    assert not checkpoints.is_due()
    checkpoints._written = time.monotonic() - 50_001
    assert checkpoints.is_due()


def test_a_seed_is_drawn_once(tmp_path):
    seed = kept_seed(tmp_path / "folder")
    assert kept_seed(tmp_path / "folder") == seed
    assert kept_seed(tmp_path / "other") != seed
    assert os.listdir(tmp_path / "folder") == ["random_state.txt"]


@pytest.mark.parametrize("text", ["", "seven"])
def test_a_seed_that_was_not_written_whole_is_drawn_anew(text, tmp_path):
    (tmp_path / "random_state.txt").write_text(text)
    seed = kept_seed(tmp_path)
    assert (tmp_path / "random_state.txt").read_text() == f"{seed}\n"


def test_a_seed_that_cannot_be_kept_is_told(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.warns(CheckpointWarning, match="cannot be resumed"):
        assert kept_seed(tmp_path) >= 0
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("content", [b"", b"x\n" + b"[" * 500_000 + b"\n", b"x\n{}\n", b"\x00" * 100])
def test_foreign_files_are_left_alone(content, tmp_path):
    (tmp_path / "foreign.checkpoint").write_bytes(content)
    assert Checkpoints(tmp_path, DESCRIPTION).latest() is None
    assert (tmp_path / "foreign.checkpoint").exists()


def test_the_message_names_all_files_to_remove(tmp_path):
    written(tmp_path, 1, 2)
    module._begun.clear()
    other = Checkpoints(tmp_path, {**DESCRIPTION, "epochs": "x"})
    with pytest.raises(CheckpointError, match="remove") as caught:
        other.latest()
    pattern = str(caught.value).split()[2]
    assert sorted(tmp_path.glob(os.path.basename(pattern))) == sorted(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from sk_cifar_ovr._shared.files import write_whole

def half(path):
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

write_whole(Path(sys.argv[1]), half)
"""


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    target = tmp_path / "model.skovr"
    write_whole(target, lambda path: path.write_text("old"))
    subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert target.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 2
    write_whole(target, lambda path: path.write_text("new"))
    assert os.listdir(tmp_path) == ["model.skovr"]
    assert target.read_text() == "new"


def test_a_file_that_is_being_written_is_left_alone(tmp_path):
    def outer(path):
        write_whole(tmp_path / "inner", lambda inner: inner.write_text("inner"))
        path.write_text("outer")

    write_whole(tmp_path / "outer", outer)
    assert sorted(os.listdir(tmp_path)) == ["inner", "outer"]


def test_a_device_or_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(OSError, match=f"{name} is no regular file"):
            write_whole(tmp_path / name, lambda path: path.write_text("new"))
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "link", lambda path: path.write_text("new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
