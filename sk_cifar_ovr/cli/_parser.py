"""The arguments of the command line, and the exit statuses."""

import argparse
import json
import math
import re
from pathlib import Path
from typing import Any

FITS = ("crop", "pad", "stretch")
SIXTEEN_BIT = ("refuse", "scale")
METRICS = ("f1", "balanced_accuracy")
PROMISES = ("precision", "recall")
EXIT_STATUSES = """\
exit status:
  0    everything was done
  1    something could not be done; standard error says what, and files that were written are whole
  2    the command line is not valid
  130  interrupted (Ctrl-C)
  143  ended by SIGTERM
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; its `command` is the name of a command."""
    with_statuses: dict[str, Any] = {
        "epilog": EXIT_STATUSES,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }
    parser = argparse.ArgumentParser(
        prog="sk-cifar-ovr", description="One-vs-rest deep image classification.", **with_statuses
    )
    parser.add_argument(
        "--debug", action="store_true", help="show tracebacks of errors, and warnings of libraries (before the command)"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="report|predict|info")
    _add_report(commands.add_parser("report", help="train, evaluate once and write a report", **with_statuses))
    _add_predict(commands.add_parser("predict", help="predict the classes of images", **with_statuses))
    _add_info(commands.add_parser("info", help="describe a model, or list the installed versions", **with_statuses))
    return parser


def _add_report(report: argparse.ArgumentParser) -> None:
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
    report.add_argument("--seed", type=_seed, default=0, metavar="N", help="from 0 to 4294967295")
    report.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_setting,
        help="any parameter of CNNClassifier, such as recipe=strong or loss__gamma=1.0; can be repeated",
    )
    report.add_argument("--out", type=Path, default=Path("ovr-report"), help="output folder")
    report.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted, in the same --out"
    )
    report.add_argument("--quiet", action="store_true", help="do not show progress")


def _add_predict(predict: argparse.ArgumentParser) -> None:
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


def _add_info(info: argparse.ArgumentParser) -> None:
    info.add_argument("model", type=Path, nargs="?")


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
    except (ValueError, RecursionError):  # thousands of digits or brackets are text as well
        return name, value


def _seed(text: str) -> int:
    """Parse a seed of NumPy."""
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 4294967295")
    return int(text)


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
