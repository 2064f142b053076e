"""The same seed gives the same weights in fresh processes, whatever was fitted before, with one worker or two.

`.ci/determinism.py` does the same with 20 processes, and with one thread and two.
"""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, clear_programs

SCRIPT = Path(__file__).parents[2] / ".ci" / "determinism.py"


def test_fresh_processes_agree():
    """Three of them, one of which trains with two workers as well; each has fitted something else before."""
    options = ["--processes", "3", "--threads", "1", "--workers-every", "3", "--backend", keras.backend.backend()]
    done = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count("3 processes of 1 threads, 1 different") == 3
    assert "n_jobs 1 and 2 differ by 0\n" in done.stdout


def states(estimator):
    return [value for each in getattr(estimator, "estimators_", [estimator]) for value in each.network_.state]


def test_nothing_that_was_done_before_in_the_process_counts(digits):
    X, y = digits
    clf = CNNClassifier(dense, recipe=None, epochs=2, batch_size=50, augment="flip_shift", random_state=0)
    makers = [
        lambda: clf,
        lambda: OneVsRestCNNClassifier(clf),
        lambda: OneVsRestCNNClassifier(clf, strategy="independent"),
    ]
    clear_programs()
    first = [states(make().fit(X, y % 3)) for make in makers]
    keras.utils.set_random_seed(7)
    np.random.seed(7)
    keras.random.normal((3,))
    CNNClassifier(dense, random_state=1, epochs=1).fit(X, y).predict(X)
    for expected, make in reversed(list(zip(first, makers, strict=True))):
        for value, other in zip(expected, states(make().fit(X, y % 3)), strict=True):
            np.testing.assert_array_equal(value, other)
