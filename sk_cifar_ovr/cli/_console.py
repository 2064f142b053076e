"""What the user sees: results on standard output, and messages, each one line and once, on standard error."""

import contextlib
import faulthandler
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Self

PACKAGE = __name__.partition(".")[0]


class Console(logging.Handler):
    """Context in which warnings and log messages of this package are told in a sentence each, and others are not.

    What libraries written in C write to standard error, such as libtiff about damaged files, does not appear either.

    Parameters
    ----------
    debug : bool, default=False
        Whether warnings and messages of libraries are told as well.

    Attributes
    ----------
    as_text : callable ``(message) -> str``
        Brings a message, a warning or an error to one line.
    """

    def __init__(self, *, debug: bool = False) -> None:
        super().__init__(logging.WARNING)
        self.as_text: Callable[[object], str] = lambda message: " ".join(str(message).split())
        self._debug = debug
        self._told: set[str] = set()
        self._context = contextlib.ExitStack()
        # Without any handler Python prints warnings of all libraries.
        self._others = logging.NullHandler()

    def __enter__(self) -> Self:
        self._context.enter_context(warnings.catch_warnings())
        # Each is told once anyway, wherever it comes from.
        warnings.simplefilter("always")
        warnings.showwarning = self._warn
        logging.getLogger().addHandler(self._others)
        logging.getLogger(PACKAGE).addHandler(self)
        if not self._debug:
            self._context.enter_context(_python_alone_on_stderr())
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger(PACKAGE).removeHandler(self)
        logging.getLogger().removeHandler(self._others)
        self._context.close()

    def tell(self, message: str) -> None:
        """Write a message to standard error, once."""
        if message not in self._told:
            self._told.add(message)
            with contextlib.suppress(OSError):  # nobody listens
                print(f"sk-cifar-ovr: {message}", file=sys.stderr, flush=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a log message."""
        self.tell(f"warning: {self.as_text(record.getMessage())}")

    def _warn(self, message, category, filename, lineno, file=None, line=None) -> None:
        """Replace `warnings.showwarning`."""
        if self._debug or _is_own(category):
            self.tell(f"warning: {self.as_text(message)}")


@contextlib.contextmanager
def _python_alone_on_stderr() -> Iterator[None]:
    """Context in which `sys.stderr` leads where it did, and the file descriptor of standard error nowhere."""
    stream = sys.stderr
    stream.flush()
    shown = os.dup(2)
    is_process_stream = stream is sys.__stderr__
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        if is_process_stream:
            sys.stderr = os.fdopen(os.dup(shown), "w", encoding=stream.encoding, errors="backslashreplace", buffering=1)
            # A crash of a library is not silent.
            faulthandler.enable(sys.stderr)
        yield
    finally:
        if is_process_stream:
            faulthandler.disable()
            with contextlib.suppress(OSError):
                sys.stderr.close()
            sys.stderr = stream
        os.dup2(shown, 2)
        os.close(shown)


def _is_own(category: type) -> bool:
    """Return whether a warning that is being shown was raised by this package."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") == "warnings":
        frame = frame.f_back
    origins = (frame.f_globals.get("__name__", ""), category.__module__)
    return PACKAGE in {origin.partition(".")[0] for origin in origins}


def prepare_streams() -> None:
    """Make standard output and standard error fit for any text, and replace one that is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            # Names of files and classes may be in a script that the terminal does not have.
            stream.reconfigure(errors="backslashreplace")


def show(text: object) -> None:
    """Write a result to standard output. It is no error if a reader such as ``head`` has read enough.

    Raises
    ------
    OSError
        If it cannot be written for another reason, such as a full disk.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _discard_output()
    except OSError as error:
        _discard_output()
        raise OSError(f"The results cannot be printed ({error.strerror}): send standard output elsewhere.") from error


def flush_output() -> None:
    """Write what waits in standard output, if anybody reads it."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()


def _discard_output() -> None:
    """Let standard output lead nowhere, so that Python does not try again at its end."""
    with open(os.devnull, "w") as nowhere, contextlib.suppress(OSError, ValueError):
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
