"""NaN, infinity and masked entries: refused, with how many there are and where the first is."""

from collections.abc import Callable

import numpy as np

from ..exceptions import InputTypeError, NonFiniteInputError


def check_finite_rows(values: np.ndarray, name: str, *, rows: str = "rows", largest: float = np.inf) -> None:
    """Refuse an array with values that are not finite.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        Of any dtype; all but floats pass.
    name : str
        Name of the argument, for the message.
    rows : str, default="rows"
        What the rows are, for the message.
    largest : float, default=inf
        Values beyond it are refused as well, as too large for float32.

    Raises
    ------
    NonFiniteInputError
        Naming the number of rows with such values, and the index of the first.

    Examples
    --------
    >>> check_finite_rows(np.array([[1.0], [np.nan]]), "X", rows="images")
    Traceback (most recent call last):
        ...
    sk_cifar_ovr.exceptions.NonFiniteInputError: Input X contains NaN in 1 of 2 images, the first at index 1: ...
    """
    if values.dtype.kind != "f" or not values.size:
        return
    # NaN and infinity remain in a sum. It may overflow by itself: then the values decide.
    with np.errstate(over="ignore", invalid="ignore"):
        is_fine = np.isfinite(values.sum(dtype=np.result_type(values, np.float32)))
    if is_fine and (largest == np.inf or max(float(values.max()), -float(values.min())) <= largest):
        return
    kinds: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "NaN": np.isnan,
        "infinity": np.isinf,
        "values too large for float32": lambda row: np.abs(row) > largest,
    }
    flat = values.reshape(len(values), -1)
    for kind, is_wrong in kinds.items():
        found = np.flatnonzero([is_wrong(row).any() for row in flat])
        if len(found):
            raise NonFiniteInputError(
                f"Input {name} contains {kind} in {len(found)} of {len(flat)} {rows}, the first at index {found[0]}: "
                f"replace such values, or leave out these {rows}."
            )


def unmasked(values, name: str):
    """The values of a masked array in which nothing is masked; anything else as it is.

    Raises
    ------
    InputTypeError
        If something is masked; names the number of rows and the index of the first.

    Examples
    --------
    >>> unmasked(np.ma.array([1, 2], mask=[False, True]), "y")
    Traceback (most recent call last):
        ...
    sk_cifar_ovr.exceptions.InputTypeError: y is a masked array with 1 masked of 2 values, in 1 of 2 rows, the first ...
    """
    if not isinstance(values, np.ma.MaskedArray):
        return values
    mask = np.atleast_1d(np.ma.getmaskarray(values))
    rows = np.flatnonzero(mask.reshape(len(mask), -1).any(axis=1))
    if len(rows):
        raise InputTypeError(
            f"{name} is a masked array with {np.count_nonzero(mask)} masked of {mask.size} values, in {len(rows)} of "
            f"{len(mask)} rows, the first at index {rows[0]}, and all values are needed: fill them ({name}.filled(0)), "
            "or leave out these rows."
        )
    return np.asarray(values.data)
