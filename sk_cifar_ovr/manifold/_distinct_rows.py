"""Equal rows of a dense or sparse matrix, found by hashing."""

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from scipy import sparse


def row_hashes(X) -> Iterator[str]:
    """Hash each row of a matrix, so that equal rows have equal hashes."""
    if sparse.issparse(X):
        X.sum_duplicates()
        X.eliminate_zeros()
        for start, stop in zip(X.indptr, X.indptr[1:], strict=False):
            yield blake2b(X.indices[start:stop].tobytes() + X.data[start:stop].tobytes(), digest_size=16).hexdigest()
        return
    for row in X:
        # -0.0 equals 0.0 but has other bytes; adding zero turns it into 0.0.
        yield blake2b((row + 0).tobytes(), digest_size=16).hexdigest()


def distinct_rows(X) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Find the distinct rows of a matrix.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)

    Returns
    -------
    hashes : list of str
        Hashes of the distinct rows, in the order of their first occurrence.
    first : ndarray of shape (n_distinct,)
        Index of the first occurrence of each distinct row.
    inverse : ndarray of shape (n_samples,)
        For each row of X, its index among the distinct rows.
    """
    found: dict[str, int] = {}
    inverse = np.array([found.setdefault(key, len(found)) for key in row_hashes(X)])
    return list(found), np.unique(inverse, return_index=True)[1], inverse
