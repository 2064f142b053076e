"""
==========================================
Focal loss or class weights? Ask the data
==========================================

When one class is rare, two remedies are common. *Class weights* make each image of the rare class count for more.
*Focal loss* makes images count for less once the network is sure of them, whatever their class; its ``gamma`` says how
much less, and at ``gamma=0`` it is the ordinary cross-entropy. Neither is better in general, and doing nothing is a
candidate too.

Since all of these are parameters, one ``sklearn.model_selection.GridSearchCV`` compares them.
"""

# %%
# One class, rare: 8 or not 8
# ---------------------------
#
# About one digit in ten is an 8.

import matplotlib.pyplot as plt
import numpy as np
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.metrics import classification_report
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split

from sk_cifar_ovr import CNNClassifier, ImageSampler, load_digit_images
from sk_cifar_ovr.model_selection import loss_grid, search_frame

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
# :func:`~sk_cifar_ovr.model_selection.loss_grid` writes it. Cross-entropy is the focal loss with gamma 0, which leaves
# every term as it is.

print(*loss_grid([1.0, 2.0, 4.0], prefix="cnn__"), sep="\n")

# %%
# The network stands at the end of imbalanced-learn's Pipeline, so that a sampler is one more parameter: either none, or
# one that leaves four others for each eight. Samplers act in ``fit`` alone; the images of a test fold stay as they are.
#
# The score is F1 of the eights, not accuracy, and each fold has its share of them. A narrower network and few epochs
# keep this example short.

pipeline = Pipeline(
    [
        ("sampler", "passthrough"),
        ("cnn", CNNClassifier(epochs=5, batch_size=32, model__filters=(16, 32, 64), random_state=0)),
    ]
)
fewer_others = ImageSampler(RandomUnderSampler(sampling_strategy=0.25, random_state=0))
search = GridSearchCV(
    pipeline,
    loss_grid([1.0, 2.0, 4.0], prefix="cnn__", sampler=["passthrough", fewer_others]),
    scoring="f1",
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
)
search = search.fit(X_train, y_train)

# %%
# What came out
# -------------
#
# ``cv_results_`` as a table, the best first. The names of the network's parameters begin with that of its step, which
# says nothing here:

table = search_frame(search)
table["sampler"] = ["" if step == "passthrough" else "fewer others" for step in table["sampler"]]
table["cnn__class_weight"] = table["cnn__class_weight"].fillna("")
table["cnn__loss"] = np.where(table["cnn__loss__gamma"] == 0, "cross-entropy", "focal")
table = table.drop(columns="cnn__loss__alpha")
table.columns = table.columns.str.removeprefix("cnn__")
table.round(3)

# %%
# The same as a picture: one row a candidate (the number is gamma), a dot for each fold, a bar for their mean.

names = (
    table[["loss", "loss__gamma", "class_weight", "sampler"]]
    .astype(str)
    .agg(" ".join, axis=1)
    .str.split()
    .str.join(" ")
)
_, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for fold in table.filter(like="fold "):
    ax.plot(table[fold], names, "o", color="C0", alpha=0.6)
ax.plot(table["mean"], names, "|", color="black", markersize=18)
ax.margins(y=0.08)
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
