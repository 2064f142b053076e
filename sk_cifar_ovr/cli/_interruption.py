"""Ctrl-C and SIGTERM: the command ends, and says so by its exit status."""

import os
import signal
import threading
from typing import Any, NoReturn, Self

# As a shell reports a process that the signal ended.
EXIT_STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Interruption:
    """Context in which both signals raise KeyboardInterrupt; a second signal ends the process at once.

    Signals that are ignored, or that somebody else handles, stay so.

    Attributes
    ----------
    exit_status : int or None
        Exit status for the signal that came; None if none did.
    """

    def __init__(self) -> None:
        self.exit_status: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        # Python lets no other thread set handlers.
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_STATUS:
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                    self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, number: int, frame: object) -> NoReturn:
        if self.exit_status is not None:
            os._exit(self.exit_status)
        self.exit_status = EXIT_STATUS[signal.Signals(number)]
        raise KeyboardInterrupt
