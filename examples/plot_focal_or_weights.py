"""
==========================================
Focal loss or class weights? Ask the data
==========================================

When one class is rare, two remedies are common. *Class weights* make each image of the rare class count for more.
*Focal loss* makes images count for less once the network is sure of them, whatever their class; its ``gamma`` says how
much less, and at ``gamma=0`` it is the ordinary cross-entropy. Neither is better in general, and doing nothing is a
candidate too.

Since all of these are parameters, one :class:`~sklearn.model_selection.GridSearchCV` compares them.
"""

# %%
# One class, rare: 8 or not 8
# ---------------------------
#
# About one digit in ten is an 8.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import classification_report
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split

from sk_cifar_ovr import CNNClassifier, load_digit_images

digits = load_digit_images()
is_eight = (digits.target == 8).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, is_eight, test_size=0.3, stratify=is_eight, random_state=0
)
print(f"{y_train.sum()} eights among {len(y_train)} training images")

# %%
# The grid
# --------
#
# It is a list of dicts, because ``loss__gamma`` belongs to the focal loss only: with cross-entropy it would be refused
# by name. The score is F1 of the eights, not accuracy, and each fold has its share of them. A narrower network and few
# epochs keep this example short.

grid = [
    {"loss": ["focal"], "loss__gamma": [1.0, 2.0, 4.0]},
    {"loss": ["crossentropy"], "class_weight": [None, "balanced"]},
]
search = GridSearchCV(
    CNNClassifier(epochs=5, batch_size=32, model__filters=(16, 32, 64), random_state=0),
    grid,
    scoring="f1",
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
)
search = search.fit(X_train, y_train)

# %%
# What came out
# -------------

results = search.cv_results_
table = pd.DataFrame(results["params"]).astype(object).fillna("")
table["mean F1"] = results["mean_test_score"]
table["std"] = results["std_test_score"]
for i in range(search.n_splits_):
    table[f"fold {i + 1}"] = results[f"split{i}_test_score"]
table = table.sort_values("mean F1", ascending=False)
table.round(3)

# %%
# The same as a picture: one row a candidate (the number is gamma), a dot for each fold, a bar for their mean.

names = table[["loss", "loss__gamma", "class_weight"]].astype(str).agg(" ".join, axis=1)
_, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
for fold in table.filter(like="fold"):
    ax.plot(table[fold], names, "o", color="C0", alpha=0.6)
ax.plot(table["mean F1"], names, "|", color="black", markersize=18)
ax.margins(y=0.15)
ax.invert_yaxis()
_ = ax.set(xlabel="F1 of the eights")

# %%
# Look at the folds before the order: where the folds of one row differ by more than the rows do, the search has found
# no winner, only a first place. More folds, more seeds, or more images would be needed to tell them apart.
#
# Balanced weights push the probabilities of the eights up. At the usual threshold of 0.5 that finds more of them and
# raises more false alarms, which F1 need not reward; weights and thresholds are best chosen together.
#
# The best one on new images
# --------------------------
#
# ``GridSearchCV`` has refitted it on all training images. The test images had no part in the choice.

print(search.best_params_)
answers = search.predict(X_test)
print(classification_report(y_test, answers, target_names=["other", "8"], digits=3))
