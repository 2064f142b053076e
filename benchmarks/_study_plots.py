"""Pictures of the loss study."""

import matplotlib.pyplot as plt
import numpy as np
from _losses_tried import NAMES, TITLES
from _study import BASELINE, SETTINGS, compared, setting

from sk_cifar_ovr._plot_style import class_style

DRAWN = {"f1_at_half": "F1 at 0.5", "f1_tuned": "F1 at tuned thresholds", "average_precision": "average precision"}
CURVES = ("crossentropy", "focal_2", "focal_2_alpha", "weights")


def title(strategy, ratio):
    return f"{strategy}, 1:{9 if ratio == 9 else 99}"


def plot_figures(table, path):
    """The difference of each loss to cross-entropy, with its 95 % interval: one panel a strategy and ratio."""
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
            look = {**class_style(k), "linestyle": "none", "markersize": 5, "label": words}
            ax.errorbar(middle, places + 0.25 * (1 - k), xerr=reach, **look)
        ax.set(title=title(strategy, ratio), yticks=places, yticklabels=[TITLES[name] for name in others])
        ax.set_xlabel("difference to cross-entropy, points")
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
            ax.set_ylim(bottom=0)
            ax.grid(alpha=0.3)
            if column == 0:
                ax.set_ylabel(words)
    handles, words = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
