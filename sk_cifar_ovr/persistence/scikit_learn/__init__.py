"""Objects of scikit-learn, imbalanced-learn and SciPy as documents, written and audited by skops.

Objects that skops does not write are replaced by references to documents of their own.
"""

from ._distributions import distribution_document, distribution_from, is_distribution
from ._documents import is_scikit_learn_part, scikit_learn_document, scikit_learn_object
from ._loaded_objects import check_objects
from ._references import Reference

__all__ = [
    "Reference",
    "check_objects",
    "distribution_document",
    "distribution_from",
    "is_distribution",
    "is_scikit_learn_part",
    "scikit_learn_document",
    "scikit_learn_object",
]
