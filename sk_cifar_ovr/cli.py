"""Command line: `sk-cifar-ovr report`, `predict` and `info`, a thin layer over the Python API."""

import argparse
import io
import json
import logging
import math
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

FITS = ("crop", "pad", "stretch")
SIXTEEN_BIT = ("refuse", "scale")
METRICS = ("f1", "balanced_accuracy")
PROMISES = ("precision", "recall")


def main(argv=None) -> int:
    """Run ``sk-cifar-ovr`` and return its exit status.

    Parameters
    ----------
    argv : list of str or None
        Arguments. None takes those of the process.

    Returns
    -------
    int
        0 if everything was done, 1 after an error (printed on standard error), 130 after an interrupt.
    """
    arguments = _parser().parse_args(argv)
    arguments.command = shlex.join(["sk-cifar-ovr", *(sys.argv[1:] if argv is None else argv)])
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files and classes may be in a script that the terminal does not have.
        sys.stdout.reconfigure(errors="backslashreplace")
    as_text: Callable[[object], str] = str
    try:
        _start_backend()
        from .report import command_line_message as as_text

        with warnings.catch_warnings():
            warnings.showwarning = _ShownOnce(as_text)
            return arguments.run(arguments)
    except (ValueError, OSError, ArithmeticError, TypeError, MemoryError) as error:
        print(f"sk-cifar-ovr: {as_text(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsk-cifar-ovr: interrupted; files that were written are whole", file=sys.stderr)
        return 130


class _ShownOnce:
    """Replacement of `warnings.showwarning`: one line for each message, without file names and source lines."""

    def __init__(self, as_text: Callable[[object], str]) -> None:
        self._as_text = as_text
        self._shown: set[str] = set()

    def __call__(self, message, category, filename, lineno, file=None, line=None) -> None:
        text = self._as_text(message)
        if text not in self._shown:
            self._shown.add(text)
            print(f"sk-cifar-ovr: warning: {text}", file=sys.stderr)


def _start_backend() -> None:
    """Import Keras and use its device once, without the messages of TensorFlow that no log level silences."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    shown = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import keras

        keras.ops.zeros(1)
    finally:
        os.dup2(shown, 2)
        os.close(shown)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sk-cifar-ovr", description="One-vs-rest deep image classification.")
    commands = parser.add_subparsers(required=True, metavar="report|predict|info")

    report = commands.add_parser("report", help="train, evaluate once on the test images and write a report")
    report.add_argument(
        "--data", default="digits", help="digits, cifar10, or the path of an image folder or archive, or of a CSV file"
    )
    report.add_argument("--path-column", metavar="NAME", help="column of the CSV file that holds the paths of images")
    report.add_argument(
        "--label-columns",
        nargs="+",
        metavar="NAME",
        help="columns of the CSV file that hold labels: one of class names, or several of 0, 1 or nothing (not known)",
    )
    report.add_argument("--image-size", type=_image_size, metavar="H[xW]", help="bring images to a size: 96 or 96x128")
    report.add_argument(
        "--root", type=Path, metavar="FOLDER", help="folder to which the paths of the CSV file are relative"
    )
    report.add_argument("--fit", default="crop", choices=FITS, help="how images are brought to one size")
    report.add_argument(
        "--sixteen-bit", choices=SIXTEEN_BIT, default="refuse", help="16-bit grey images: an error, or scaled"
    )
    report.add_argument(
        "--on-error",
        choices=["raise", "skip"],
        default="raise",
        help="files that cannot be read: an error, or left out",
    )
    report.add_argument("--lazy", action="store_true", help="decode images when they are needed; saves memory")
    report.add_argument("--cache", type=Path, metavar="FOLDER", help="decode images once, into a file in this folder")
    report.add_argument("--min-images", type=int, default=1, metavar="N", help="leave out classes with fewer images")
    report.add_argument(
        "--groups",
        metavar="X",
        help="keep images together in splits, by a column of the CSV file, by a regular expression on the file names "
        "(its first group, or the whole match), or by the word duplicates: near-identical images",
    )
    report.add_argument("--model", metavar="NAME", help="network, such as cifar_cnn, small_resnet or mobilenet")
    report.add_argument("--strategy", default="joint", choices=["joint", "independent"])
    report.add_argument("--loss", default="crossentropy", choices=["focal", "weighted", "crossentropy"])
    report.add_argument(
        "--threshold",
        type=_threshold,
        metavar="T",
        help="a number from 0 to 1, f1 or balanced_accuracy, or a promise: precision=0.9 or recall=0.95",
    )
    report.add_argument("--epochs", type=int, help="default: chosen by the number of training images")
    report.add_argument("--seed", type=int, default=0)
    report.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_setting,
        help="any parameter of CNNClassifier, such as recipe=strong or loss__gamma=1.0; can be repeated",
    )
    report.add_argument("--out", type=Path, default=Path("ovr-report"), help="output folder")
    report.add_argument("--quiet", action="store_true", help="do not show progress")
    report.set_defaults(run=_report)

    predict = commands.add_parser("predict", help="predict the classes of images")
    predict.add_argument("model", type=Path, help="model saved by report or by save")
    predict.add_argument("images", type=Path, nargs="+", help="image files, or folders of them")
    predict.add_argument(
        "--fit", choices=FITS, help="bring images to the size the model was trained on; default: as in training"
    )
    predict.add_argument(
        "--sixteen-bit", choices=SIXTEEN_BIT, help="16-bit grey images: left out, or scaled; default: as in training"
    )
    predict.add_argument("--resize", dest="fit", action="store_const", const="stretch", help="same as --fit stretch")
    predict.add_argument("--csv", type=Path, help="also write the table to this file, replacing an existing one")
    predict.set_defaults(run=_predict)

    info = commands.add_parser("info", help="describe a saved model, or list the installed versions")
    info.add_argument("model", type=Path, nargs="?")
    info.set_defaults(run=_info)
    return parser


def _with_int_keys(pairs: list[tuple[str, object]]) -> dict[object, object]:
    """Build a dictionary from a JSON object, with keys that are integers as int: JSON keys are always text."""
    return {int(key) if re.fullmatch("-?(0|[1-9][0-9]*)", key) else key: value for key, value in pairs}


def _setting(text: str) -> tuple[str, object]:
    """Parse NAME=VALUE; a value that is not JSON is taken as text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value, object_pairs_hook=_with_int_keys)
    except json.JSONDecodeError:
        return name, value


