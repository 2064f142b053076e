"""t-SNE as a transformer that also places rows it never saw. It knows rows of numbers only, no images or networks."""

from ._tsne import TSNETransformer

__all__ = ["TSNETransformer"]
