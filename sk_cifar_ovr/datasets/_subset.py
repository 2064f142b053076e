"""The `subset` parameter of the loaders: which parts of a dataset are read."""

from typing import Literal

from ..exceptions import DatasetError

PARTS = ("train", "test")
Subset = Literal["train", "test", "all"] | None


def select_parts(subset: Subset, parts: list[str], name: str) -> list[str]:
    """Select the parts of a dataset that belong to a subset.

    Parameters
    ----------
    subset : {None, "train", "test", "all"}
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
    if subset not in (None, "all", *PARTS):
        raise ValueError(f"subset is {subset!r}; it must be None, 'train', 'test' or 'all'.")
    if subset == "all" or (subset is None and parts == [""]):
        return parts
    wanted = subset or "train"
    if wanted in parts:
        return [wanted]
    if parts == [""]:
        raise DatasetError(f"{name} is not split, so it has no part {wanted!r}. Pass subset=None and split it.")
    raise DatasetError(f"{name} has no part {wanted!r}, only {parts[0]!r}. Pass subset={parts[0]!r}.")
