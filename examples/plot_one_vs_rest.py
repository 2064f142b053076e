"""
===============================================
One class against the others, for every class
===============================================

A classifier of ten classes gives one answer an image. *One-vs-rest* asks ten questions instead: is it a 0 or not, is
it a 1 or not, and so on. Each question gets its own yes or no, so an image may get one yes, several, or none.

That is of use where "none of these" is a fair answer, where a mistake costs more for one class than for another, or
where you want to know how well each class is found. If every image has exactly one label and only that label counts,
a plain :class:`~sk_cifar_ovr.CNNClassifier` is simpler and does that job.

Each question is imbalanced even where the classes are not: of ten equal classes, one image in ten is a yes. Someone
who always says no is right nine times in ten. Accuracy therefore says little here, and precision and recall of the
class are what to look at.
"""

# %%
# The data
# --------
#
# Scikit-learn's digits come as images, ``(n, height, width, channels)``, of whole numbers 0-255. They go into the
# estimators as they are: the network scales them itself, and it enlarges images this small.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import train_test_split

from sk_cifar_ovr import (
    CNNClassifier,
    OneVsRestCNNClassifier,
    OvRConfusionDisplay,
    OvRCurvesDisplay,
    load_digit_images,
    ovr_report,
)

digits = load_digit_images()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=0.3, stratify=digits.target, random_state=0
)
X_train.shape, X_train.dtype

# %%
_, axes = plt.subplots(1, 10, figsize=(9, 1.4), layout="constrained")
for k, ax in enumerate(axes):
    ax.imshow(X_train[y_train == k][0, ..., 0], cmap="gray_r")
    ax.set_title(f"{k}", fontsize=10)
    ax.axis("off")

# %%
# Fit
# ---
#
# The inner :class:`~sk_cifar_ovr.CNNClassifier` holds the settings of each question: network, loss, epochs. The
# default ``strategy="joint"`` trains one network with ten outputs ("heads"), one a question, on shared features.
# ``strategy="independent"`` would train ten separate networks and take about ten times as long.
#
# ``threshold="f1"`` chooses for each class the probability from which the answer is yes. It does so by
# cross-validation: each image is judged by a network that did not see it, the threshold with the best F1 is kept, and
# then the network is fitted once more, on all training images. With ``cv=3`` that makes four fits instead of one.

ovr = OneVsRestCNNClassifier(CNNClassifier(epochs=15, batch_size=32, random_state=0), threshold="f1", cv=3)
ovr = ovr.fit(X_train, y_train)

# %%
# The table
# ---------
#
# ``predict_ovr`` gives the yes and no answers, one column a class, and :func:`~sk_cifar_ovr.ovr_report` counts them.
# ``tp`` are images of the class answered yes, ``fn`` those answered no; ``fp`` are other images answered yes, ``tn``
# those answered no. All other columns follow from these four.

answers = ovr.predict_ovr(X_test)
report = ovr_report(y_test, answers, classes=ovr.classes_)
columns = ["class", "class_precision", "class_recall", "class_f1", "accuracy", "tp", "fn", "fp", "tn"]
report.frame()[columns].round(3)

# %%
# Note how close to 1 the accuracies are, even of classes with several mistakes: nine images in ten are "others". The
# means over the classes, where "macro" is the mean of class and others:

report.mean().round(3)

# %%
# The same counts as pictures, one small confusion matrix a question:

confusion = OvRConfusionDisplay.from_estimator(ovr, X_test, y_test)

# %%
# How many images got no yes, one yes, several?

yes = pd.Series(answers.sum(axis=1), name="yes answers")
yes.value_counts().sort_index().rename("images")

# %%
# Where one label is wanted, ``predict`` takes the class with the highest score; thresholds play no part in it.

print(f"accuracy of predict: {ovr.score(X_test, y_test):.3f}")

# %%
# Tuned thresholds against 0.5
# ----------------------------
#
# ``decision_function`` is the log-odds of a yes, so it is 0 where the probability is 0.5. No second fit is needed to
# see what the usual threshold would have answered.

usual = ovr_report(y_test, ovr.decision_function(X_test) >= 0, classes=ovr.classes_)
both = pd.DataFrame({"class": ovr.classes_, "threshold": ovr.thresholds_})
for name in ("precision", "recall", "f1"):
    both[f"{name} at 0.5"] = usual.frame()[f"class_{name}"]
    both[f"{name} tuned"] = report.frame()[f"class_{name}"]
both.round(3)

# %%
print(f"mean F1 at 0.5: {usual.mean()['class_f1']:.3f}, tuned: {report.mean()['class_f1']:.3f}")

# %%
# On digits this is not a great change, and it may go either way: there are about 54 test images of a class, so that
# one image is nearly two points of its recall, and the thresholds were chosen on smaller fits than the final one. A
# threshold earns its keep where probabilities are off: with class weights, which push them up, with a rarer class, or
# where precision and recall do not cost the same. Judge it, as here, on images that had no part in choosing it.
#
# All thresholds at once
# ----------------------
#
# The curves show what any other threshold would give; the markers are the chosen ones. For imbalanced questions the
# precision-recall curve is the one to read: the false-positive rate of the ROC curve divides by the many others, and
# so looks small even where a third of the yes answers are wrong.

curves = OvRCurvesDisplay.from_estimator(ovr, X_test, y_test)

# sphinx_gallery_thumbnail_number = 2
