"""Published results on CIFAR-10, kept inside the package."""

from importlib.resources import files

import numpy as np
import pandas as pd

from ._columns import COUNTS
from ._report import OvRReport


def reference_table() -> pd.DataFrame:
    """Return the reference results on the CIFAR-10 test images: ten independent networks with focal loss.

    The table is computed from the published confusion counts. The percentages printed next to those counts are
    rounded differently in places (classes 5 to 9).

    Returns
    -------
    pandas.DataFrame
        Columns of :meth:`~sk_cifar_ovr.OvRReport.frame`, in fractions; `class` is 0 to 9.

    See Also
    --------
    sk_cifar_ovr.OvRReport.beside : Shows own results beside a reference.
    sk_cifar_ovr.plots.ReferenceDisplay : Draws own results beside a reference.

    Examples
    --------
    >>> from sk_cifar_ovr.metrics import reference_table
    >>> means = reference_table()[["class_f1", "macro_f1"]].mean()
    >>> print(f"{means['class_f1']:.3f} {means['macro_f1']:.3f}")
    0.763 0.869
    """
    with (files(__package__) / "reference_table.csv").open() as file:
        counts = pd.read_csv(file)
    confusion = counts[list(COUNTS)].to_numpy(np.int64).reshape(-1, 2, 2)
    return OvRReport(counts["class"].to_numpy(), confusion).frame()
