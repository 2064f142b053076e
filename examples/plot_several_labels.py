"""
=================================
Several labels for each image
=================================

An image may have several labels, or none: a photograph shows a dog *and* a ball, an X-ray shows two findings. This
example trains on a table with one column per label, in which some entries are missing, and chooses the thresholds so
that a required precision or recall is reached.
"""

# %%
# A table of labels
# -----------------
#
# Scikit-learn's handwritten digits serve as images. Each gets four labels: is the digit even, is it at least five, is
# it a prime number, is there a closed loop in it? Nobody looked at every image for every label, so one entry in five
# is empty.

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.model_selection import train_test_split

from sk_cifar_ovr import (
    CNNClassifier,
    OneVsRestCNNClassifier,
    OvRCurvesDisplay,
    load_digit_images,
    load_image_table,
    ovr_report,
)
from sk_cifar_ovr.metrics import promise_table

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
digits = load_digit_images()
y = digits.target
labels = pd.DataFrame(
    {"even": y % 2 == 0, "at_least_5": y >= 5, "prime": np.isin(y, [2, 3, 5, 7]), "loop": np.isin(y, [0, 6, 8, 9])}
).astype("float")
labels = labels.mask(np.random.default_rng(0).random(labels.shape) < 0.2)
files = [f"{i}.png" for i in range(len(y))]
for file, image in zip(files, digits.images, strict=True):
    Image.fromarray(image[..., 0]).save(folder / file)
labels.insert(0, "file", files)
labels.to_csv(folder / "labels.csv", index=False)
labels.head()

# %%
# Load it
# -------
#
# :func:`~sk_cifar_ovr.load_image_table` reads the images that a CSV file or a data frame lists. With several label
# columns, ``target`` is a matrix with one column per label; NaN marks a label that is not known.

columns = ["even", "at_least_5", "prime", "loop"]
data = load_image_table(folder / "labels.csv", path_column="file", label_columns=columns, verbose=0)
data.images.shape, data.target[:3]

# %%
# Train
# -----
#
# Pass the matrix as ``y``. An image whose label is not known is left out of that task only: it still counts in the
# other three.
#
# ``threshold`` can promise a precision or a recall. Here all that is called "prime" should be prime in at least 95 of
# 100 cases, and at least 95 of 100 images with a loop should be found. The thresholds are chosen by cross-validation,
# on images that the networks did not see.

Y = pd.DataFrame(data.target, columns=data.target_names)
X_train, X_test, Y_train, Y_test = train_test_split(data.images, Y, test_size=0.3, random_state=0)
ovr = OneVsRestCNNClassifier(
    CNNClassifier(epochs=6, random_state=0),
    threshold={"prime": {"precision": 0.95}, "loop": {"recall": 0.95}, "even": "f1", "at_least_5": "f1"},
    cv=3,
)
ovr.fit(X_train, Y_train)
ovr.predict(X_test[:3])

# %%
# Evaluate
# --------
#
# Each label is evaluated on the test images for which it is known.

report = ovr_report(Y_test, ovr.predict_ovr(X_test))
report.frame()[["class", "class_precision", "class_recall", "class_f1", "tp", "fn", "fp", "tn"]].round(3)

# %%
# Was the promise kept? ``reached_cross_fitting`` is the value on which the threshold was chosen; ``reached`` is the
# value on the new images.

promise_table(ovr.promises_, report).round(3)

# %%
# A promise that is just kept in cross-validation may be missed by a little on new images, above all when there are few
# of them. The curves show what other thresholds would give; the markers are the chosen ones.

curves = OvRCurvesDisplay.from_estimator(ovr, X_test, Y_test)

# %%
temporary.cleanup()

# sphinx_gallery_thumbnail_number = 1
