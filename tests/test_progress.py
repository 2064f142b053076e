"""Progress where standard error is a file."""

from conftest import dense

import sk_cifar_ovr._progress as progress
from sk_cifar_ovr import CNNClassifier


def test_lines_in_a_log_say_how_far_and_how_long(digits, capsys, monkeypatch):
    X, y = digits
    monkeypatch.setattr(progress, "SECONDS_APART", 0.0)
    CNNClassifier(dense, epochs=2, batch_size=180, verbose=1, random_state=0).fit(X, y)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == [
        "epoch 1/2: 25%, 0.0 min left",
        "epoch 1/2: 50%, 0.0 min left",
        "epoch 2/2: 75%, 0.0 min left",
    ]
    assert lines[-1].startswith("epoch 2/2: ended after 0.")


def test_few_lines_and_none_where_silent(digits, capsys):
    X, y = digits
    CNNClassifier(dense, epochs=2, verbose=1, random_state=0).fit(X, y)
    assert len(capsys.readouterr().err.splitlines()) == 1
    CNNClassifier(dense, epochs=2, verbose=0, random_state=0).fit(X, y)
    assert capsys.readouterr().err == ""
