"""Images, labels and weights as users give them, checked once and brought into one form.

It knows arrays and labels; it knows nothing of networks and trainings.
"""

from ._images import (
    LEARNT,
    check_same_shape,
    checked_images,
    images_like_fitted,
    keeps_last_fit,
    row_shape,
)
from ._labelled_images import (
    LabelledImages,
    check_known_columns,
    check_one_kind,
    check_partial_fit,
    checked_weights,
    labelled_images,
)
from ._pixel_scale import pixel_scale, warn_of_no_pixels, warn_of_scale

__all__ = [
    "LEARNT",
    "LabelledImages",
    "check_known_columns",
    "check_one_kind",
    "check_partial_fit",
    "check_same_shape",
    "checked_images",
    "checked_weights",
    "images_like_fitted",
    "keeps_last_fit",
    "labelled_images",
    "pixel_scale",
    "row_shape",
    "warn_of_no_pixels",
    "warn_of_scale",
]
