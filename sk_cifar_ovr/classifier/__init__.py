"""X."""

from ._classifier import CNNClassifier
from ._fitting import run_job
from ._input_validation import as_rows, keeps_last_fit, rows_like_fitted, shaped
from ._jobs import expected_scale, make_job, untrained_network
from ._labels import check_partial_fit, checked_classes, checked_weights, class_weights
from ._recipes import with_recipe
from ._scikeras import Bridge, encoded_rows, fitted_model, is_scikeras, loss_class, optimizer_class

__all__ = [
    "Bridge",
    "CNNClassifier",
    "as_rows",
    "check_partial_fit",
    "checked_classes",
    "checked_weights",
    "class_weights",
    "encoded_rows",
    "expected_scale",
    "fitted_model",
    "is_scikeras",
    "keeps_last_fit",
    "loss_class",
    "make_job",
    "optimizer_class",
    "rows_like_fitted",
    "run_job",
    "shaped",
    "untrained_network",
    "with_recipe",
]
