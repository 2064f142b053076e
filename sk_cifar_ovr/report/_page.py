"""The report of a run as one page that needs no network."""

from base64 import b64encode
from typing import Any

from bokeh.embed import components
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from ..metrics import worst_mistakes
from ._map import Map
from ._page_map import explorer
from ._page_table import table
from ._pictures import DPI, Picture
from ._run import Run, facts, layers
from ._thumbnails import data_uris

# Characters that images of mistakes may take together.
MISTAKES_BUDGET = 1_000_000
# CSS pixels an inch.
SCREEN = 96


def page(result: Run, found: Map | None, drawn: list[tuple[Picture, bytes]], *, no_map: str = "") -> str:
    """The whole page.

    Parameters
    ----------
    result : Run
    found : Map or None
    drawn : list of Picture and PNG
    no_map : str, default=""
        Why there is no map.

    Returns
    -------
    str
    """
    script, parts = components({"table": table(result), **({} if found is None else explorer(result, found))})
    rows, total = layers(result.estimator.estimators_[0].model_)
    environment = Environment(loader=PackageLoader(__package__), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(
        origin=result.data.origin,
        classes=result.estimator.classes_,
        n_test=f"{len(result.truth):,}",
        figures=_figures(result),
        has_reference=result.reference is not None,
        map_title=found and found.title,
        no_map=no_map,
        mistakes=_mistakes(result),
        pictures=[_embedded(picture, png) for picture, png in drawn],
        facts=facts(result),
        layers=rows,
        total=total,
        # Ours or Bokeh's own; all else is escaped.
        parts={name: Markup(part) for name, part in parts.items()},
        script=Markup(script),
        # What the page uses; of the other parts of Bokeh mathematics alone takes 1.8 MB.
        resources=Markup(Resources("inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"]).render()),
    )


def _figures(result: Run) -> list[tuple[str, str, str]]:
    """What the page begins with: a label, the mean over classes, the reference's or nothing."""
    mean, by_label, reference = result.table.mean(imbalance=True), result.argmax.mean(), result.reference
    found = []
    for label, column in (
        ("Mean class F1", "class_f1"),
        ("Mean macro F1", "macro_f1"),
        ("Mean accuracy", "accuracy"),
    ):
        other = "" if reference is None else f"{100 * reference[column].mean():.1f}"
        found.append((label, f"{100 * mean[column]:.1f} %", other))
    return [
        *found,
        ("Mean class F1 by argmax", f"{100 * by_label['class_f1']:.1f} %", ""),
        ("Mean average precision", f"{mean['average_precision']:.3f}", ""),
        ("Mean calibration error", f"{mean['calibration_error']:.3f}", ""),
    ]


def _mistakes(result: Run) -> list[tuple[str, list[tuple[str, list[dict[str, Any]]]]]]:
    """For each class, for each kind of mistake, its images."""
    worst = worst_mistakes(result.truth, result.answers, result.probabilities, classes=result.estimator.classes_)
    rows = worst["row"].unique()
    uris = dict(zip(rows.tolist(), data_uris(result.data.X_test[rows], budget=MISTAKES_BUDGET), strict=True))
    found = []
    for label in result.estimator.classes_.tolist():
        kinds = []
        for kind, heading in (("missed", "Missed"), ("false yes", "False yes")):
            chosen = worst[(worst["class"] == label) & (worst["mistake"] == kind)]
            images = [
                {"uri": uris[row], "row": row, "true": true, "percent": f"{100 * probability:.0f} %"}
                for row, true, probability in zip(chosen["row"], chosen["true"], chosen["probability"], strict=True)
            ]
            kinds.append((heading, images))
        found.append((label, kinds))
    return found


def _embedded(picture: Picture, png: bytes) -> dict[str, Any]:
    # The width of a PNG stands in bytes 16 to 19.
    width = int.from_bytes(png[16:20])
    return {
        "name": picture.name,
        "title": picture.title,
        "caption": picture.caption,
        "uri": f"data:image/png;base64,{b64encode(png).decode()}",
        "width": round(width * SCREEN / DPI),
    }
