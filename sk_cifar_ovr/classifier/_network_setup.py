"""From an estimator's parameters and its images to a network, a loss and an optimizer that are checked."""

import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np
from sklearn.utils import check_random_state

from .._shared.variables import OptimizerState, State
from ..augment import AUGMENTATIONS
from ..engine import FittedNetwork, kept_seed, prepare_folder
from ..engine.compiled import NetworkSpec, arguments_key, resolve_precision, seeded_building
from ..exceptions import ColorWarning, ImageShapeError, PixelScaleWarning
from ..networks import (
    ModelCopies,
    Pretrained,
    find_builder,
    is_builtin,
    is_keras_model,
    snapshot,
    split_weights,
    warn_of_grey,
)
from ._loss_and_optimizer import augmentation_layer, loss_class, optimizer_class
from ._routed_parameters import check_routed, check_routed_names, routed_parameters
from ._scikeras import SciKerasAdapter
from .inputs import check_same_shape, pixel_scale, row_shape, warn_of_no_pixels, warn_of_scale
from .recipes import with_recipe


@dataclass(frozen=True)
class NetworkSetup:
    """A network for some images, not trained yet, with the settings of its training.

    Attributes
    ----------
    settings : CNNClassifier
        Its parameters count, those of its recipe set.
    spec : NetworkSpec
    loss : keras.losses.Loss
    optimizer : keras.optimizers.Optimizer
    augmentation : keras.layers.Layer or None
    adapter : SciKerasAdapter
        Encodes labels.
    shape : tuple of int
        Shape of one image.
    scale : float
        Factor of the pixels.
    seed : int
    earlier : FittedNetwork or None
        From which the training continues.
    pretrained : Pretrained or None
        Weights of the backbone for a training that starts anew.
    """

    settings: Any
    spec: NetworkSpec
    loss: keras.losses.Loss
    optimizer: keras.optimizers.Optimizer
    augmentation: keras.layers.Layer | None
    adapter: SciKerasAdapter
    shape: tuple[int, ...]
    scale: float
    seed: int
    earlier: FittedNetwork | None = None
    pretrained: Pretrained | None = None

    @property
    def classes(self) -> np.ndarray:
        """Class labels."""
        return np.asarray(self.adapter.classes_)

    def fitted(self, spec: NetworkSpec, state: State, optimizer_state: OptimizerState | None = None) -> FittedNetwork:
        """The network with trained values."""
        if isinstance(spec.build, ModelCopies):
            # The values with which the training started are not needed any more.
            spec = replace(spec, build=spec.build.without_values())
        views = {"test_flip": self.settings.test_flip, "test_shift": self.settings.test_shift}
        return FittedNetwork(spec, self.shape, self.scale, state, optimizer_state, **views)


def set_up_network(estimator, X, classes, *, earlier: FittedNetwork | None = None) -> NetworkSetup:
    """Check all parameters of an estimator and all that they ask of the images.

    Parameters
    ----------
    estimator : CNNClassifier
        Its parameters count.
    X : ndarray, shape (n, ...)
    classes : ndarray of shape (n_classes,)
    earlier : FittedNetwork or None
        From which the training continues.

    Returns
    -------
    NetworkSetup

    Raises
    ------
    ValueError, TypeError
        Naming the parameter or the fault of the images.
    """
    name = type(estimator).__name__
    check_routed_names(routed_parameters(estimator), name, own=estimator._get_param_names())
    settings = with_recipe(estimator)
    routed = routed_parameters(settings)
    builder, augment = find_builder(settings.model), settings.augment
    loss, optimizer = loss_class(settings.loss), optimizer_class(settings.optimizer)
    augment_class = AUGMENTATIONS[augment] if isinstance(augment, str) else augment
    check_routed(routed, model=builder, loss=loss, optimizer=optimizer, augment=augment_class)
    shape, scale = _shape_and_scale(X, settings, builder, earlier, name)
    _check_test_views(settings, shape)
    kept, pretrained = split_weights(builder, routed)
    if pretrained is not None and earlier is None:
        pretrained.check()
    for folder in ("feature_cache", "checkpoint"):
        prepare_folder(folder, getattr(settings, folder))
    adapter = SciKerasAdapter(builder, loss=loss, optimizer=optimizer, image_shape=shape, **kept)
    # SciKeras learns no more of the images than their shape and dtype.
    adapter.learn_meta(np.zeros((1, *shape), X.dtype), classes)
    precision = resolve_precision(settings.precision, builtin=is_builtin(builder))
    return NetworkSetup(
        settings,
        network_spec(adapter, precision),
        *adapter.compiled_parts(),
        augmentation_layer(augment, routed),
        adapter,
        shape,
        scale,
        seed=_seed(settings),
        earlier=earlier,
        pretrained=pretrained,
    )


