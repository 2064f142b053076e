"""Pictures of the loss study."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _losses_tried import NAMES, TITLES
from _study import BASELINE, SETTINGS, compared, setting
from matplotlib.ticker import MaxNLocator

from sk_cifar_ovr.plots import class_style

DRAWN = {"f1_at_half": "F1 at 0.5", "f1_tuned": "F1 at tuned thresholds", "average_precision": "average precision"}
CURVES = ("crossentropy", "focal_2", "focal_2_alpha", "weights")


def title(strategy, ratio):
    return f"{strategy}, 1:{9 if ratio == 9 else 99}"


def plot_figures(table, path):
    """The difference of each loss from cross-entropy, with its 95 % interval: one panel a strategy and ratio.

    A mark is filled where the corrected p-value is below 0.05.
    """
    figure, axes = plt.subplots(2, 2, figsize=(10, 9.5), sharey=True, layout="constrained")
    others = [name for name in NAMES if name != BASELINE]
    places = np.arange(len(others))[::-1]
    for ax, (strategy, ratio) in zip(axes.flat, SETTINGS, strict=True):
        figures = compared(setting(table, strategy, ratio))
        ax.axvline(0, color="black", linewidth=0.8)
        for k, (name, words) in enumerate(DRAWN.items()):
            rows = figures.loc[name].loc[others]
            middle = 100 * rows["difference_mean"]
            reach = 100 * rows["difference_high"] - middle
            look = {**class_style(k), "linestyle": "none"}
            heights = pd.Series(places + 0.25 * (1 - k), index=others)
            ax.errorbar(middle, heights, xerr=reach, color=look["color"], fmt="none")
            for beyond_chance, face in ((rows["q"] < 0.05, look["color"]), (rows["q"] >= 0.05, "white")):
                label = words if face == "white" else None
                ax.plot(middle[beyond_chance], heights[beyond_chance], **look, markersize=5, mfc=face, label=label)
        ax.set(title=title(strategy, ratio), yticks=places, yticklabels=[TITLES[name] for name in others])
        ax.set_xlabel("difference from cross-entropy, points")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.grid(axis="x", alpha=0.3)
    handles, words = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_curves(table, path):
    """F1 and average precision after each epoch, means over seeds: one column a strategy and ratio."""
    curves = {"f1_by_epoch": "F1 at 0.5, percent", "average_precision_by_epoch": "average precision, percent"}
    figure, axes = plt.subplots(2, 4, figsize=(11, 5), sharex=True, layout="constrained")
    for column, (strategy, ratio) in enumerate(SETTINGS):
        part = setting(table, strategy, ratio)
        axes[0, column].set_title(title(strategy, ratio))
        axes[1, column].set_xlabel("epochs")
        for ax, (name, words) in zip(axes[:, column], curves.items(), strict=True):
            for k, loss in enumerate(CURVES):
                mean = 100 * np.mean(np.stack(part.xs(loss, level="loss")[name]), axis=0)
                ax.plot(np.arange(1, len(mean) + 1), mean, **class_style(k), markersize=4, label=TITLES[loss])
            ax.grid(alpha=0.3)
            if column == 0:
                ax.set_ylabel(words)
    for row in axes:
        for pair in (row[:2], row[2:]):
            top = max(ax.get_ylim()[1] for ax in pair)
            for ax in pair:
                ax.set_ylim(0, top)
    handles, words = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
