"""Near-identical images that stand on both sides of the split of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...datasets import near_duplicates


@dataclass(frozen=True)
class Copies:
    """Test images that are near-identical to a training image.

    Attributes
    ----------
    test, train : ndarray of int, shape (m,)
        Index of each such test image, and of the training image that is closest to it. The closest pair is first.
    """

    test: np.ndarray
    train: np.ndarray

    def __len__(self) -> int:
        return len(self.test)

    def names(self, names_test: Sequence[str], names_train: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the names of the test images, and of the training images, of all pairs."""
        return [names_test[i] for i in self.test], [names_train[i] for i in self.train]


def find_copies(X_train, X_test, verbose: int = 0) -> Copies:
    """Compare test images with training images; see `near_duplicates`.

    Parameters
    ----------
    X_train, X_test : array-like, shape (n, h, w, c)
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    Copies
    """
    found = near_duplicates(X_test, X_train, n_closest=1, verbose=verbose)
    test, train = found.pairs[np.argsort(found.differences, kind="stable")].T
    return Copies(test, train)
