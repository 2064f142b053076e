"""A run written to a folder: tables, figures for machines, pictures and the saved model."""

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
from ._data import Split
from ._map import Map, draw_map, make_map
from ._markdown import markdown
from ._pictures import Picture, figure_png, pictures
from ._run import Run, examine, record, train

logger = logging.getLogger(__name__)


def check_writable(folder) -> Path:
    """Make the output folder and prove that a file can be written there.

    Raises
    ------
    OSError
        Naming the folder.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_folder(folder)
    except OSError as error:
        raise OSError(f"Cannot write to the output folder {folder}: {error.strerror}. Name another one.") from error
    return folder


@dataclass
class Written:
    """The parts of a report: those that stand in its folder, and those at fault.

    Attributes
    ----------
    folder : pathlib.Path
    files : list of pathlib.Path
        Written, each of them whole.
    faults : dict of str to Exception
        What kept the others from being written, by their names.
    """

    folder: Path
    files: list[Path] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)

    def attempt(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what `make` does; a fault is kept, to stop no other part, and None returned."""
        try:
            return make()
        except Exception as error:
            logger.debug("%s could not be made", name, exc_info=True)
            self.faults[name] = error
            return None

    def file(self, name: str, write_to: Callable[[Path], Any]) -> None:
        """Write one file: under a temporary name first, so that no half of it is left behind."""
        self.attempt(name, lambda: self._whole(name, write_to))

    def _whole(self, name: str, write_to: Callable[[Path], Any]) -> None:
        write_whole(self.folder / name, write_to)
        self.files.append(self.folder / name)


def run(
    estimator: OneVsRestCNNClassifier, data: Split, folder, *, loss: str = "focal", command: str | None = None
) -> tuple[Run, Written]:
    """Train, save the model, read the test images once and write every part of the report.

    A part's fault keeps no other from being written.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier
    data : Split
    folder : path-like
        An existing folder; see `check_writable`.
    loss : str, default="focal"
        What the report calls the loss.
    command : str or None, default=None
        What to type to repeat the run.

    Returns
    -------
    result : Run
    written : Written
    """
    written = Written(Path(folder))
    minutes = train(estimator, data)
    written.file("model.skovr", partial(save, estimator))
    result = examine(estimator, data, training_minutes=minutes, loss=loss, command=command)
    written.file("ovr_table.csv", lambda path: result.table.to_csv(path, result.reference))
    written.file("metrics.json", lambda path: _write_text(path, json.dumps(record(result), indent=1) + "\n"))
    written.file("report.md", lambda path: _write_text(path, markdown(result)))
    drawn = _draw(result, written)
    for png in (png for picture, png in drawn if picture.name == "confusion"):
        written.file("confusion.png", partial(Path.write_bytes, data=png))
    found = written.attempt("tsne.png", partial(make_map, result))
    if found is not None:
        written.file("tsne.png", lambda path: path.write_bytes(figure_png(draw_map(result, found))))
    no_map = str(written.faults.get("tsne.png", ""))
    written.file("report.html", lambda path: _write_text(path, _page(result, found, drawn, no_map)))
    return result, written


def page_needs() -> str | None:
    """What to install before `report.html` can be written; None where all is there."""
    if find_spec("bokeh") is None:
        return "it needs Bokeh: pip install bokeh"
    return None


def _page(result: Run, found: Map | None, drawn: list[tuple[Picture, bytes]], no_map: str) -> str:
    needed = page_needs()
    if needed is not None:
        raise MissingExtraError(needed)
    from ._page import page

    return page(result, found, drawn, no_map=no_map)


def _draw(result: Run, written: Written) -> list[tuple[Picture, bytes]]:
    """Draw the pictures of the page, one of which is a file of its own too."""
    drawn = []
    for picture in pictures(result):
        name = "confusion.png" if picture.name == "confusion" else f"{picture.name} (in report.html)"
        png = written.attempt(name, picture.png)
        if png is not None:
            drawn.append((picture, png))
    return drawn


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