def _image_size(text: str) -> tuple[int, int]:
    """Parse H or HxW."""
    match = re.fullmatch("([1-9][0-9]*)(?:x([1-9][0-9]*))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a height, or HEIGHTxWIDTH")
    return int(match[1]), int(match[2] or match[1])


def _threshold(text: str) -> object:
    """Parse a number, a metric or a promise."""
    if text in METRICS:
        return text
    name, equals, value = text.partition("=")
    try:
        number = float(value if equals else text)
    except ValueError:
        number = math.nan
    if equals and name in PROMISES and 0 < number <= 1:
        return {name: number}
    if not equals and 0 <= number <= 1:
        return number
    raise argparse.ArgumentTypeError(
        f"{text!r} is none of: a number from 0 to 1; {' or '.join(METRICS)}; precision=P or recall=R, in which P and R "
        "are above 0 and up to 1"
    )


def _report(arguments) -> int:
    from . import report

    _use_file_backend()
    missing = report.missing_page_extra()
    if missing is not None:
        # Before the training, which may take long.
        print(f"sk-cifar-ovr: report.html will not be written: {missing}", file=sys.stderr)
    verbose = 0 if arguments.quiet else 1
    folder = report.check_writable(arguments.out)
    settings = dict(arguments.set)
    given = {"model": arguments.model, "epochs": arguments.epochs}
    settings = {**{name: value for name, value in given.items() if value is not None}, **settings}
    estimator = report.make_estimator(
        strategy=arguments.strategy,
        loss=arguments.loss,
        threshold=arguments.threshold,
        seed=arguments.seed,
        verbose=verbose,
        settings=settings,
    )
    options = report.ImageOptions(*(getattr(arguments, option.name) for option in fields(report.ImageOptions)))
    reading = {"options": options, "table": _table(arguments), "groups": arguments.groups}
    data = report.load_train_test_split(arguments.data, seed=arguments.seed, verbose=verbose, **reading)
    for note in data.notes:
        print(f"sk-cifar-ovr: {note}", file=sys.stderr)
    run, files = report.write_report(estimator, data, folder, loss=arguments.loss, command=arguments.command)
    print(report.markdown_summary(run))
    print("Written:")
    for path in files.paths:
        print(f"  {path}")
    for name, error in files.errors.items():
        print(f"sk-cifar-ovr: {name} was not written: {error}", file=sys.stderr)
    return 1 if files.errors else 0


def _table(arguments):
    """The columns of a CSV file, or None."""
    from . import report

    if arguments.path_column is arguments.label_columns is arguments.root is None:
        return None
    if arguments.path_column is None or arguments.label_columns is None:
        raise ValueError("A CSV file needs both --path-column and --label-columns.")
    columns = arguments.label_columns
    return report.LabelTable(arguments.path_column, columns[0] if len(columns) == 1 else columns, arguments.root)


def _use_file_backend() -> None:
    """Select matplotlib's backend for files: no window system is needed, whatever MPLBACKEND is."""
    try:
        import matplotlib
    except ImportError:
        return  # Each figure reports this error, and the rest of the report is written.
    matplotlib.use("agg")


def _predict(arguments) -> int:
    from . import report
    from ._shared.files import write_whole

    if arguments.csv:
        # Before any work is done.
        report.check_writable_file(arguments.csv)
    table, shown, skipped = report.predict_files(
        report.load_model(arguments.model),
        arguments.images,
        fit=arguments.fit,
        sixteen_bit=arguments.sixteen_bit,
        verbose=int(sys.stderr.isatty()),
    )
    if arguments.csv:
        write_whole(arguments.csv, lambda path: table.to_csv(path, index=False))
    print(shown.to_string(index=False))
    for path, reason in skipped.items():
        print(f"sk-cifar-ovr: {path} {reason}; left out", file=sys.stderr)
    return 1 if skipped else 0


def _info(arguments) -> int:
    from . import report

    if arguments.model is None:
        print(json.dumps(report.package_versions(), indent=1))
        return 0
    print(report.estimator_description(report.load_model(arguments.model)))
    return 0
