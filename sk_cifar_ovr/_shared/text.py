"""Help for error messages."""

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


def nearest(name: str, known: Iterable[str]) -> str:
    """Hint at the most similar of the known names; empty if none is similar."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's own value, which a message shows as ``0`` instead of ``np.int64(0)``."""
    return value.item() if isinstance(value, np.generic) else value
