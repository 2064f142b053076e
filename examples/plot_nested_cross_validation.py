"""
===========================================================
What the whole procedure is worth: nested cross-validation
===========================================================

A search tries settings and keeps the best. The score that it was kept for is too good: it is the highest of several,
some of it by luck. What counts is how the *procedure* does on images that had no part in it, search and all. So the
search runs inside each fold of an outer cross-validation, which only scores.

Everything that looks at labels belongs inside: the sampler, the loss, and the threshold too.
"""

# %%
# Three loops
# -----------
#
# From the inside to the outside:
#
# - a Pipeline of a sampler and a network. imbalanced-learn's Pipeline resamples in ``fit`` alone, so folds that score
#   keep their images as they are;
# - around it ``sklearn.model_selection.TunedThresholdClassifierCV``, which chooses the threshold on folds of its
#   own. The sampler is inside of it: over-sampled first and split later, copies of one image would land on both sides;
# - around that, the search for sampler and loss.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline
from sklearn.model_selection import GridSearchCV, StratifiedKFold, TunedThresholdClassifierCV, cross_validate

from sk_cifar_ovr import CNNClassifier, ImageSampler, load_digit_images
from sk_cifar_ovr.metrics import corrected_paired_test, mean_and_interval

digits = load_digit_images()
X, y = digits.images[:600], (digits.target[:600] == 8).astype(int)
print(f"{y.sum()} eights among {len(y)} images")


def folds(n, seed):
    return StratifiedKFold(n, shuffle=True, random_state=seed)


network = CNNClassifier(loss="focal", model__filters=(8, 16, 32), epochs=4, batch_size=32, random_state=0)
more_eights = ImageSampler(RandomOverSampler(sampling_strategy=0.3, random_state=0))
pipeline = Pipeline([("sampler", "passthrough"), ("cnn", network)])
procedure = GridSearchCV(
    TunedThresholdClassifierCV(pipeline, scoring="f1", cv=folds(2, 1)),
    [
        {"estimator__sampler": ["passthrough"], "estimator__cnn__loss__gamma": [0.0, 2.0]},
        {"estimator__sampler": [more_eights], "estimator__cnn__loss__gamma": [0.0]},
    ],
    scoring="f1",
    cv=folds(2, 2),
)

# %%
# The outer folds
# ---------------
#
# Each of the five outer folds makes a search of its own, from four fifths of the images, and is then asked about the
# last fifth. The same fold also fits the plain network, at its defaults, to see what the search was good for.

outer = folds(5, 3)
nested = cross_validate(procedure, X, y, cv=outer, scoring="f1", return_estimator=True)
plain = cross_validate(network, X, y, cv=outer, scoring="f1")

# %%
# Chosen settings may differ from fold to fold, and often do: that is part of what is measured. ``promised`` is the
# score that each search itself found for its best candidate.

rows = []
for i, search in enumerate(nested["estimator"]):
    best = search.best_params_
    rows.append(
        {
            "sampler": "none" if best["estimator__sampler"] == "passthrough" else "over-sampled",
            "gamma": best["estimator__cnn__loss__gamma"],
            "threshold": search.best_estimator_.best_threshold_,
            "promised": search.best_score_,
            "held out": nested["test_score"][i],
            "plain network": plain["test_score"][i],
        }
    )
table = pd.DataFrame(rows, index=[f"fold {i + 1}" for i in range(len(rows))])
print(table.round(3).to_string())

# %%
# With intervals
# --------------
#
# The outer training parts overlap, so the interval of their mean is wider than that of independent runs;
# :func:`~sk_cifar_ovr.metrics.mean_and_interval` allows for it where it is told the sizes. Whether the procedure is
# better than the plain network is a question about differences, for
# :func:`~sk_cifar_ovr.metrics.corrected_paired_test`.

sizes = {"n_train": len(X) * 4 / 5, "n_test": len(X) / 5}
for name in ("promised", "held out", "plain network"):
    mean, low, high = mean_and_interval(table[name], **sizes)
    print(f"F1, {name}: {mean:.3f} ({low:.3f} to {high:.3f})")
gain = corrected_paired_test(table["held out"], table["plain network"], **sizes)
mean, low, high = gain.difference
print(f"gain: {mean:+.3f} ({low:+.3f} to {high:+.3f}), p = {gain.pvalue:.2f}")

# %%
# Five folds with a few eights in each make wide intervals, and that is the honest answer for so few images. (Student's
# interval knows of no bound at 1.) The figure to report is the one on held-out images. ``promised`` is the highest of
# several, which flatters it, and comes from networks that had half of the images, which does the opposite.
#
# Which settings to use afterwards is for one last search, on all images: the nested score is the estimate for *its*
# choice.

_, ax = plt.subplots(figsize=(6, 2.2), layout="constrained")
for place, name in enumerate(("promised", "held out", "plain network")):
    mean, low, high = mean_and_interval(table[name], **sizes)
    ax.plot(table[name], np.full(len(table), place), "o", color="C0", alpha=0.5)
    ax.plot([low, high], [place, place], color="black")
    ax.plot(mean, place, "|", color="black", markersize=16)
ax.set_yticks(range(3), ["promised", "held out", "plain network"])
_ = ax.set(xlabel="F1 of the eights: each outer fold, their mean and 95 % interval", ylim=(2.5, -0.5))
