"""
=======================
Your own photographs
=======================

Photographs rarely come in one size. This example trains a classifier on a folder of photographs with one sub-folder per
class, and then asks it about new files.
"""

# %%
# A folder of photographs
# -----------------------
#
# With your own images, skip this step. Here we cut pieces of different sizes out of the two photographs that
# scikit-learn ships, of a temple and of a flower, and save them as JPEG files in two folders.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.model_selection import train_test_split

from sk_cifar_ovr import (
    CNNClassifier,
    OneVsRestCNNClassifier,
    OvRConfusionDisplay,
    load_image_folder,
    ovr_report,
)

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
rng = np.random.default_rng(0)
for name, photograph in zip(["temple", "flower"], load_sample_images().images, strict=True):
    (folder / name).mkdir()
    for i in range(60):
        height, width = rng.integers(100, 220, 2)
        top, left = rng.integers(0, photograph.shape[0] - height), rng.integers(0, photograph.shape[1] - width)
        piece = Image.fromarray(photograph[top : top + height, left : left + width])
        piece.save(folder / name / f"{i}.jpg")

# %%
# Load it
# -------
#
# ``image_size=(height, width)`` brings all images to one size. By default the middle of each image is kept
# (``fit="crop"``); ``"pad"`` keeps the whole image on a black background, and ``"stretch"`` changes its proportions.
# Photographs that a phone stored on their side are turned upright.

data = load_image_folder(folder, image_size=(64, 64), verbose=0)
data.images.shape, data.images.dtype, data.target_names

# %%
X_train, X_test, y_train, y_test = train_test_split(
    data.images, np.array(data.target_names)[data.target], test_size=0.3, stratify=data.target, random_state=0
)
_, axes = plt.subplots(2, 8, figsize=(9, 2.4), layout="constrained")
for row, name in zip(axes, data.target_names, strict=True):
    for ax, image in zip(row, X_train[y_train == name], strict=False):
        ax.imshow(image)
        ax.axis("off")

# %%
# Train and evaluate
# ------------------
#
# There are few images, so the classifier chooses small batches, and it changes the images a little in each epoch. Forty
# epochs keep this example short; without a number it would choose more.

classifier = CNNClassifier(epochs=40, random_state=0)
ovr = OneVsRestCNNClassifier(classifier).fit(X_train, y_train)
report = ovr_report(y_test, ovr.predict_ovr(X_test), classes=ovr.classes_)
report.frame()[["class", "class_precision", "class_recall", "class_f1", "tp", "fn", "fp", "tn"]].round(3)

# %%
confusion = OvRConfusionDisplay.from_estimator(ovr, X_test, y_test)

# %%
# The same from the command line
# ------------------------------
#
# .. code-block:: bash
#
#    sk-cifar-ovr report --data my_photographs --image-size 64 --out report
#    sk-cifar-ovr predict report/model.skovr new_photographs
#
# The saved model remembers the size and the way of cutting, so ``predict`` prepares new photographs in the same way.

temporary.cleanup()

# sphinx_gallery_thumbnail_number = 1
