"""The report of a run as one HTML page without external files."""

from base64 import b64encode
from typing import Any

from bokeh.embed import components
from bokeh.model import Model
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from .._embedding import Embedding
from .._figures import DPI, PageFigure
from .._metadata import PROMISE_HEADINGS, layer_table, promise_note, promise_rows, run_description
from .._run import Run
from ._html_embedding import interactive_embedding
from ._image_panels import copies, mistakes
from ._table import sortable_table

CSS_PIXELS_PER_INCH = 96


def html_page(
    run: Run, embedding: Embedding | None, figures: list[tuple[PageFigure, bytes]], *, no_embedding: str = ""
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    run : Run
    embedding : Embedding or None
    figures : list of (PageFigure, PNG)
    no_embedding : str, default=""
        Why there is no embedding.

    Returns
    -------
    str
    """
    models: dict[str, Model] = {"table": sortable_table(run)}
    if embedding is not None:
        models |= interactive_embedding(run, embedding)
    script, divs = components(models)
    layers, total = layer_table(run)
    environment = Environment(loader=PackageLoader(__package__), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(
        origin=run.data.origin,
        classes=run.estimator.classes_,
        n_test=f"{len(run.y_true):,}",
        means=_means(run),
        has_reference=run.reference is not None,
        multilabel=run.data.multilabel,
        promises=promise_rows(run),
        promise_headings=PROMISE_HEADINGS,
        promise_note=promise_note(run),
        embedding_title=embedding and embedding.title,
        no_embedding=no_embedding,
        mistakes=mistakes(run),
        copies=copies(run),
        n_copies=len(run.data.copies or ()),
        copies_note=run.data.copies_note,
        not_measured_note=run.not_measured_note,
        n_measured=int(run.report.measured.sum()),
        figures=[_embedded(figure, png) for figure, png in figures],
        description=run_description(run),
        layers=layers,
        total=total,
        # Generated here or by Bokeh; everything else is escaped.
        bokeh={name: Markup(div) for name, div in divs.items()},
        script=Markup(script),
        # Only the components in use: MathJax alone takes 1.8 MB.
        resources=Markup(Resources("inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"]).render()),
    )


def _means(run: Run) -> list[tuple[str, str, str]]:
    """Labels, means over classes, and means of the reference (or empty text) at the top of the page."""
    mean, reference = run.report.mean(imbalance=True), run.reference
    argmax = []
    if run.argmax_report is not None:
        argmax = [("Mean class F1 by argmax", f"{100 * run.argmax_report.mean()['class_f1']:.1f} %", "")]
    percents = {"Mean class F1": "class_f1", "Mean macro F1": "macro_f1", "Mean accuracy": "accuracy"}
    return [
        *(
            (
                label,
                f"{100 * mean[column]:.1f} %",
                "" if reference is None else f"{100 * reference[column].mean():.1f}",
            )
            for label, column in percents.items()
        ),
        *argmax,
        ("Mean average precision", f"{mean['average_precision']:.3f}", ""),
        ("Mean calibration error", f"{mean['calibration_error']:.3f}", ""),
    ]


def _embedded(figure: PageFigure, png: bytes) -> dict[str, Any]:
    # Bytes 16 to 19 of a PNG are its width.
    width = int.from_bytes(png[16:20])
    return {
        "name": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "uri": f"data:image/png;base64,{b64encode(png).decode()}",
        "width": round(width * CSS_PIXELS_PER_INCH / DPI),
    }
