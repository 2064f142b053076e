"""The estimators of this package as documents: what is written of each, checked and given back.

Arrays and other objects are numbers here; an encoder and a decoder know what they stand for.
"""

from ._kinds import BY_NAME, KINDS, estimator_document, estimator_from
from ._network_size import check_size, without_values
from ._networks import NetworkDecoder

__all__ = ["BY_NAME", "KINDS", "NetworkDecoder", "check_size", "estimator_document", "estimator_from", "without_values"]
