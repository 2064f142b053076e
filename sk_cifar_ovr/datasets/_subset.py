"""The `subset` parameter of the loaders: which parts of a dataset are read."""

from typing import Literal

from ..exceptions import DatasetError

PARTS = ("train", "val", "test")
Subset = Literal["train", "val", "test", "all"] | None


def check_subset(subset: Subset) -> None:
    """Raise ValueError for an unknown subset."""
    if subset not in (None, "all", *PARTS):
        raise ValueError(f"subset is {subset!r}; it must be None, 'train', 'val', 'test' or 'all'.")


def select_parts(subset: Subset, parts: list[str], name: str) -> list[str]:
    """Select the parts of a dataset that belong to a subset.

    Parameters
    ----------
    subset : {None, "train", "val", "test", "all"}
        None is the training part, or all images if the dataset is not split.
    parts : list of str
        Parts of the dataset; ``[""]`` if it is not split.
    name : str
        Name of the dataset in error messages.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If `subset` has another value.
    DatasetError
        If the dataset has no such part.
    """
    check_subset(subset)
    if subset == "all" or (subset is None and parts == [""]):
        return parts
    wanted = subset or "train"
    if wanted in parts:
        return [wanted]
    if parts == [""]:
        raise DatasetError(f"{name} is not split, so it has no part {wanted!r}. Pass subset=None and split it.")
    shown = " and ".join(map(repr, parts))
    raise DatasetError(f"{name} has no part {wanted!r}, only {shown}. Pass subset={parts[0]!r}.")
