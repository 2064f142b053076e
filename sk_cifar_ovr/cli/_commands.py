"""The commands: arguments -> calls of `report`, and what they print."""

import json
import sys
from collections.abc import Callable
from dataclasses import fields

from ._console import Console, show


def _report(arguments, console: Console) -> int:
    from .. import report

    _use_file_backend()
    missing = report.missing_page_extra()
    if missing is not None:
        # Before the training, which may take long.
        console.tell(f"report.html will not be written: {missing}")
    verbose = 0 if arguments.quiet else 1
    folder = report.check_writable(arguments.out)
    settings = dict(arguments.set)
    checkpoint = None if "checkpoint" in settings else report.checkpoint_folder(folder, resume=arguments.resume)
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
        console.tell(note)
    run, files = report.write_report(
        estimator, data, folder, loss=arguments.loss, command=arguments.command_line, checkpoint=checkpoint
    )
    show(report.markdown_summary(run))
    show("\n".join(["Written:", *(f"  {path}" for path in files.paths)]))
    for name, error in files.errors.items():
        console.tell(f"{name} was not written: {console.as_text(error)}")
    return 1 if files.errors else 0


def _table(arguments):
    """The columns of a CSV file, or None."""
    from .. import report

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


def _predict(arguments, console: Console) -> int:
    from .. import report
    from .._shared.files import write_whole

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
    show(shown.to_string(index=False))
    for path, reason in skipped.items():
        console.tell(f"{path} {reason}; left out")
    return 1 if skipped else 0


def _info(arguments, console: Console) -> int:
    from .. import report

    if arguments.model is None:
        show(json.dumps(report.package_versions(), indent=1))
        return 0
    show(report.estimator_description(report.load_model(arguments.model)))
    return 0


COMMANDS: dict[str, Callable[..., int]] = {"report": _report, "predict": _predict, "info": _info}
