"""Progress when standard error is a file."""

import itertools
from types import SimpleNamespace

import pytest
from small_networks import dense

import sk_cifar_ovr._shared.progress as progress
from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier


def replace_clock(monkeypatch, seconds):
    """Let `seconds` pass between two looks at the clock."""
    times = itertools.count(0.0, seconds)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(times)))


def test_lines_in_a_log_say_how_far_and_how_long(digits, capsys, monkeypatch):
    X, y = digits
    replace_clock(monkeypatch, 60.0)
    CNNClassifier(dense, epochs=2, batch_size=180, recipe=None, verbose=1, random_state=0).fit(X, y)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:4] == [
        "epoch 1/2: 25%, 3.0 min left",
        "epoch 1/2: 50%, 2.0 min left",
        "epoch 2/2: 75%, 1.0 min left",
        "epoch 2/2: 100%, 0.0 min left",
    ]
    assert lines[-1] == f"epoch 2/2: ended after {len(lines)}.0 min"


def test_few_lines_and_none_when_silent(digits, capsys, monkeypatch):
    X, y = digits
    replace_clock(monkeypatch, 0.0)
    CNNClassifier(dense, epochs=2, batch_size=128, recipe=None, verbose=1, random_state=0).fit(X, y)
    assert len(capsys.readouterr().err.splitlines()) == 1
    CNNClassifier(dense, epochs=2, batch_size=128, recipe=None, verbose=0, random_state=0).fit(X, y)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_a_warm_start_counts_no_epochs_of_the_head(digits, strategy, capsys, monkeypatch):
    X, y = digits
    base = CNNClassifier(dense, head_epochs=2, epochs=1, batch_size=180, recipe=None, warm_start=True, random_state=0)
    ovr = OneVsRestCNNClassifier(base, strategy=strategy, verbose=1).fit(X, y % 3)
    monkeypatch.setattr(progress, "SECONDS_APART", 0.0)
    capsys.readouterr()
    ovr.fit(X, y % 3)
    lines = capsys.readouterr().err.splitlines()
    assert all("epoch 1/1" in line for line in lines)
    assert "100%" in lines[-2]
