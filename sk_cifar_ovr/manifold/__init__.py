"""t-SNE as a transformer that also embeds samples it was not fitted on.

The input is a table of numbers, distances or affinities, with one sample per row. The output is an array of one to
three coordinates per sample. The room does not know images, labels or networks.
"""

from ._tsne import TSNETransformer

__all__ = ["TSNETransformer"]
