"""Samplers of imbalanced-learn on images: images and labels in, resampled images and labels of the same dtype out."""

from ._image_sampler import ImageSampler
from ._resampling import (
    check_enough_images,
    check_sampler,
    check_strategy,
    checked_clone,
    resample,
    selected_indices,
    selects_samples,
)

__all__ = [
    "ImageSampler",
    "check_enough_images",
    "check_sampler",
    "check_strategy",
    "checked_clone",
    "resample",
    "selected_indices",
    "selects_samples",
]
