"""The `min_images` parameter of the loaders: classes that are too small are left out."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from ..exceptions import DatasetError


def check_min_images(min_images: Any) -> None:
    """Raise ValueError unless `min_images` is a positive integer."""
    if not isinstance(min_images, Integral) or isinstance(min_images, bool) or min_images < 1:
        raise ValueError(f"min_images is {min_images!r}; it must be a positive integer.")


def small_classes(sizes: dict[str, int], min_images: int, name: str) -> dict[str, int]:
    """Select the classes with fewer than `min_images` images.

    Parameters
    ----------
    sizes : dict of str to int
        Number of images of each class.
    min_images : int
        1 selects no class.
    name : str
        Name of the dataset in error messages.

    Returns
    -------
    dict of str to int

    Raises
    ------
    DatasetError
        If fewer than two classes would be left.
    """
    if min_images == 1:
        return {}
    small = {label: n for label, n in sizes.items() if n < min_images}
    if len(sizes) - len(small) < 2:
        largest = sorted(sizes.values(), reverse=True)[:2]
        raise DatasetError(
            f"{name} has fewer than two classes of at least {min_images} images; the largest have "
            f"{' and '.join(map(str, largest))}. Pass a smaller min_images."
        )
    return small
