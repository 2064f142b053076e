"""
=========================================
Few images: how a network keeps up
=========================================

On a hundred images a support vector machine is hard to beat, and a network trained for ten epochs is behind it. The
reason is not the network: ten epochs of a hundred images are ten gradient steps in batches of 128. With small batches,
more steps, and training images that are shifted a little, the same network is ahead.

With its defaults, :class:`~sk_cifar_ovr.CNNClassifier` chooses all of this from the images.
"""

# %%
# A hundred digits
# ----------------
#
# Five hundred other digits measure the accuracy.

import time

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC

from sk_cifar_ovr import CNNClassifier, load_digit_images

digits = load_digit_images()
X, X_test, y, y_test = train_test_split(
    digits.images, digits.target, test_size=500, stratify=digits.target, random_state=0
)


def draw(n_images):
    """A stratified part of the training images."""
    part, _, labels, _ = train_test_split(X, y, train_size=n_images, stratify=y, random_state=0)
    return part, labels


X_small, y_small = draw(100)
ten_epochs = CNNClassifier(epochs=10, batch_size=128, recipe=None, random_state=0).fit(X_small, y_small)
print(f"ten epochs in batches of 128: {ten_epochs.score(X_test, y_test):.2f}")

# %%
# The defaults take smaller batches and more epochs, and say so before they begin if ``verbose=1``.

began = time.perf_counter()
chosen = CNNClassifier(random_state=0).fit(X_small, y_small)
print(f"defaults: {chosen.score(X_test, y_test):.2f} after {time.perf_counter() - began:.0f} s")
print(f"{chosen.epochs_} epochs in batches of {chosen.batch_size_}")
print(*(f"{name} = {value}" for name, value in chosen.recipe_.items()), sep="\n")

# %%
# Digits are shifted by one pixel, an eighth of their side, and not mirrored: a quick test on the training images showed
# that the mirror image of a digit is no longer that digit. Photographs of animals are mirrored.
#
# Every choice can be replaced. A number that you give is taken as it is, and ``recipe=None`` changes nothing else.
#
# With more images
# ----------------


def svc_accuracy(part, labels):
    """Accuracy of a support vector machine with the best of nine settings."""
    grid = {"C": [1, 10, 100], "gamma": ["scale", 0.02, 0.05]}
    search = GridSearchCV(SVC(), grid, cv=3).fit(part.reshape(len(part), -1) / 255, labels)
    return search.score(X_test.reshape(len(X_test), -1) / 255, y_test)


sizes = [50, 100, 200]
accuracy: dict[str, list[float]] = {"support vector machine": [], "CNNClassifier()": []}
for n_images in sizes:
    part, labels = draw(n_images)
    accuracy["support vector machine"].append(svc_accuracy(part, labels))
    accuracy["CNNClassifier()"].append(CNNClassifier(random_state=0).fit(part, labels).score(X_test, y_test))

_, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, values in accuracy.items():
    ax.plot(sizes, values, marker="o", label=name)
ax.set(xscale="log", xticks=sizes, xticklabels=sizes, xlabel="training images", ylabel="accuracy on 500 others")
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# This is one draw of the images. ``python benchmarks/few_images.py`` has five, on digits and on CIFAR-10, and other
# methods.
