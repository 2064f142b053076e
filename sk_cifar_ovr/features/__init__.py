"""The output of a layer of a trained network as a transformer: images in, one row of features an image out."""

from ._features import CNNFeatures

__all__ = ["CNNFeatures"]
