"""Tables of docs/losses.rst, from the loss study's trainings."""

import numpy as np
import pandas as pd
from _losses_tried import TITLES
from _study import BASELINE, FIGURES, SETTINGS, compared, contrast, epochs_needed, setting

WORDS = ("F1 at 0.5", "F1, tuned", "average precision", "calibration error")


def table_of_losses(part, ratio):
    """One row a loss: figures with their differences to cross-entropy, and at 1:9 the epochs needed."""
    table = compared(part)
    needed = {curve: epochs_needed(part, curve) for curve in ("f1_by_epoch", "average_precision_by_epoch")}
    last = len(part["f1_by_epoch"].iloc[0])
    rows = []
    for loss, title in TITLES.items():
        row = {"loss": title}
        for figure, words in zip(FIGURES, WORDS, strict=True):
            row[words] = cell(table.loc[(figure, loss)], loss == BASELINE)
        for curve, words in zip(needed, ("epochs, F1", "epochs, average precision"), strict=True):
            if ratio == 9:
                row[words] = epochs_cell(needed[curve][loss], last)
        rows.append(row)
    return pd.DataFrame(rows)


def table_of_weights(study):
    """Balanced class weights minus focal loss with gamma 2, one row a setting; a star where p is below 0.05."""
    rows = []
    for strategy, ratio in SETTINGS:
        row = {"trained": f"{strategy}, 1:{9 if ratio == 9 else 99}"}
        for figure, words in zip(FIGURES, WORDS, strict=True):
            difference, p = contrast(setting(study, strategy, ratio), figure, "weights", "focal_2")
            mean, low, high = (f"{100 * value:+.1f}" for value in difference[:3])
            row[words] = f"{mean} ({low} to {high}){'*' if p < 0.05 else ''}"
        rows.append(row)
    return pd.DataFrame(rows)


def epochs_cell(epochs, last):
    """The median over seeds, and in how many of them it came so far at all."""
    median = np.median(epochs)
    words = f"{median:.0f}" if median <= last else f"over {last}"
    return f"{words} ({np.isfinite(epochs).sum()} of {len(epochs)})"


def cell(figure, is_baseline):
    """A mean in percent, and its difference to cross-entropy; a star where the corrected p-value is below 0.05."""
    mean = f"{100 * figure['mean']:.1f}"
    if is_baseline:
        return mean
    star = "*" if figure["q"] < 0.05 else ""
    low, high = (f"{100 * figure[f'difference_{end}']:+.1f}" for end in ("low", "high"))
    return f"{mean} ({low} to {high}){star}"
