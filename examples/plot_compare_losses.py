"""
=====================================================
Is one loss better? Repeated folds and a paired test
=====================================================

Two losses, two means of cross-validated scores, one of them higher: is that loss better, or was it lucky? Each fold
scores both on the same images, so it is the *differences* that tell, fold by fold.

Folds are not independent, however: any two of their training parts share most of their images. An ordinary paired
t-test takes the differences for so many independent draws. It finds winners where there are none, and repeating the
folds makes that worse, not better. :func:`~sk_cifar_ovr.metrics.corrected_paired_test` allows for the overlap.
"""

# %%
# The candidates
# --------------
#
# One digit, the 8, against the others; plain cross-entropy, and two remedies for classes that are rare.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import ttest_rel
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate

from sk_cifar_ovr import CNNClassifier, load_digit_images
from sk_cifar_ovr.metrics import corrected_paired_test

digits = load_digit_images()
X, y = digits.images[:900], (digits.target[:900] == 8).astype(int)
network = {"model__filters": (8, 16, 32), "epochs": 4, "batch_size": 32, "random_state": 0}
candidates = {
    "cross-entropy": CNNClassifier(loss="crossentropy", **network),
    "class weights": CNNClassifier(loss="crossentropy", class_weight="balanced", **network),
    "focal": CNNClassifier(loss="focal", loss__gamma=2.0, **network),
}

# %%
# The same folds for all
# ----------------------
#
# Three folds, three times drawn anew: nine differences. The splitter has a seed, so each candidate gets the same nine.

folds = RepeatedStratifiedKFold(n_splits=3, n_repeats=3, random_state=0)
scores = pd.DataFrame(
    {name: cross_validate(clf, X, y, cv=folds, scoring="f1")["test_score"] for name, clf in candidates.items()}
)
scores.agg(["mean", "std"]).round(3)

# %%
# The paired test
# ---------------
#
# Each remedy against plain cross-entropy. With two comparisons one looks twice for a small p-value, so both are
# multiplied by two (Bonferroni). The last column is what the ordinary t-test would have said.

n_test = len(X) / 3
rows = []
for name in ("class weights", "focal"):
    test = corrected_paired_test(scores[name], scores["cross-entropy"], n_train=len(X) - n_test, n_test=n_test)
    naive = ttest_rel(scores[name], scores["cross-entropy"])
    rows.append(
        {
            "against cross-entropy": name,
            **{f"F1 {part}": value for part, value in test.difference._asdict().items()},
            "p": min(1.0, 2 * test.pvalue),
            "p, uncorrected test": min(1.0, 2 * naive.pvalue),
        }
    )
table = pd.DataFrame(rows)
print(table.round(3).to_string(index=False))

# %%
# The picture
# -----------
#
# A dot for each fold, the mean with its interval in black. Where the interval crosses zero, these data do not say
# which of the two is better.

_, ax = plt.subplots(figsize=(6, 2.2), layout="constrained")
for place, row in enumerate(rows):
    name = row["against cross-entropy"]
    differences = scores[name] - scores["cross-entropy"]
    ax.plot(differences, np.full(len(differences), place), "o", color="C0", alpha=0.5)
    ax.plot([row["F1 low"], row["F1 high"]], [place, place], color="black")
    ax.plot(row["F1 mean"], place, "|", color="black", markersize=16)
ax.axvline(0, color="0.6", linewidth=1)
ax.set_yticks(range(len(rows)), [row["against cross-entropy"] for row in rows])
_ = ax.set(xlabel="F1 of the eights, less that of cross-entropy", ylim=(len(rows) - 0.5, -0.5))

# %%
# What the test does not cover: one seed was used for the weights of all networks, and one set of settings for all
# losses. A loss that needs another learning rate was not given it; for that, see the search in
# :doc:`plot_nested_cross_validation`.
