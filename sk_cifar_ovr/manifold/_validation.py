"""Checks of the input of t-SNE beyond those of scikit-learn."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sklearn.utils.validation import check_array

from .._shared.missing_values import check_finite_rows, unmasked


@contextmanager
def keeping_last_fit(estimator) -> Iterator[None]:
    """Leave an estimator as it was if the block fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise


def check_values(X):
    """Return samples as they are if no value of an array is masked, NaN or infinite.

    Raises
    ------
    NonFiniteInputError, InputTypeError
        Naming the number of such samples and the first.
    """
    X = unmasked(X, "X")
    if isinstance(X, np.ndarray):
        check_finite_rows(X, "X", rows="samples")
    return X


def check_n_samples(n_samples: int, name: str, perplexity: float | None) -> None:
    """Check that there are enough samples for t-SNE.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    name : str
        What they are called in the message: "samples" or "distinct samples".
    perplexity : float or None
        Effective number of neighbors; None if it is not used.

    Raises
    ------
    ValueError
        If there are fewer than 3 samples or fewer than three times the perplexity.
    """
    if n_samples == 1:
        raise ValueError("All samples of X are equal (constant features). t-SNE needs samples that differ.")
    if n_samples < 3:
        raise ValueError(f"t-SNE needs at least 3 distinct samples; X has {n_samples} {name}.")
    if perplexity is not None and n_samples < 3 * perplexity:
        raise ValueError(
            f"perplexity={perplexity} needs at least {3 * perplexity:g} distinct samples; X has {n_samples} {name}. "
            f"Set perplexity to {n_samples / 3:.3g} or less."
        )


def check_initialization(initialization, shape: tuple[int, int]) -> np.ndarray | None:
    """Return an array of initial positions as float64, and None for the name of a method.

    Parameters
    ----------
    initialization : str or array-like
        The parameter of `TSNETransformer`.
    shape : (int, int)
        Expected shape of an array.

    Raises
    ------
    ValueError
        If an array has another shape or is not finite.
    """
    if isinstance(initialization, str):
        return None
    positions = check_array(initialization, dtype=np.float64, input_name="initialization")
    if positions.shape != shape:
        raise ValueError(f"initialization has shape {positions.shape}; expected {shape}.")
    return positions
