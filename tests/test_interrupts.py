"""Ctrl-C, SIGTERM and SIGKILL in real processes: what was there is kept, no process is left, the status is right."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")

HERE = Path(__file__).parent
# Seconds until a process must be where it is waited for; a busy machine takes many for the import of Keras alone.
PATIENCE = 240
# Seconds until processes must be gone after a signal.
SOON = 30


def start(command, **options):
    """Start a process that leads a group of its own, as a terminal starts a command."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # These tests may themselves run in the background of a script, which ignores Ctrl-C, and so would the process.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def wait_until(condition, process, seconds=PATIENCE):
    """Wait for a condition, as long as a process lives."""
    end = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


@pytest.fixture
def group():
    """Processes started here; what is left of their groups in the end is killed."""
    started = []
    yield started
    for process in started:
        for pid in members(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def members(group_id):
    """Process IDs of a group, the one that leads it included."""
    found = []
    for pid in psutil.pids():
        try:
            if os.getpgid(pid) == group_id and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def endless_fit(kind, folder, group):
    """Start a fit without an end, and wait until it trains."""
    process = start([HERE / "endless_fit.py", kind, folder])
    group.append(process)
    n = 2 if "processes" in kind else 1
    wait_until(lambda: len(os.listdir(folder)) >= n, process)
    return process


KINDS = ["network", "joint", "independent", "independent in processes", "search in processes"]


@pytest.mark.parametrize(
    ("kind", "to_all"),
    [*((kind, True) for kind in KINDS), ("search in processes", False)],
)
def test_an_interrupted_fit_keeps_the_one_before(kind, to_all, tmp_path, group):
    """A terminal sends Ctrl-C to all processes of a command, a notebook to the first one."""
    process = endless_fit(kind, tmp_path, group)
    (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=SOON)
    assert output.splitlines() == ["fitted once", "kept"], errors
    assert process.returncode == 130
    wait_until(lambda: not members(process.pid), None, SOON)


@pytest.mark.parametrize(
    ("kind", "number"), [("independent in processes", signal.SIGKILL), ("search in processes", signal.SIGTERM)]
)
def test_workers_end_with_the_process_they_work_for(kind, number, tmp_path, group):
    process = endless_fit(kind, tmp_path, group)
    assert len(members(process.pid)) > 2
    os.kill(process.pid, number)
    wait_until(lambda: not members(process.pid), None, SOON)


def report(tmp_path, group, *arguments):
    process = start(["-m", "sk_cifar_ovr", "report", "--data", "digits", "--out", tmp_path / "out", *arguments])
    group.append(process)
    return process


@pytest.mark.parametrize(
    ("strategy", "number", "status"), [("joint", signal.SIGINT, 130), ("independent", signal.SIGTERM, 143)]
)
def test_an_interrupted_report(strategy, number, status, tmp_path, group):
    process = report(tmp_path, group, "--epochs", 10**6, "--strategy", strategy)
    # What was chosen for the training is told when it begins.
    lines = []
    while "epochs in batches" not in (line := process.stderr.readline()):
        assert line, lines
        lines.append(line)
    time.sleep(1)
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=SOON)
    assert process.returncode == status
    # Whether an epoch was finished, from which the run can go on, is a matter of the second above.
    assert errors.splitlines()[-1] in (
        "sk-cifar-ovr: interrupted; files that were written are whole",
        "sk-cifar-ovr: interrupted; the same command with --resume goes on where it was",
    )
    assert "Traceback" not in errors
    assert output == ""
    wait_until(lambda: not members(process.pid), None, SOON)


IMPORTING = """
import os, signal, sys, threading, time
from sk_cifar_ovr.cli import main

def interrupt():
    while "tensorflow.python" not in sys.modules:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.{signal})

threading.Thread(target=interrupt, daemon=True).start()
sys.exit(main(["info"]))
"""


@pytest.mark.skipif(os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="it waits for TensorFlow")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_while_keras_is_imported(number, status, group):
    process = start(["-c", IMPORTING.format(signal=number.name)])
    group.append(process)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (status, ""), errors
    assert errors.splitlines() == ["sk-cifar-ovr: interrupted; files that were written are whole"]


SIGNALS = """
import signal, sys
before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
import sk_cifar_ovr, sk_cifar_ovr.cli
from sk_cifar_ovr import CNNClassifier, load_digit_images
from small_networks import dense
digits = load_digit_images()
CNNClassifier(model=dense, epochs=1).fit(digits.images[:100], digits.target[:100])
sk_cifar_ovr.cli.main(["info"])
assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
"""


def test_the_library_handles_no_signals():
    subprocess.run([sys.executable, "-c", SIGNALS], check=True, capture_output=True, cwd=HERE)


def test_signals_that_are_ignored_stay_ignored():
    """As those of a command that nohup or a shell script started in the background."""
    code = "from sk_cifar_ovr.cli._interruption import Interruption as I; import os, signal\n"
    code += "with I() as found: os.kill(os.getpid(), signal.SIGINT); print(found.exit_status)"
    done = subprocess.run(
        ["bash", "-c", f"trap '' INT; exec {sys.executable} -c '{code}'"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "None"
