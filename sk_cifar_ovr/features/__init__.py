"""Transformer that turns images into features: (n, h, w, c) in, the outputs of a network's layer, (n, d), out.

It takes networks from fitted estimators and knows nothing of how they are trained.
"""

from ._features import CNNFeatures

__all__ = ["CNNFeatures"]
