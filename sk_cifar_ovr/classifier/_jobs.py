"""From an estimator's parameters and its data to a fit that is checked and ready to run."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..augment import AUGMENTATIONS
from ..engine import FittedNetwork, Trained, prepare_folder
from ..engine.compiled import NetworkSpec, resolve_precision
from ..exceptions import ColorWarning, ImageShapeError, PixelScaleWarning
from ..networks import Pretrained, find_builder, is_builtin, split_weights, warn_of_grey
from ._input_validation import check_same_images, pixel_scale, row_shape, shaped, warn_of_no_pixels, warn_of_scale
from ._labels import checked_classes
from ._recipes import find_augmentation, with_recipe
from ._scikeras import Bridge, check_routed, check_routed_names, loss_class, optimizer_class


@dataclass(frozen=True)
class Job:
    """One fit, checked and ready to run.

    Attributes
    ----------
    X : ndarray, shape (n, *shape)
    bridge : Bridge
    spec : NetworkSpec
    shape : tuple of int
    scale : float
    seed : int
    settings : CNNClassifier
        Its parameters, the recipe spelt out.
    earlier : FittedNetwork or None
        Where to go on from.
    first_epoch : int
        Epochs trained earlier.
    pretrained : Pretrained or None
        Weights of the backbone to start anew with.
    """

    X: np.ndarray
    bridge: Bridge
    spec: NetworkSpec
    shape: tuple[int, ...]
    scale: float
    seed: int
    settings: Any
    earlier: FittedNetwork | None = None
    first_epoch: int = 0
    pretrained: Pretrained | None = None

    def fitted(self, trained: Trained) -> FittedNetwork:
        """The trained network."""
        return FittedNetwork(
            self.spec,
            self.shape,
            self.scale,
            trained.state,
            trained.optimizer_state,
            mirror=self.settings.test_flip,
            shift=self.settings.test_shift,
        )


def make_job(estimator, X, y, *, classes=None, earlier: FittedNetwork | None = None) -> Job:
    """Check everything about a fit that can be checked before it starts.

    Parameters
    ----------
    estimator : CNNClassifier
        Its parameters count.
    X : ndarray, shape (n, ...)
    y : ndarray of shape (n,)
    classes : array-like or None
        All labels, where y need not hold them all.
    earlier : FittedNetwork or None
        Where to go on from.

    Returns
    -------
    Job

    Raises
    ------
    ValueError, TypeError
        Naming the parameter or the fault of the data.
    """
    name = type(estimator).__name__
    check_routed_names(estimator._routed, name, own=estimator._get_param_names())
    settings = with_recipe(estimator)
    builder = find_builder(settings.model)
    loss, optimizer = loss_class(settings.loss), optimizer_class(settings.optimizer)
    augment = AUGMENTATIONS[settings.augment] if isinstance(settings.augment, str) else settings.augment
    check_routed(settings._routed, model=builder, loss=loss, optimizer=optimizer, augment=augment)
    if earlier is not None:
        shape, scale, classes = earlier.shape, earlier.scale, estimator.classes_
        check_same_images(X, shape, name)
        X = shaped(X, shape)
        warn_of_scale(X, shape, expected_scale(settings.model, scale), name)
    else:
        shape = row_shape(X, settings.image_shape)
        X = shaped(X, shape)
        scale = pixel_scale(X, name) if len(shape) == 3 or is_builtin(builder) else 1.0
        if is_builtin(builder):
            warn_of_no_pixels(X, name)
        warn_of_grey(builder, shape, name)
    classes = checked_classes(y, classes, name)
    routed, pretrained = split_weights(builder, settings._routed)
    if pretrained is not None and earlier is None:
        pretrained.check()
    if settings.feature_cache is not None:
        prepare_folder(settings.feature_cache)
    bridge = Bridge(builder, loss=loss, optimizer=optimizer, image_shape=shape, **routed)
    bridge.learn_meta(X, classes)
    if len(shape) != 3 and (settings.test_flip or settings.test_shift):
        raise ImageShapeError("test_flip and test_shift change images, and X holds flat rows: set image_shape.")
    if len(shape) == 3 and settings.test_shift >= min(shape[:2]):
        raise ImageShapeError(f"test_shift={settings.test_shift} moves images of shape {shape} out of sight.")
    spec = bridge.network_spec(
        resolve_precision(settings.precision, builtin=is_builtin(builder)),
        augment=find_augmentation(settings.augment, settings._routed),
    )
    seed = int(check_random_state(settings.random_state).randint(np.iinfo(np.int32).max))
    first_epoch = 0 if earlier is None else estimator.n_iter_
    return Job(X, bridge, spec, shape, scale, seed, settings, earlier, first_epoch, pretrained)


def untrained_network(estimator, X, y) -> NetworkSpec:
    """The network that a fit would train; checks what `make_job` checks, silent about scale and colour of pixels.

    Parameters
    ----------
    estimator : CNNClassifier
        A clone: a ``RandomState`` of its own is drawn from.
    X : ndarray, shape (n, ...)
    y : ndarray of shape (n,)

    Returns
    -------
    NetworkSpec
    """
    with warnings.catch_warnings():
        for of_images in (PixelScaleWarning, ColorWarning):
            warnings.simplefilter("ignore", of_images)
        return make_job(estimator, X, y).spec


def expected_scale(model, scale: float) -> float | None:
    """The scale that rows are to have, as in fit; None where a network of one's own may have been fitted on any."""
    return scale if scale != 1 or is_builtin(find_builder(model)) else None
