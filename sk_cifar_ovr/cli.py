"""Command line: `sk-cifar-ovr report`, `predict` and `info`, a thin layer over the Python API."""

import argparse
import json
import logging
import os
import re
import shlex
import sys
from pathlib import Path


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
    report.add_argument("--data", default="digits", help="digits, cifar10, or the path of an image folder or archive")
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
        help="any parameter of CNNClassifier, such as recipe=strong or loss__gamma=1.0; can be repeated",
    )
    report.add_argument("--out", type=Path, default=Path("ovr-report"), help="output folder")
    report.add_argument("--quiet", action="store_true", help="do not show progress")
    report.set_defaults(run=_report)

    predict = commands.add_parser("predict", help="predict the classes of images")
    predict.add_argument("model", type=Path, help="model saved by report or by save")
    predict.add_argument("images", type=Path, nargs="+", help="image files, or folders of them")
    predict.add_argument("--resize", action="store_true", help="resize images to the size the model was trained on")
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


def _report(arguments) -> int:
    from . import report

    _use_file_backend()
    missing = report.missing_page_extra()
    if missing is not None:
        # Before the training, which may take long.
        print(f"sk-cifar-ovr: report.html will not be written: {missing}", file=sys.stderr)
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
    data = report.load_train_test_split(arguments.data, seed=arguments.seed, verbose=verbose)
    run, files = report.write_report(estimator, data, folder, loss=arguments.loss, command=arguments.command)
    print(report.markdown_summary(run))
    print("Written:")
    for path in files.paths:
        print(f"  {path}")
    for name, error in files.errors.items():
        print(f"sk-cifar-ovr: {name} was not written: {error}", file=sys.stderr)
    return 1 if files.errors else 0


def _use_file_backend() -> None:
    """Select matplotlib's backend for files: no window system is needed, whatever MPLBACKEND is."""
    try:
        import matplotlib
    except ImportError:
        return  # Each figure reports this error, and the rest of the report is written.
    matplotlib.use("agg")


def _predict(arguments) -> int:
    import numpy as np

    from ._shared.files import write_whole
    from .datasets import read_image_files
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
    scale = _networks(estimator)[0].pixel_scale_
    if scale != 1:
        # The model was trained on pixels between 0 and 1.
        images = images / np.float32(scale)
    table, shown = _prediction_tables(estimator, paths, images)
    print(shown.to_string(index=False))
    for path in skipped:
        print(f"sk-cifar-ovr: {path} cannot be read as an 8-bit image; left out", file=sys.stderr)
    if arguments.csv:
        write_whole(arguments.csv, lambda path: table.to_csv(path, index=False))
    return 1 if skipped else 0


def _prediction_tables(estimator, paths, images):
    """Return the predictions as two tables: one for a CSV file, and one to print."""
    import numpy as np
    import pandas as pd

    from .metrics import positive_probabilities

    names = [str(label) for label in estimator.classes_]
    columns = {"image": paths, "predicted": estimator.predict(images)}
    shown = dict(columns)
    if hasattr(estimator, "predict_ovr"):
        answers = np.asarray(estimator.predict_ovr(images))
        columns |= {f"is {name}": answer for name, answer in zip(names, answers.T, strict=True)}
        shown["yes"] = [", ".join(name for name, yes in zip(names, row, strict=True) if yes) or "-" for row in answers]
    for name, probability in zip(names, positive_probabilities(estimator, images).T, strict=True):
        columns[f"probability of {name}"] = probability
        shown[f"{name} %"] = [f"{100 * value:.1f}" for value in probability]
    return pd.DataFrame(columns), pd.DataFrame(shown)


def _networks(estimator) -> list:
    """Return the fitted `CNNClassifier` objects of a one-vs-rest classifier, or the one classifier."""
    return getattr(estimator, "estimators_", [estimator])


def _check_csv(path: Path) -> None:
    """Raise an error before any work is done if the file cannot be written."""
    from ._shared.files import check_folder

    if path.is_dir():
        raise IsADirectoryError(f"--csv {path} is a folder; name a file.")
    try:
        check_folder(path.parent)
    except OSError as error:
        raise OSError(f"Cannot write {path}: {error.strerror}. Name another file.") from error


def _info(arguments) -> int:
    if arguments.model is None:
        from .report import package_versions

        print(json.dumps(package_versions(), indent=1))
        return 0
    from .persistence import load

    estimator = load(arguments.model)
    print(estimator)
    print(f"classes: {', '.join(map(str, estimator.classes_))}")
    n_parameters = _networks(estimator)[0].model_.count_params()
    print(f"images: {estimator.image_shape_}, {n_parameters:,} parameters a network")
    return 0
