"""A report of classes of which some have no test image, and of images that stand on both sides."""

import json

import numpy as np
import pandas as pd
import pytest
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, report
from sk_cifar_ovr.report._figures import page_figures
from sk_cifar_ovr.report.data import TrainTestSplit
from sk_cifar_ovr.report.data._copies import find_copies
from sk_cifar_ovr.report.page._image_panels import N_COPIES, copies
from sk_cifar_ovr.report.page._table import sortable_table

NAMES = [f"number {k}" for k in range(10)]
NOTE = (
    "2 of 10 classes are trained on but not measured (fewer than 5 images): number 3 (4), number 8 (1). "
    "Means are over the other classes."
)
MULTILABEL = [False, True]


@pytest.fixture(scope="module", params=MULTILABEL, ids=["plain", "matrix"])
def run(request, digits, tmp_path_factory):
    """A run on 360 digits: four 3s and one 8 in training, none in the test part; 30 test images are in training too."""
    X, y = digits
    few = {3: 4, 8: 1}
    rows = {k: np.flatnonzero(y == k)[: few.get(k)] for k in range(10)}
    train = np.concatenate([rows[k] if k in few else rows[k][:20] for k in range(10)])
    test = np.concatenate([rows[k][20:] for k in range(10) if k not in few] + [rows[0][:20], rows[1][:10]])
    target = np.eye(10)[y] if request.param else y
    data = TrainTestSplit(
        X[train],
        target[train],
        X[test],
        target[test],
        NAMES,
        "0" * 64,
        "digits",
        held_out=True,
        skipped_classes={"number 10": 3, "number 11": 0},
        grouped="165 groups by column 'writer'; the largest holds 1 images",
        names_train=[f"train {i}" for i in train],
        names_test=[f"test {i}.jpg | old" for i in test],
        copies=find_copies(X[train], X[test]),
    )
    base = CNNClassifier(dense, epochs=15, batch_size=20, recipe=None, optimizer__learning_rate=0.01, random_state=0)
    options = {"threshold": {"number 3": {"precision": 0.5}}, "cv": 2}
    folder = tmp_path_factory.mktemp("report")
    with pytest.warns(UserWarning, match="number 3"):
        result, files = report.write_report(OneVsRestCNNClassifier(base, **options), data, folder)
    assert not files.errors
    return result, folder


def test_classes_without_test_images_are_dashes_and_not_in_the_means(run):
    result, folder = run
    table = pd.read_csv(folder / "ovr_table.csv").set_index("class")
    counts = ["tp", "fn", "fp", "tn"]
    absent = table.loc[["number 3", "number 8"]]
    assert absent.drop(columns=counts).isna().all(axis=None)
    assert (absent[["tp", "fn"]] == 0).all(axis=None)
    assert table[counts].sum(axis=1).nunique() == 1
    measured = table.drop(index=absent.index)
    assert measured.notna().all(axis=None)
    markdown = (folder / "report.md").read_text()
    assert f"A row of dashes: {NOTE}" in markdown
    assert "Means are over the 8 of 10 classes with test images." in markdown
    assert f"Mean class F1 {100 * measured['class_f1'].mean():.1f} %" in markdown
    row = next(line for line in markdown.splitlines() if line.startswith("| number 3"))
    assert [cell.strip() for cell in row.split("|")][2:-5] == ["-"] * 10
    assert result.report.mean()["class_f1"] == pytest.approx(measured["class_f1"].mean())


def test_numbers_of_what_is_not_measured(run):
    figures = json.loads((run[1] / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert figures["not_measured"] == ["number 3", "number 8"]
    assert [figures["scores"][name][3] for name in ("average_precision", "roc_auc", "calibration_error")] == [None] * 3
    assert 0 < figures["mean"]["ovr"]["class_f1"] <= 1
    assert figures["data"]["skipped_classes"] == {"number 10": 3, "number 11": 0}
    assert figures["data"]["groups"].startswith("165 groups")
    assert figures["promises"][0]["reached"] is None


def test_page_tells_what_is_not_measured(run):
    text = (run[1] / "report.html").read_text()
    assert NOTE in text
    assert "Means are over the 8 classes\nwith test images." in text
    assert "2 classes were left out: number 10 (3), number 11 (0)." in text
    assert "165 groups by column &#39;writer&#39;" in text
    cells = sortable_table(run[0]).source.data
    assert cells["class_f1"][3] is cells["roc_auc"][8] is None
    assert cells["tn"][3] == len(run[0].y_true) - cells["fp"][3]


def test_curves_are_of_measured_classes(run):
    figures = {figure.name: figure for figure in page_figures(run[0])}
    import matplotlib.pyplot as plt

    for name in ("curves", "calibration"):
        figure = figures[name].draw()
        texts = " ".join(text.get_text() for axes in figure.axes for text in (axes.title, *_legend_texts(axes)))
        assert "number 2" in texts
        assert "number 3" not in texts
        plt.close(figure)


def _legend_texts(axes):
    legend = axes.get_legend()
    return [] if legend is None else legend.get_texts()


def test_copies_are_shown_side_by_side(run):
    result, folder = run
    assert len(result.data.copies) == 30
    panels = copies(result)
    assert len(panels) == N_COPIES
    for left, right in panels:
        assert left["uri"] == right["uri"]
        assert left["label"] == right["label"] in ("number 0", "number 1")
        assert left["name"] == f"test {right['name'].split()[-1]}.jpg | old"
    text = (folder / "report.html").read_text()
    note = f"30 of {len(result.y_true)} test images are near-identical to a training image"
    assert text.count(note) == 3
    assert '<a href="#copies">' in text
    assert "The 24 closest pairs of 30" in text
    markdown = (folder / "report.md").read_text()
    assert "The first 20 of 30." in markdown
    assert f"| {panels[0][0]['name'].replace('|', chr(92) + '|')} | {panels[0][1]['name']} |" in markdown
    figures = json.loads((folder / "metrics.json").read_text())["data"]["near_identical"]
    assert figures["test_images"] == len(figures["pairs"]) == 30


def test_groups_reach_the_training(digits, monkeypatch):
    X, y = digits[0][:60], digits[1][:60] % 2
    groups = np.arange(50) // 5
    data = TrainTestSplit(X[:50], y[:50], X[50:], y[50:], ["a", "b"], "", "", groups=groups)
    given = []

    def fit(self, X, y, *, groups):
        given.append(groups)

    monkeypatch.setattr(OneVsRestCNNClassifier, "fit", fit)
    report._run.train(OneVsRestCNNClassifier(), data)
    assert given[0] is groups
