"""Workers notice that the process they work for is gone; `tests/test_interrupts.py` does it with real trainings."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time

import pytest

from sk_cifar_ovr._shared import processes


def watching():
    processes.end_with_parent()
    return "end-with-parent" in {thread.name for thread in threading.enumerate()}


def test_only_workers_watch():
    """This process, which nobody started as a worker, would go on without its parent."""
    assert not watching()


@pytest.mark.parametrize("daemon", [True, False])
def test_daemonic_processes_watch(daemon):
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=_tell, args=(queue,), daemon=daemon)
    process.start()
    assert queue.get() == daemon
    process.join()


def _tell(queue):
    queue.put(watching())


def test_a_parent_is_gone_when_it_has_ended():
    assert not processes.is_gone(None)
    assert not processes.is_gone(os.getppid())
    assert not processes.is_gone(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert not processes.is_gone(other.pid)
        other.kill()
        # It is a zombie until somebody waits for it.
        while not processes.is_gone(other.pid):
            time.sleep(0.01)
    assert processes.is_gone(other.pid)
