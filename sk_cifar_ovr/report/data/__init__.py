"""The data of a run: read, grouped, split into a training and a test part, and searched for copies on both sides."""

from ._load import ImageOptions, LabelTable, load_train_test_split
from ._train_test_split import TrainTestSplit, listed

__all__ = ["ImageOptions", "LabelTable", "TrainTestSplit", "listed", "load_train_test_split"]
