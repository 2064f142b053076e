"""Samplers of imbalanced-learn on images: images and labels in, resampled images and labels of the same dtype out."""

from ._image_sampler import ImageSampler
from ._resampling import (
    Sampler,
    check_enough_images,
    check_strategy,
    checked_clone,
    resample,
    selected_indices,
    selects_samples,
)

__all__ = [
    "ImageSampler",
    "Sampler",
    "check_enough_images",
    "check_strategy",
    "checked_clone",
    "resample",
    "selected_indices",
    "selects_samples",
]
