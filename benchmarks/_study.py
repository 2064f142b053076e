"""The loss study's result files as one table, and each loss against cross-entropy, seed by seed."""

import json

import numpy as np
import pandas as pd
from _common import RESULTS
from _losses_tried import NAMES
from scipy import stats

from sk_cifar_ovr.metrics import mean_and_interval

BASELINE = "crossentropy"
# Figures that are compared; of all but the calibration error, higher is better.
FIGURES = ("f1_at_half", "f1_tuned", "average_precision", "calibration_error")
SETTINGS = [(strategy, ratio) for ratio in (9, 100) for strategy in ("joint", "independent")]


def trainings(folder=RESULTS / "loss_study"):
    """One row a training: the figures of its problems, averaged, and curves over epochs."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text())
        problems = list(result["classes"].values())
        row = {name: result[name] for name in ("strategy", "ratio", "loss", "seed")}
        for name, counts in (("f1_at_half", "at_half"), ("f1_tuned", "at_chosen")):
            row[name] = np.mean([f1(problem[counts]) for problem in problems])
        for name in ("average_precision", "calibration_error"):
            row[name] = np.mean([problem[name] for problem in problems])
        for name in ("f1_by_epoch", "average_precision_by_epoch"):
            row[name] = np.mean([problem[name] for problem in problems], axis=0)
        rows.append(row)
    return pd.DataFrame(rows)


def f1(counts):
    """F1 of weighted [tp, fn, fp, tn]; 0 where nothing was found."""
    tp, fn, fp, _ = counts
    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0


def setting(table, strategy, ratio):
    """The trainings of one strategy and ratio, by loss and seed; seeds that lack a loss are left out."""
    chosen = table[(table["strategy"] == strategy) & (table["ratio"] == ratio) & table["loss"].isin(NAMES)]
    whole = [seed for seed, rows in chosen.groupby("seed") if len(rows) == len(NAMES)]
    if len(whole) < 2:
        raise SystemExit(f"{strategy}, ratio {ratio}: {len(whole)} seeds have every loss, and it takes two to compare.")
    return chosen.set_index(["seed", "loss"]).loc[whole]


def epochs_needed(part, curve):
    """Of each loss, seed by seed: the epochs until `curve` first reached what cross-entropy ended with, or infinity."""
    needed = {}
    for (seed, loss), row in part.iterrows():
        reached = np.flatnonzero(row[curve] >= part.loc[(seed, BASELINE), curve][-1])
        needed.setdefault(loss, []).append(reached[0] + 1 if len(reached) else np.inf)
    return needed


def compared(part):
    """Of each loss and figure: mean, mean difference to cross-entropy with its 95 % interval, and p-value.

    Differences are paired by seed (Student's t). `q` is the p-value of the paired test after Benjamini and Hochberg's
    correction for all losses compared under one figure.
    """
    rows = []
    for figure in FIGURES:
        by_loss = part[figure].unstack("loss")[NAMES]
        others = [name for name in NAMES if name != BASELINE]
        p = {name: paired_p(by_loss[name], by_loss[BASELINE]) for name in others}
        q = dict(zip(others, stats.false_discovery_control(list(p.values())), strict=True))
        for name in NAMES:
            difference = mean_and_interval(by_loss[name] - by_loss[BASELINE])
            rows.append(
                {"figure": figure, "loss": name, "mean": by_loss[name].mean()}
                | {f"difference_{end}": value for end, value in difference._asdict().items()}
                | {"q": q.get(name)}
            )
    return pd.DataFrame(rows).set_index(["figure", "loss"])


def contrast(part, figure, first, second):
    """The mean difference of two losses with its 95 % interval, and its p-value; both paired by seed."""
    by_loss = part[figure].unstack("loss")
    return mean_and_interval(by_loss[first] - by_loss[second]), paired_p(by_loss[first], by_loss[second])


def paired_p(first, second):
    """The p-value of the paired t-test; 1 where both are the same everywhere."""
    return 1.0 if np.array_equal(first, second) else float(stats.ttest_rel(first, second).pvalue)
