"""Keras models that exist already, as networks: read from files, copied, fitted to images and classes.

A model or a file goes in, a builder or plain data that makes copies comes out. The model is never changed, and no code
from a file is run.
"""

from ._builder import copy_of, is_keras_model, keras_model, snapshot
from ._copies import ModelCopies, copies_of
from ._files import check_config, is_model_path, read_model
from ._pixels import PIXELS, takes_raw_pixels

__all__ = [
    "PIXELS",
    "ModelCopies",
    "check_config",
    "copies_of",
    "copy_of",
    "is_keras_model",
    "is_model_path",
    "keras_model",
    "read_model",
    "snapshot",
    "takes_raw_pixels",
]
