"""Tables and pictures of docs/accuracy.rst, docs/losses.rst, docs/speed.rst and the README from result files.

    python benchmarks/docs_figures.py        # seconds; trains nothing and reads no images

Reads benchmarks/results/ and writes docs/tables/*.csv, docs/images/*.png and the README's table of classes. Of the
loss study, seeds that are not yet whole are left out.
"""

import json
import re

import growth
import numpy as np
import pandas as pd
from _common import RESULTS, ROOT
from _loss_tables import table_of_losses, table_of_weights
from _speed_tables import TABLES as SPEED_TABLES
from _study import SETTINGS, setting, trainings
from _study_plots import plot_curves, plot_figures
from accuracy import RUNS

from sk_cifar_ovr.metrics import OvRReport, reference_table

TABLES, IMAGES, README = ROOT / "docs" / "tables", ROOT / "docs" / "images", ROOT / "README.md"
README_COLUMNS = {
    "accuracy": "accuracy",
    "class_precision": "precision",
    "class_recall": "recall",
    "class_f1": "F1",
    "macro_f1": "macro F1",
}
COLUMNS = {"at_half": "at 0.5", "at_chosen": "at chosen thresholds", "argmax": "argmax"}


def runs():
    """Result files of final trainings, scored on the test images, by the name of the run and the seed."""
    found = {}
    for path in sorted((RESULTS / "accuracy").glob("*.json")):
        result = json.loads(path.read_text())
        if result["scored_on"] == "test images":
            found.setdefault(path.stem.rsplit("_seed", 1)[0], {})[result["seed"]] = result
    return found


def reported():
    """The README's report of ten separate networks, laid out like the other runs."""
    metrics = json.loads((RESULTS / "cifar10_independent_focal" / "metrics.json").read_text())
    return {
        "strategy": "independent",
        "epochs": metrics["settings"]["epochs"],
        "minutes": metrics["minutes"],
        "parameters_each": 288_162,
        "classes": metrics["classes"],
        "confusion": {"at_half": metrics["confusion"], "argmax": metrics["confusion_argmax"]},
    }


def frame(result, column):
    """Figures of every class at one kind of threshold."""
    return OvRReport(np.array(result["classes"]), np.array(result["confusion"][column])).frame()


def spread(values):
    """A mean of percents, and the lowest and highest where there are several."""
    values = 100 * np.asarray(values)
    return f"{values.mean():.1f}" + (f" ({values.min():.1f}-{values.max():.1f})" if len(values) > 1 else "")


def table_of_runs(by_name):
    """One row a run: what was trained, for how long, and the mean F1 of its classes."""
    rows = []
    for name, results in by_name.items():
        first = next(iter(results.values()))
        row = {
            "run": f"``{name}``",
            "networks": 10 if first["strategy"] == "independent" else 1,
            "parameters with one head": f"{first['parameters_each']:,}",
            "epochs": first["epochs"],
            "seeds": len(results),
            "minutes": f"{np.mean([result['minutes']['training'] for result in results.values()]):.0f}",
        }
        for column, words in COLUMNS.items():
            scored = [frame(result, column) for result in results.values() if column in result["confusion"]]
            row[f"F1 {words}"] = spread([each["class_f1"].mean() for each in scored]) if scored else None
            if column == "at_half":
                row["macro F1 at 0.5"] = spread([each["macro_f1"].mean() for each in scored])
        rows.append(row)
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def table_of_classes(by_name):
    """F1 of each class at 0.5, means over seeds, beside the reference's."""
    reference = reference_table()["class_f1"].to_numpy()
    columns = {"reference": reference}
    for name, results in by_name.items():
        columns[f"``{name}``"] = np.mean([frame(result, "at_half")["class_f1"] for result in results.values()], axis=0)
    classes = next(iter(next(iter(by_name.values())).values()))["classes"]
    table = pd.DataFrame(columns, index=pd.Index(classes, name="class"))
    return pd.concat([table, table.mean().to_frame("mean").T.rename_axis("class")])


def table_of_readme(results):
    """Markdown of each class at 0.5, means over seeds, the reference in brackets."""
    reference = 100 * reference_table()[list(README_COLUMNS)]
    ours = 100 * np.mean([frame(result, "at_half")[list(README_COLUMNS)] for result in results.values()], axis=0)
    classes = next(iter(results.values()))["classes"]
    lines = [f"| class | {' | '.join(README_COLUMNS.values())} |", "| --- |" + " ---: |" * len(README_COLUMNS)]
    for name, own, theirs in zip(classes, ours, reference.to_numpy(), strict=True):
        lines.append(f"| {name} | {' | '.join(f'{a:.1f} ({b:.1f})' for a, b in zip(own, theirs, strict=True))} |")
    means = zip(ours.mean(axis=0), reference.mean(), strict=True)
    lines.append(f"| **mean** | {' | '.join(f'**{a:.1f}** ({b:.1f})' for a, b in means)} |")
    return "\n".join(lines)


def write_readme(table):
    """Put the table where the README has its place."""
    begin, end = "<!-- table: independent -->\n", "\n<!-- end of table -->"
    text, n = re.subn(f"(?s)(?<={begin}).*(?={end})", lambda _: table, README.read_text())
    if n != 1:
        raise SystemExit(f"{README.name} has {n} places for the table, and should have one.")
    README.write_text(text)


def plot_classes(table, path):
    """F1 of each class: one row a class, one mark a run, these a little above one another."""
    import matplotlib.pyplot as plt

    from sk_cifar_ovr.plots import class_style

    figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
    places = np.arange(len(table))[::-1]
    for k, column in enumerate(table.columns):
        look = {"color": "black", "marker": "|", "markersize": 14} if k == 0 else class_style(k - 1)
        heights = places + 0.16 * ((len(table.columns) - 1) / 2 - k) if k else places
        ax.plot(100 * table[column], heights, **{**look, "linestyle": "none"}, label=column.strip("`"))
    ax.set(yticks=places, yticklabels=table.index, xlabel="F1 at 0.5, percent")
    ax.grid(axis="x", alpha=0.3)
    ax.axhline(0.5, color="black", linewidth=0.8)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main():
    TABLES.mkdir(exist_ok=True)
    by_name = {"independent_report": {0: reported()}, **runs()}
    table_of_runs(by_name).to_csv(TABLES / "accuracy_runs.csv", index=False)
    classes = table_of_classes({name: by_name[name] for name in RUNS if name in by_name})
    (100 * classes).round(1).to_csv(TABLES / "accuracy_classes.csv")
    plot_classes(classes, IMAGES / "accuracy_classes.png")
    write_readme(table_of_readme(by_name["independent"]))
    study = trainings()
    for strategy, ratio in SETTINGS:
        table_of_losses(setting(study, strategy, ratio), ratio).to_csv(
            TABLES / f"losses_{strategy}_{ratio}.csv", index=False
        )
    table_of_weights(study).to_csv(TABLES / "losses_weights.csv", index=False)
    plot_figures(study, IMAGES / "losses.png")
    plot_curves(study, IMAGES / "losses_by_epoch.png")
    for name, table in SPEED_TABLES.items():
        table().to_csv(TABLES / f"{name}.csv", index=False)
    growth.plot(IMAGES / "growth.png")


if __name__ == "__main__":
    main()
