"""Errors and warnings of this package. Each is a subclass of an exception or warning of Python or scikit-learn."""

from sklearn.exceptions import DataConversionWarning


class CheckpointError(ValueError):
    """A folder of checkpoints that holds an unfinished training with other data or settings."""


class DatasetError(ValueError):
    """A folder, archive or image file that cannot be read as a dataset."""


class ChecksumError(DatasetError):
    """A file whose checksum differs from the published one."""


class ImageShapeError(ValueError):
    """Images whose shape a network does not accept."""


class InputTypeError(TypeError, ValueError):
    """Images or labels of a type that an estimator does not take; both errors, as scikit-learn raises either."""


class NetworkError(ValueError):
    """A builder that returns an unsuitable model, or a model that cannot be used in the way asked for."""


class NonFiniteInputError(ValueError):
    """Images, labels or weights that hold NaN or infinity; the message names how many and the first."""


class NonFiniteLossError(ArithmeticError):
    """The training loss became NaN or infinite."""


class NonFiniteOutputError(ArithmeticError):
    """A network gives NaN or infinity for images; the message names how many and the first."""


class PixelScaleError(ValueError):
    """Integer pixels above white, which is 255 or `pixel_max`."""


class ResamplingError(ValueError):
    """Images that a sampler cannot resample, or a sampler that does not suit the one-vs-rest strategy."""


class SavedFileError(ValueError):
    """A saved estimator that is damaged or refers to something that is not trusted."""


class WeightsError(ValueError):
    """Pretrained weights that are damaged, belong to another network, or cannot be downloaded."""


class UnknownParameterError(TypeError, ValueError):
    """An unknown parameter name.

    It is a ``TypeError``, as Python raises for an unknown argument, and a ``ValueError``, as scikit-learn's
    ``set_params`` raises.
    """


class ParameterTypeError(TypeError, ValueError):
    """A parameter of a type that the estimator does not take; both errors, as scikit-learn's own is."""


class MissingExtraError(ImportError):
    """A feature that needs an optional library that is not installed."""


class PixelScaleWarning(DataConversionWarning):
    """Pixels may be on another scale than intended: floats within 0-1 are read as 0-1, everything else as 0-255."""


class ColorWarning(DataConversionWarning):
    """Grey images were copied to the three channels that a pretrained network needs."""


class BatchSizeWarning(UserWarning):
    """Memory was not enough for a batch of images, and they were predicted in smaller ones."""


class CheckpointWarning(UserWarning):
    """A checkpoint that is damaged, cannot be written, or belongs to another training."""


class RareClassWarning(UserWarning):
    """Classes with too few images or groups to tune thresholds or calibrators, or to hold images out for validation."""


class ThresholdPromiseWarning(UserWarning):
    """Classes for which no threshold reaches the promised precision in cross-fitting."""
