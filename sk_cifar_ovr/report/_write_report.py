"""Training, evaluation and the files of a report."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .._shared.files import check_folder, write_whole
from ..exceptions import MissingExtraError
from ..one_vs_rest import OneVsRestCNNClassifier
from ..persistence import save
from ._embedding import Embedding, draw_embedding, embed_test_images
from ._figures import PageFigure, figure_as_png, page_figures
from ._markdown import markdown_report
from ._metadata import run_as_json, run_settings
from ._resume import remove_checkpoints
from ._run import Run, evaluate, train, undefined_metrics_as_zero
from .data import TrainTestSplit

logger = logging.getLogger(__name__)


def check_writable(folder) -> Path:
    """Create the output folder and check that files can be written there.

    Raises
    ------
    OSError
        If not; the message names the folder.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_folder(folder)
    except OSError as error:
        raise OSError(f"Cannot write to the output folder {folder}: {error.strerror}. Name another one.") from error
    return folder


def check_writable_file(path: Path) -> None:
    """Raise an error if a file cannot be written.

    Raises
    ------
    OSError
        The message names the file.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file.")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no regular file; name another one.")
    try:
        check_folder(path.parent)
    except OSError as error:
        raise OSError(f"Cannot write {path}: {error.strerror}. Name another file.") from error


@dataclass
class ReportFiles:
    """Files of a report. A file that fails does not stop the rest.

    Attributes
    ----------
    folder : pathlib.Path
    paths : list of pathlib.Path
        Files written; none of them is incomplete.
    errors : dict of str to Exception
        What failed, by file name.
    """

    folder: Path
    paths: list[Path] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)

    def attempt(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the result of `make`, or None after recording its error under `name`."""
        try:
            return make()
        except Exception as error:
            logger.debug("%s could not be made", name, exc_info=True)
            self.errors[name] = error
            return None

    def write(self, name: str, write_to: Callable[[Path], Any]) -> None:
        """Write a file with a function that takes its path."""

        def write() -> None:
            write_whole(self.folder / name, write_to)
            self.paths.append(self.folder / name)

        self.attempt(name, write)

    def write_text(self, name: str, make_text: Callable[[], str]) -> None:
        """Write a text file with the result of a function."""
        self.write(name, lambda path: path.write_text(make_text(), encoding="utf-8"))


def write_report(
    estimator: OneVsRestCNNClassifier,
    data: TrainTestSplit,
    folder,
    *,
    loss: str = "focal",
    command: str | None = None,
    checkpoint: Path | None = None,
) -> tuple[Run, ReportFiles]:
    """Train, save the model, evaluate once on the test images and write every file of the report.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier
    data : TrainTestSplit
    folder : path-like
        An existing folder; see `check_writable`.
    loss : str, default="focal"
        Name of the loss in the report.
    command : str or None, default=None
        Command that repeats the run.
    checkpoint : pathlib.Path or None, default=None
        Folder of checkpoints, from which a run that was killed goes on; removed when the report is written.

    Returns
    -------
    run : Run
    files : ReportFiles
    """
    files = ReportFiles(Path(folder))
    minutes = train(estimator, data, checkpoint)
    files.write("model.skovr", partial(save, estimator))
    settings = run_settings(estimator, loss=loss, command=command)
    run = evaluate(estimator, data, settings=settings, training_minutes=minutes)
    with undefined_metrics_as_zero():
        _write_evaluation(run, files)
    if "model.skovr" not in files.errors:
        remove_checkpoints(checkpoint)
    return run, files


def _write_evaluation(run: Run, files: ReportFiles) -> None:
    """Write everything but the model."""
    files.write("ovr_table.csv", lambda path: run.report.to_csv(path, run.reference))
    files.write_text("metrics.json", lambda: json.dumps(run_as_json(run), indent=1) + "\n")
    files.write_text("report.md", lambda: markdown_report(run))
    figures = _draw_figures(run, files)
    embedding = files.attempt("tsne.png", partial(embed_test_images, run))
    if embedding is not None:
        files.write("tsne.png", lambda path: path.write_bytes(figure_as_png(draw_embedding(run, embedding))))
    no_embedding = str(files.errors.get("tsne.png", ""))
    files.write_text("report.html", lambda: _html_page(run, embedding, figures, no_embedding))


def missing_page_extra() -> str | None:
    """Return what to install before `report.html` can be written, or None if nothing is missing."""
    if find_spec("bokeh") is None:
        return "it needs Bokeh: pip install bokeh"
    return None


def _html_page(
    run: Run, embedding: Embedding | None, figures: list[tuple[PageFigure, bytes]], no_embedding: str
) -> str:
    missing = missing_page_extra()
    if missing is not None:
        raise MissingExtraError(missing)
    from .page import html_page

    return html_page(run, embedding, figures, no_embedding=no_embedding)


def _draw_figures(run: Run, files: ReportFiles) -> list[tuple[PageFigure, bytes]]:
    """Draw the figures of the page; the confusion counts are also written to a file."""
    drawn = []
    for figure in page_figures(run):
        is_file = figure.name == "confusion"
        name = "confusion.png" if is_file else f"{figure.name} (in report.html)"
        png = files.attempt(name, figure.png)
        if png is not None:
            drawn.append((figure, png))
            if is_file:
                files.write(name, partial(Path.write_bytes, data=png))
    return drawn
