"""The errors and warnings this package raises; each is also one of Python's or scikit-learn's own."""

from sklearn.exceptions import DataConversionWarning


class DatasetError(ValueError):
    """A folder, archive or image file that cannot be read as a dataset."""


class ChecksumError(DatasetError):
    """A file whose checksum is not the published one."""


class ImageShapeError(ValueError):
    """Images whose shape a network cannot take."""


class NetworkError(ValueError):
    """A builder that returned something other than an uncompiled softmax classifier, or cannot be cut."""


class NonFiniteLossError(ArithmeticError):
    """The training loss became NaN or infinite."""


class ResamplingError(ValueError):
    """Images that a sampler cannot resample, or not in the strategy it is used in."""


class SavedFileError(ValueError):
    """A saved estimator that is damaged, or names something that is not trusted."""


class WeightsError(ValueError):
    """Weights of a pretrained network that are damaged, of another network, or out of reach."""


class UnknownParameterError(TypeError, ValueError):
    """A parameter name that nothing takes.

    Both a ``TypeError`` (what Python raises for an unknown argument) and a ``ValueError`` (what
    scikit-learn's ``set_params`` raises).
    """


class MissingExtraError(ImportError):
    """A part that needs an optional library, which is not installed."""


class PixelScaleWarning(DataConversionWarning):
    """Pixels may be on another scale than is meant: floats within 0-1 are taken as 0-1, all else as 0-255."""


class ColorWarning(DataConversionWarning):
    """Grey images were repeated to the three channels that a pretrained network takes."""
