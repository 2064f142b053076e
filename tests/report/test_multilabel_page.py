"""The report of a label matrix, in which some labels are not known."""

import dataclasses
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, ovr_report, report
from sk_cifar_ovr.report._embedding import embed_test_images
from sk_cifar_ovr.report._markdown import markdown_report
from sk_cifar_ovr.report._metadata import NOT_DEFINED, promise_rows, run_as_json
from sk_cifar_ovr.report._run import undefined_metrics_as_zero
from sk_cifar_ovr.report.data import TrainTestSplit
from sk_cifar_ovr.report.page import html_page
from sk_cifar_ovr.report.page._html_embedding import NO_LABEL, interactive_embedding

NAMES = ["even", "at least 5", "prime"]


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    """A run on 360 digits with three labels; a fifth of the entries are not known."""
    X, y = digits
    labels = np.stack([y % 2 == 0, y >= 5, np.isin(y, [2, 3, 5, 7])], axis=1).astype("float32")
    labels[np.random.default_rng(0).random(labels.shape) < 0.2] = np.nan
    labels[200] = [0, 0, 0]
    labels[201] = np.nan
    data = TrainTestSplit(X[:200], labels[:200], X[200:], labels[200:], NAMES, "0" * 64, "digits")
    estimator = OneVsRestCNNClassifier(
        CNNClassifier(dense, epochs=15, batch_size=20, optimizer__learning_rate=0.01, random_state=0),
        threshold={"even": {"precision": 0.8}, "prime": {"recall": 0.9}},
        cv=2,
    )
    result, files = report.write_report(estimator, data, tmp_path_factory.mktemp("report"))
    assert not files.errors
    return result, files.folder


def test_every_file_is_written(run):
    _, folder = run
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "model.skovr",
        "ovr_table.csv",
        "metrics.json",
        "report.md",
        "report.html",
        "confusion.png",
        "tsne.png",
    }
    assert load(folder / "model.skovr", trusted=["small_networks:dense"]).multilabel_


def test_labels_that_are_not_known_are_left_out_of_their_class_alone(run):
    result, folder = run
    known = (~np.isnan(result.y_true)).sum(axis=0)
    table = pd.read_csv(folder / "ovr_table.csv")
    assert table["class"].tolist() == NAMES
    assert table[["tp", "fn", "fp", "tn"]].sum(axis=1).tolist() == known.tolist()
    assert result.argmax_report is None


def test_promises_are_shown_as_promised_cross_fitted_and_reached(run):
    result, folder = run
    figures = json.loads((folder / "metrics.json").read_text())
    assert [(p["class"], p["metric"], p["promised"]) for p in figures["promises"]] == [
        ("even", "precision", 0.8),
        ("prime", "recall", 0.9),
    ]
    tp, fn, fp, _ = result.report.confusion.reshape(-1, 4).T
    expected = [tp[0] / (tp[0] + fp[0]) if tp[0] + fp[0] else None, tp[2] / (tp[2] + fn[2])]
    assert [p["reached"] for p in figures["promises"]] == expected
    markdown, page = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    assert f"| even | precision | 80.0 | {100 * figures['promises'][0]['reached_cross_fitting']:.1f} |" in markdown
    assert "Promises of the thresholds" in page
    assert "argmax" not in markdown
    assert "by argmax" not in page
    assert "confusion_argmax" not in figures


@pytest.mark.parametrize(
    ("predicts", "reached", "kept"), [(False, ["-", "0.0"], [None, False]), (True, ["100.0", "100.0"], [True, True])]
)
def test_promise_that_is_not_defined_on_the_test_images_is_a_dash(run, predicts, reached, kept):
    """A precision is 0/0 if no image is predicted as the class."""
    predicted = (run[0].y_true == 1) & predicts
    with undefined_metrics_as_zero():
        metrics = ovr_report(run[0].y_true, predicted, classes=NAMES, probabilities=run[0].probabilities)
        result = dataclasses.replace(run[0], report=metrics, predicted=predicted)
        rows, promises = promise_rows(result), run_as_json(result)["promises"]
        markdown, page = markdown_report(result), html_page(result, None, [])
    assert [row[-1] for row in rows] == reached
    assert [p["kept"] for p in promises] == kept
    for text in (markdown, page):
        assert (NOT_DEFINED in text) != predicts


def test_map_has_the_labels_of_each_image(run):
    result, folder = run
    embedding = embed_test_images(result)
    columns = interactive_embedding(result, embedding)["map"].select_one("points").data_source.data
    order = np.argsort(embedding.indices)
    labels = [columns["labels"][i] for i in order]
    assert labels == [np.flatnonzero(row == 1).tolist() for row in result.y_true]
    assert [columns["true"][i] for i in order[:2]] == ["none", "not known"]
    assert {columns["color"][i] for i in order[:2]} == {NO_LABEL[0]}
    assert "an image without a label that is known to be present is grey" in (folder / "report.html").read_text()
    missed = ((result.y_true == 1) & ~result.predicted).any(axis=1)
    assert [columns["missed"][i] for i in order] == missed.astype(int).tolist()
    # What is not known is no mistake.
    assert columns["wrong"][order[1]] == 0


def test_metrics_that_are_not_defined_are_told_in_one_warning(digits, tmp_path):
    X, y = digits[0][:60], np.minimum(digits[1][:60], 2)
    names, test = ["zero", "one", "more"], np.flatnonzero(y == 2)[:10]
    data = TrainTestSplit(X, y, X[test], y[test], names, "", "digits")
    estimator = OneVsRestCNNClassifier(CNNClassifier(dense, epochs=1, random_state=0), threshold=1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run, _ = report.write_report(estimator, data, tmp_path)
        report.markdown_summary(run)
    assert [str(warning.message) for warning in caught if issubclass(warning.category, UndefinedMetricWarning)] == [
        "Some metrics are not defined and shown as 0: all test images are of more; no test image is predicted as more."
    ]
