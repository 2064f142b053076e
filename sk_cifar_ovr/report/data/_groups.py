"""Groups of images that a run keeps on one side of its splits."""

import difflib
import re
from dataclasses import dataclass

import numpy as np
from sklearn.utils import Bunch

from ..._shared.groups import group_codes
from ...datasets import near_duplicates
from ...datasets.files import printable
from ...exceptions import DatasetError

DUPLICATES = "duplicates"
# Names of files in a message.
N_SHOWN = 3
# Columns in a message.
N_COLUMNS = 20


@dataclass(frozen=True)
class Groups:
    """Groups of images.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        Group of each image.
    by : str
        How images were grouped, after the word "groups".
    """

    codes: np.ndarray
    by: str

    def described(self) -> str:
        """Return how images were grouped, and the number of groups."""
        sizes = np.bincount(self.codes)
        return f"{np.count_nonzero(sizes):,} groups {self.by}; the largest holds {sizes.max():,} images"


def find_groups(groups: str, data: Bunch, *, verbose: int = 0) -> Groups:
    """Group the images of a dataset.

    Parameters
    ----------
    groups : str
        A column of the table that lists the images, "duplicates" (near-identical images are one group), or a regular
        expression that is searched in the path of each image. The first capture group of the expression, or the whole
        match if it has none, names the group.
    data : Bunch
        From one of the loaders.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    Groups

    Raises
    ------
    DatasetError
        If a cell of the column is empty, the paths of some images do not match, or the images have no paths.
    ValueError
        If the expression is no regular expression.
    """
    n_images, table = len(data.images), data.get("frame")
    columns = [] if table is None else list(table.columns)
    if groups in columns:
        try:
            return Groups(group_codes(table[groups], n_images), f"by column {groups!r}")
        except ValueError as error:
            raise DatasetError(
                f"Column {groups!r} cannot group the images, since cells are empty: fill them in ({error})."
            ) from error
    if groups == DUPLICATES:
        return Groups(near_duplicates(data.images, verbose=verbose).groups, "of near-identical images")
    if "filenames" not in data:
        raise DatasetError(f"These images have no file names that {groups!r} could match: pass --groups duplicates.")
    return Groups(group_codes(_matches(groups, data.filenames, columns), n_images), f"by {groups!r} in the file names")


def _matches(pattern: str, names: list[str], columns: list[str]) -> list[str | None]:
    """What the pattern finds in each name."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"--groups {pattern!r} is neither a column nor a regular expression ({error}).") from error
    found = [compiled.search(name) for name in names]
    groups = [match and match[min(1, compiled.groups)] for match in found]
    missing = [printable(name) for name, group in zip(names, groups, strict=True) if group is None]
    if missing:
        names_of_columns = list(map(str, columns))
        similar = difflib.get_close_matches(pattern, names_of_columns, n=1)
        hint = f" Or is it the column {similar[0]!r}?" if similar else ""
        if columns and not similar:
            hint = f" Or name a column: {', '.join(names_of_columns[:N_COLUMNS])}."
        raise DatasetError(
            f"--groups {pattern!r} does not match the file names of {len(missing):,} of {len(names):,} images, such as "
            f"{', '.join(map(repr, missing[:N_SHOWN]))}: pass a regular expression that matches all.{hint}"
        )
    return groups
