"""Near-identical images: perceptual hashes, and the pairs and groups of images that agree."""

from ._near_duplicates import near_duplicates

__all__ = ["near_duplicates"]