def _seed(settings) -> int:
    """Seed of one training; drawn anew by each without `random_state`, unless it may have to go on."""
    random_state = settings.random_state
    if settings.checkpoint is not None and random_state is None:
        random_state = kept_seed(settings.checkpoint)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def network_spec(adapter: SciKerasAdapter, precision: str | None) -> NetworkSpec:
    """The network that SciKeras would build; the key of a built-in one is known before it is built."""
    call = adapter.builder_call()
    with seeded_building(0):
        copies = snapshot(call)
    spec = NetworkSpec(copies or call, int(adapter.n_classes_), precision)
    return replace(spec, key=_builtin_key(call)) if is_builtin(call.func) else spec


def restored_spec(estimator, classes, shape, precision: str | None, n_heads: int | None) -> NetworkSpec:
    """The network that an estimator's parameters describe, without images.

    Parameters
    ----------
    estimator : CNNClassifier
    classes : ndarray of shape (n_classes,)
    shape : tuple of int
        Shape of one image.
    precision : str or None
    n_heads : int or None
        As in `NetworkSpec`.
    """
    builder = find_builder(estimator.model)
    kept, _ = split_weights(builder, routed_parameters(estimator))
    loss, optimizer = loss_class(estimator.loss), optimizer_class(estimator.optimizer)
    adapter = SciKerasAdapter(builder, loss=loss, optimizer=optimizer, image_shape=shape, **kept)
    adapter.learn_meta(np.zeros((1, *shape), "uint8"), classes)
    return replace(network_spec(adapter, precision), n_heads=n_heads)


def untrained_spec(estimator, X, classes) -> NetworkSpec:
    """The network that a fit would train, after all checks of `set_up_network`, without their warnings.

    Parameters
    ----------
    estimator : CNNClassifier
        A clone, since a ``RandomState`` in it is drawn from.
    X : ndarray, shape (n, ...)
    classes : ndarray of shape (n_classes,)
    """
    with warnings.catch_warnings():
        for of_images in (PixelScaleWarning, ColorWarning):
            warnings.simplefilter("ignore", of_images)
        return set_up_network(estimator, X, classes).spec


def expected_scale(model, scale: float) -> float | None:
    """Pixel scale to check in prediction; None skips the check, for a user's builder fitted without scaling."""
    return scale if scale != 1 or is_keras_model(model) or is_builtin(find_builder(model)) else None


def _shape_and_scale(X, settings, builder, earlier: FittedNetwork | None, name: str) -> tuple[tuple[int, ...], float]:
    """Shape of one image and factor of the pixels, those of the earlier network if there is one."""
    if earlier is not None:
        check_same_shape(X, earlier.shape, name)
        _check_same_white(settings.pixel_max, earlier.scale)
        warn_of_scale(X, earlier.shape, expected_scale(settings.model, earlier.scale), name)
        return earlier.shape, earlier.scale
    shape = row_shape(X, settings.image_shape)
    is_scaled = len(shape) == 3 or is_builtin(builder) or settings.pixel_max is not None
    scale = pixel_scale(X, name, settings.pixel_max) if is_scaled else 1.0
    if is_builtin(builder):
        warn_of_no_pixels(X, scale, name, told=settings.pixel_max is not None)
    warn_of_grey(builder, shape, name)
    return shape, scale


def _check_same_white(pixel_max: float | None, scale: float) -> None:
    """Refuse another value of white than that of the fit from which this one continues."""
    if pixel_max is not None and 255.0 / float(pixel_max) != scale:
        raise ValueError(
            f"pixel_max={pixel_max!r}, and in the last fit white was {255 / scale:.6g}: fit a clone instead."
        )


def _check_test_views(settings, shape: tuple[int, ...]) -> None:
    """Refuse test-time views that the images cannot have."""
    if len(shape) != 3 and (settings.test_flip or settings.test_shift):
        raise ImageShapeError("test_flip and test_shift change images, and X holds flat rows: set image_shape.")
    if len(shape) == 3 and settings.test_shift >= min(shape[:2]):
        raise ImageShapeError(f"test_shift={settings.test_shift} moves images of shape {shape} out of sight.")


def _builtin_key(call: partial) -> str | None:
    """Key of a built-in network: its builder reads its options, the shape of an image and the number of classes."""
    options = {name: value for name, value in call.keywords.items() if name != "meta"}
    meta = call.keywords["meta"]
    return arguments_key(
        call.func.__module__, call.func.__qualname__, options, meta["image_shape_"], meta["n_classes_"]
    )
