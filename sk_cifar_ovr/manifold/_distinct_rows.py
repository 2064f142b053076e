"""Which rows of a matrix equal one another."""

from hashlib import blake2b

import numpy as np
from scipy import sparse


def digests(X):
    """One key a row, equal for equal rows."""
    if sparse.issparse(X):
        X.sum_duplicates()
        X.eliminate_zeros()
        for start, stop in zip(X.indptr, X.indptr[1:], strict=False):
            yield blake2b(X.indices[start:stop].tobytes() + X.data[start:stop].tobytes(), digest_size=16).digest()
        return
    for row in X:
        # Adding zero turns -0.0 into 0.0, which equals it.
        yield blake2b((row + 0).tobytes(), digest_size=16).digest()


def distinct(X) -> tuple[np.ndarray, np.ndarray]:
    """Positions of rows that no earlier row equals, and for each row which of these it equals."""
    seen: dict[bytes, int] = {}
    where = np.array([seen.setdefault(key, len(seen)) for key in digests(X)])
    first = np.unique(where, return_index=True)[1]
    return first, where
