"""Distributions of SciPy, from which randomized searches draw, by name and arguments."""

from typing import Any

from scipy import stats
from scipy.stats import rv_continuous, rv_discrete

from ...exceptions import SavedFileError

# The class of distributions with arguments has no public name.
_FROZEN: type = type(stats.norm()).__mro__[-2]


def is_distribution(value) -> bool:
    """Whether a value is a distribution of SciPy with its arguments, such as ``scipy.stats.loguniform(1e-4, 1)``."""
    known = getattr(stats, str(getattr(getattr(value, "dist", None), "name", "")), None)
    return isinstance(value, _FROZEN) and known is not None


def distribution_document(value, encode) -> dict[str, Any]:
    """Describe a distribution.

    Parameters
    ----------
    value : frozen distribution
    encode : callable
        Converts its arguments.
    """
    arguments = [encode(argument) for argument in value.args]
    options = {name: encode(argument) for name, argument in value.kwds.items()}
    return {"distribution": {"name": value.dist.name, "arguments": arguments, "options": options}}


def distribution_from(document: dict[str, Any], decode):
    """The distribution that `distribution_document` described.

    Raises
    ------
    SavedFileError
        If SciPy has no such distribution.
    """
    kind = getattr(stats, str(document["name"]), None)
    if not isinstance(kind, (rv_continuous, rv_discrete)):
        raise SavedFileError(f"The file names the distribution {str(document['name'])[:60]!r}, which SciPy lacks.")
    options = {name: decode(argument) for name, argument in document["options"].items()}
    return kind(*[decode(argument) for argument in document["arguments"]], **options)
