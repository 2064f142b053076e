"""Images of the report page: the worst mistakes, and near-identical images in training and test."""

from typing import Any

import numpy as np

from ...metrics import worst_mistakes
from .._run import Run
from ._thumbnails import data_uris

# Maximum number of characters for all images of mistakes together, and for those of near-identical images.
MISTAKES_BUDGET = 1_000_000
COPIES_BUDGET = 500_000
# Pairs of near-identical images on the page.
N_COPIES = 24


def mistakes(run: Run) -> list[tuple[str, list[tuple[str, list[dict[str, Any]]]]]]:
    """Images of the worst mistakes by class and kind of mistake."""
    worst = worst_mistakes(run.y_true, run.predicted, run.probabilities, classes=run.estimator.classes_)
    rows = worst["row"].unique()
    uris = dict(zip(rows.tolist(), data_uris(run.data.X_test[rows], budget=MISTAKES_BUDGET), strict=True))
    found = []
    for label in run.estimator.classes_.tolist():
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


def copies(run: Run) -> list[list[dict[str, Any]]]:
    """Pairs of a test image and the training image that is near-identical to it, the closest first."""
    data, found = run.data, run.data.copies
    if not found:
        return []
    classes = np.array(data.target_names, dtype=object)
    sides = []
    for part, X, y, names, rows in (
        ("test", data.X_test, data.y_test, data.names_test, found.test[:N_COPIES]),
        ("training", data.X_train, data.y_train, data.names_train, found.train[:N_COPIES]),
    ):
        labels = [", ".join(classes[y[i] == 1]) if data.multilabel else classes[y[i]] for i in rows]
        uris = data_uris(X[rows], budget=COPIES_BUDGET // 2)
        sides.append(
            [
                {"part": part, "uri": uri, "name": names[i], "label": label}
                for uri, i, label in zip(uris, rows, labels, strict=True)
            ]
        )
    return [list(pair) for pair in zip(*sides, strict=True)]
