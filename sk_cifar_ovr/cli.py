"""The command line: thin, over the same calls as Python."""

import argparse
import json
import logging
import os
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
        0 where all that was asked for was done; 1 where it was not, which is said on standard error.
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
    predict.add_argument("--csv", type=Path, help="also write the table to this file")
    predict.set_defaults(run=_predict)

    info = commands.add_parser("info", help="what a saved model is, or which versions are installed")
    info.add_argument("model", type=Path, nargs="?")
    info.set_defaults(run=_info)
    return parser


def _setting(text: str) -> tuple[str, object]:
    """A name and a value: JSON where it is, else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _report(arguments) -> int:
    import matplotlib

    from . import report
    from ._split import load_split

    # Pictures go to files: no window system is needed, whatever MPLBACKEND says.
    matplotlib.use("agg")
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


def _predict(arguments) -> int:
    import pandas as pd

    from .datasets import read_image_files
    from .persistence import load

    estimator = load(arguments.model)
    paths, images = read_image_files(arguments.images, shape=estimator.image_shape_)
    table = pd.DataFrame({"image": paths, "predicted": estimator.predict(images)})
    if hasattr(estimator, "predict_ovr"):
        answers = estimator.predict_ovr(images)
        for k, label in enumerate(estimator.classes_):
            table[f"is {label}"] = answers[:, k]
    print(table.to_string(index=False))
    if arguments.csv:
        table.to_csv(arguments.csv, index=False)
    return 0


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
