"""Worker processes that end with the process they work for."""

import multiprocessing
import os
import threading
import time
from functools import cache

import psutil

# Time between two looks at the parent process.
SECONDS_APART = 1.0
# Workers of joblib. Like daemonic processes, they work for nobody but the process that started them.
WORKER_CLASSES = ("LokyProcess", "LokyInitMainProcess")


@cache
def end_with_parent() -> None:
    """Let this process end when its parent is gone, if it is a worker of joblib or a daemonic process.

    A worker does not notice by itself that its parent was killed: it would finish its task, which may be a training of
    hours, and then wait for another one. Other processes are left alone. Calls after the first do nothing.
    """
    parent, process = multiprocessing.parent_process(), multiprocessing.current_process()
    if parent is None or not (process.daemon or type(process).__name__ in WORKER_CLASSES):
        return
    threading.Thread(target=_end_with, args=(parent.pid,), name="end-with-parent", daemon=True).start()


def _end_with(parent: int | None) -> None:
    while not is_gone(parent):
        time.sleep(SECONDS_APART)
    # An exception would end the current task only. Nobody is left to receive a result.
    os._exit(1)


def is_gone(parent: int | None) -> bool:
    """Return whether the process that started this one has ended.

    Parameters
    ----------
    parent : int or None
        Its process ID.
    """
    if parent is None or os.getppid() == parent:
        return False
    # The parent of a process that a fork server starts is the fork server.
    try:
        return psutil.Process(parent).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


if hasattr(os, "register_at_fork"):
    # A forked process has none of the threads of its parent.
    os.register_at_fork(after_in_child=end_with_parent.cache_clear)
