"""The images of a run and of `predict`: datasets split into a training and a test part, and new images.

In go paths and the user's choices, out come arrays of images, in memory or read on demand.
"""

from ._new_images import new_image_blocks
from ._train_test_split import ImageOptions, LabelTable, TrainTestSplit, load_train_test_split

__all__ = ["ImageOptions", "LabelTable", "TrainTestSplit", "load_train_test_split", "new_image_blocks"]
