"""`main`: a command is parsed and run, and whatever ends it becomes a sentence and an exit status."""

import os
import shlex
import sys
import traceback

from ._commands import COMMANDS
from ._console import Console, flush_output, prepare_streams
from ._interruption import Interruption
from ._parser import make_parser

# Errors with a message for the user. Any other one is a fault of this package, or of a library.
FORESEEN = (ValueError, OSError, ArithmeticError, MemoryError, ImportError)
# Characters of the message of another error, which may hold a whole graph.
MAX_MESSAGE = 500


def main(argv=None) -> int:
    """Run ``sk-cifar-ovr`` and return its exit status.

    Parameters
    ----------
    argv : list of str or None
        Arguments. None takes those of the process.

    Returns
    -------
    int
        0 if everything was done, 1 after an error (a sentence on standard error says which), 130 after an interrupt
        and 143 after SIGTERM.

    Raises
    ------
    SystemExit
        With code 2 if the arguments are not valid, and with 0 after ``--help``.
    """
    prepare_streams()
    try:
        arguments = make_parser().parse_args(argv)
    finally:
        flush_output()
    arguments.command_line = shlex.join(["sk-cifar-ovr", *(sys.argv[1:] if argv is None else argv)])
    with Interruption() as interruption, Console(debug=arguments.debug) as console:
        try:
            _start_backend()
            from ..report import command_line_message

            console.as_text = command_line_message
            return COMMANDS[arguments.command](arguments, console)
        except BaseException as error:
            # Libraries may raise errors of their own when a signal interrupts them.
            if isinstance(error, KeyboardInterrupt) or interruption.exit_status:
                console.tell(_interrupted(arguments))
                return interruption.exit_status or 130
            if not isinstance(error, Exception):
                raise
            if arguments.debug:
                traceback.print_exc()
            text = console.as_text(error)
            console.tell(text if isinstance(error, FORESEEN) else _unforeseen(error, text, arguments))
            return 1


def _interrupted(arguments) -> str:
    if arguments.command == "report" and any((arguments.out / "checkpoint").glob("*.checkpoint")):
        return "interrupted; the same command with --resume goes on where it was"
    return "interrupted; files that were written are whole"


def _unforeseen(error: Exception, text: str, arguments) -> str:
    text = text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]} ..."
    names = ", ".join(name for name, _ in getattr(arguments, "set", []))
    advice = f"Check what --set gives to {names}. If it is right, this" if names else "This"
    return (
        f"{type(error).__name__}: {text}. {advice} should not have happened: run sk-cifar-ovr --debug ... with the "
        "same arguments, and report what it prints."
    )


def _start_backend() -> None:
    """Import Keras and use its device once.

    Raises
    ------
    ImportError
        If the backend cannot be started; the message says how to choose or install one.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras

        keras.ops.zeros(1)
    except Exception as error:  # each backend has its own
        name = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise ImportError(
            f"Keras cannot start its backend {name!r} ({error}): set KERAS_BACKEND to tensorflow, jax or torch, and "
            "install that one, for example with pip install tensorflow."
        ) from error
