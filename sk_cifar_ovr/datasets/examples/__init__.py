"""Images as other libraries give them, one after another: found in a source, brought to pixels, and their labels.

No other library is imported: its objects are recognised by their types.
"""

from ._labels import target_of
from ._pixels import ImageStack, Pixels, read_pixels
from ._sources import Examples, examples_of

__all__ = ["Examples", "ImageStack", "Pixels", "examples_of", "read_pixels", "target_of"]
