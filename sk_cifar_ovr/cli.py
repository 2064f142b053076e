"""The command line: thin, over the same calls as Python."""

import argparse
import json
import logging
import os
import re
import shlex
import sys
from pathlib import Path


def main(argv=None) -> int:
    """Run ``sk-cifar-ovr``.

    Parameters
    ----------
    argv : list of str or None
        Arguments; None takes the process's.

    Returns
    -------
    int
        0 where all that was asked for was done; 1 where it was not, which is said on standard error; 130 where it
        was interrupted.
    """
    arguments = _parser().parse_args(argv)
    arguments.command = shlex.join(["sk-cifar-ovr", *(sys.argv[1:] if argv is None else argv)])
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        _start_backend()
        return arguments.run(arguments)
    except (ValueError, OSError, ArithmeticError, TypeError) as error:
        print(f"sk-cifar-ovr: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsk-cifar-ovr: interrupted; files that were written are whole", file=sys.stderr)
        return 130


def _start_backend() -> None:
    """Import Keras and touch its device without TensorFlow's notices, which no log level silences."""
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

    report = commands.add_parser("report", help="train, test once and write a report")
    report.add_argument("--data", default="digits", help="digits, cifar10, or an image folder or archive")
    report.add_argument("--strategy", default="joint", choices=["joint", "independent"])
    report.add_argument("--loss", default="focal", choices=["focal", "weighted", "crossentropy"])
    report.add_argument("--epochs", type=int, default=10)
    report.add_argument("--seed", type=int, default=0)
    report.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_setting,
        help="any parameter of CNNClassifier, such as recipe=strong or loss__gamma=1.0; may be given again",
    )
    report.add_argument("--out", type=Path, default=Path("ovr-report"), help="folder to write to")
    report.add_argument("--quiet", action="store_true", help="no progress")
    report.set_defaults(run=_report)

    predict = commands.add_parser("predict", help="answer for images")
    predict.add_argument("model", type=Path, help="a model written by report or save")
    predict.add_argument("images", type=Path, nargs="+", help="image files, or folders of them")
    predict.add_argument("--resize", action="store_true", help="bring images of another size to that of the model")
    predict.add_argument("--csv", type=Path, help="also write the table to this file; an old one is replaced")
    predict.set_defaults(run=_predict)

    info = commands.add_parser("info", help="what a saved model is, or which versions are installed")
    info.add_argument("model", type=Path, nargs="?")
    info.set_defaults(run=_info)
    return parser


def _with_numbers(pairs: list[tuple[str, object]]) -> dict[object, object]:
    """A JSON object whose keys are labels: JSON has numbers only as text there."""
    return {int(key) if re.fullmatch("-?(0|[1-9][0-9]*)", key) else key: value for key, value in pairs}


def _setting(text: str) -> tuple[str, object]:
    """A name and a value: JSON where it is, else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value, object_pairs_hook=_with_numbers)
    except json.JSONDecodeError:
        return name, value


def _report(arguments) -> int:
    from . import report
    from .report import load_split

    _draw_without_windows()
    needed = report.page_needs()
    if needed is not None:
        # Said before the training too, which may take long.
        print(f"sk-cifar-ovr: report.html will not be written: {needed}", file=sys.stderr)
    verbose = 0 if arguments.quiet else 1
    folder = report.check_writable(arguments.out)
    estimator = report.make_estimator(
        strategy=arguments.strategy,
        loss=arguments.loss,
        epochs=arguments.epochs,
        seed=arguments.seed,
        verbose=verbose,
        settings=dict(arguments.set),
    )
    data = load_split(arguments.data, seed=arguments.seed, verbose=verbose)
    result, written = report.run(estimator, data, folder, loss=arguments.loss, command=arguments.command)
    print(report.summary(result))
    print("Written:")
    for path in written.files:
        print(f"  {path}")
    for name, error in written.faults.items():
        print(f"sk-cifar-ovr: {name} was not written: {error}", file=sys.stderr)
    return 1 if written.faults else 0


def _draw_without_windows() -> None:
    """Pictures go to files: no window system is needed, whatever MPLBACKEND says."""
    try:
        import matplotlib
    except ImportError:
        return  # each picture says so, and all else is written
    matplotlib.use("agg")


def _predict(arguments) -> int:
    import numpy as np
    import pandas as pd

    from ._shared.files import write_whole
    from .datasets import read_image_files
    from .metrics import positive_probabilities
    from .persistence import load

    if arguments.csv:
        _check_csv(arguments.csv)
    estimator = load(arguments.model)
    if len(estimator.image_shape_) != 3:
        raise ValueError(
            f"{arguments.model} was trained on flat rows of {estimator.image_shape_[0]} values: train it with "
            "image_shape=(height, width, channels) to have it read image files."
        )
    paths, images, skipped = read_image_files(
        arguments.images, shape=estimator.image_shape_, resize=arguments.resize, verbose=int(sys.stderr.isatty())
    )
    scale = getattr(estimator, "estimators_", [estimator])[0].pixel_scale_
    if scale != 1:
        # It was trained on 0-1.
        images = images / np.float32(scale)
    names = [str(label) for label in estimator.classes_]
    columns = {"image": paths, "predicted": estimator.predict(images)}
    shown = dict(columns)
    if hasattr(estimator, "predict_ovr"):
        answers = np.asarray(estimator.predict_ovr(images))
        columns |= {f"is {name}": answer for name, answer in zip(names, answers.T, strict=True)}
        shown["yes"] = [", ".join(name for name, yes in zip(names, row, strict=True) if yes) or "-" for row in answers]
    probabilities = positive_probabilities(estimator, images)
    for name, probability in zip(names, probabilities.T, strict=True):
        columns[f"probability of {name}"] = probability
        shown[f"{name} %"] = [f"{100 * value:.1f}" for value in probability]
    print(pd.DataFrame(shown).to_string(index=False))
    for path in skipped:
        print(f"sk-cifar-ovr: {path} cannot be read as an 8-bit image; left out", file=sys.stderr)
    if arguments.csv:
        write_whole(arguments.csv, lambda path: pd.DataFrame(columns).to_csv(path, index=False))
    return 1 if skipped else 0


def _check_csv(path: Path) -> None:
    """Refuse a file that cannot be written before the work that it shall hold."""
    from ._shared.files import check_folder

    if path.is_dir():
        raise IsADirectoryError(f"--csv {path} is a folder; name a file.")
    try:
        check_folder(path.parent)
    except OSError as error:
        raise OSError(f"Cannot write {path}: {error.strerror}. Name another file.") from error


def _info(arguments) -> int:
    from . import report

    if arguments.model is None:
        print(json.dumps(report.versions(), indent=1))
        return 0
    from .persistence import load

    estimator = load(arguments.model)
    print(estimator)
    print(f"classes: {', '.join(map(str, estimator.classes_))}")
    networks = getattr(estimator, "estimators_", [estimator])
    print(f"images: {estimator.image_shape_}, {networks[0].model_.count_params():,} parameters a network")
    return 0
