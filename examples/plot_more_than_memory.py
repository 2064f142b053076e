"""
===============================
More images than memory holds
===============================

A million photographs do not fit into memory. Estimators read images in batches, so they do not need to: this example
trains on files that are decoded when they are needed, on a cache of decoded pixels, and on an HDF5 file. All of them
can be split, cross-validated and searched like an array.
"""

# %%
# Files that are read when they are needed
# ----------------------------------------
#
# We write scikit-learn's handwritten digits to PNG files, one folder per class.

import tempfile
from pathlib import Path

import h5py
import numpy as np
from PIL import Image
from sklearn.model_selection import cross_val_score, train_test_split

from sk_cifar_ovr import CNNClassifier, load_digit_images, load_image_folder

temporary = tempfile.TemporaryDirectory()
root = Path(temporary.name)
digits = load_digit_images()
for i, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
    path = root / "images" / str(label) / f"{i}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0]).save(path)

# %%
# With ``lazy=True``, ``images`` is an array of files. It knows its shape and can be indexed; pixels are read only when
# a batch needs them. A part of it is a view, not a copy.

data = load_image_folder(root / "images", lazy=True, verbose=0)
data.images

# %%
data.images[10].shape, data.images[data.target == 3]

# %%
# It goes wherever an array goes. During the training, threads decode the next batches while the network trains.

X_train, X_test, y_train, y_test = train_test_split(data.images, data.target, test_size=0.3, random_state=0)
classifier = CNNClassifier(epochs=5, random_state=0).fit(X_train, y_train)
print(f"accuracy: {classifier.score(X_test, y_test):.3f}")

# %%
print("cross-validated:", cross_val_score(CNNClassifier(epochs=5, random_state=0), X_train, y_train, cv=3).round(3))

# %%
# Decode once
# -----------
#
# Every epoch decodes the files again. If there is room on the disk, ``cache`` decodes them once into a file of plain
# pixels. The next call with the same images and settings finds it there.

cached = load_image_folder(root / "images", lazy=True, cache=root / "cache", verbose=0)
type(cached.images).__name__, cached.images.shape

# %%
# The results do not depend on where the pixels come from.

same = CNNClassifier(epochs=5, random_state=0).fit(
    cached.images[np.arange(len(y_train))], cached.target[: len(y_train)]
)
again = CNNClassifier(epochs=5, random_state=0).fit(data.images[: len(y_train)], data.target[: len(y_train)])
np.array_equal(same.predict_proba(cached.images[:100]), again.predict_proba(data.images[:100]))

# %%
# HDF5, Zarr, Dask and others
# ---------------------------
#
# Anything with ``shape``, ``dtype`` and ``[]`` is read batch by batch in the same way.

with h5py.File(root / "images.h5", "w") as file:
    pixels = file.create_dataset("pixels", data=digits.images)
    classifier = CNNClassifier(epochs=5, random_state=0).fit(pixels, digits.target)
    print(f"accuracy on the training images: {classifier.score(pixels, digits.target):.3f}")

# %%
# A dataset that gives one example at a time, as those of PyTorch and Hugging Face do, needs a small adapter:


class Images:
    """Images of a dataset whose items are dictionaries with an image of a fixed size."""

    def __init__(self, dataset, shape):
        self.dataset, self.shape, self.dtype = dataset, (len(dataset), *shape), np.dtype("uint8")

    def __getitem__(self, rows):
        rows = np.arange(len(self.dataset))[rows]
        return np.stack([np.asarray(self.dataset[int(i)]["image"]) for i in rows])


dataset = [{"image": image, "label": label} for image, label in zip(digits.images, digits.target, strict=True)]
CNNClassifier(epochs=5, random_state=0).fit(Images(dataset, (8, 8, 1)), digits.target).score(
    Images(dataset, (8, 8, 1)), digits.target
)

# %%
temporary.cleanup()
