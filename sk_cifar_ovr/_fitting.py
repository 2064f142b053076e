"""From an estimator's parameters and its data to a trained network."""

import inspect
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from sklearn.utils import check_random_state

from ._backends import rate_is_value
from ._batches import make_draw
from ._features_store import prepare_folder
from ._labels import checked_classes
from ._objective import make_objective
from ._phases import Phases, train_in_phases
from ._precision import resolve_precision
from ._prediction import predict
from ._pretrained import Pretrained
from ._problem_samplers import ProblemSampler
from ._programs import NetworkSpec, borrow, build_model
from ._progress import Progress
from ._recipes import find_augmentation, with_recipe
from ._rows import check_same_images, pixel_scale, row_shape, shaped
from ._scikeras import Bridge, check_routed, check_routed_names, loss_class, nearest, optimizer_class
from ._state import OptimizerState, State
from ._training import Schedule, Trained
from ._training_rows import split
from ._weighted_rows import Rows
from .augment import AUGMENTATIONS
from .backbones import split_weights, warn_of_grey
from .exceptions import ColorWarning, ImageShapeError, PixelScaleWarning
from .networks import BUILDERS

KERAS_MOMENTUM = 0.99
EMA_REACH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass
class FittedNetwork:
    """A trained network: how to build it, and its values.

    Attributes
    ----------
    spec : NetworkSpec
    shape : tuple of int
        Shape of one row.
    scale : float
        What pixels are multiplied with.
    state : list of ndarray
        Values of all variables.
    optimizer_state : OptimizerState or None
        Where a later training may go on from.
    mirror : bool
        Whether predictions are averaged over each image and its mirror image.
    shift : int
        Pixels by which images are moved for more views to average over; 0 takes none.
    """

    spec: NetworkSpec
    shape: tuple[int, ...]
    scale: float
    state: State
    optimizer_state: OptimizerState | None = None
    mirror: bool = False
    shift: int = 0

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Output for all rows, shape (n, n_classes)."""
        X = shaped(X, self.shape)
        return predict(self.spec, self.state, X, self.scale, mirror=self.mirror, shift=self.shift)

    def model(self) -> keras.Model:
        """The network as a plain Keras model, built when first asked for."""
        if not hasattr(self, "_model"):
            self._model = build_model(self.spec, self.state)
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_model"}


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
    else:
        shape = row_shape(X, settings.image_shape)
        X = shaped(X, shape)
        scale = pixel_scale(X, name) if len(shape) == 3 or is_builtin(builder) else 1.0
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


def find_builder(model):
    """Builder of that name, or the callable given.

    Raises
    ------
    ValueError
        If no built-in network has that name; names the nearest one.
    TypeError
        If it is a model or a class instead of a builder.
    """
    if isinstance(model, str):
        if model not in BUILDERS:
            raise ValueError(
                f"model={model!r}{nearest(model, BUILDERS)}: use one of {sorted(BUILDERS)} or a builder. Any other "
                "network of keras.applications is model='keras_application' with its name, such as "
                "model__name='ResNet101'."
            )
        return BUILDERS[model]
    if isinstance(model, keras.Model) or inspect.isclass(model):
        raise TypeError(
            "model must be the name of a built-in network or a builder, a function (meta, *, ...) -> keras.Model "
            f"that makes a new network for each fit; got {model!r}."
        )
    # SciKeras takes functions and partial objects, and no other callable.
    return model if inspect.isfunction(model) or isinstance(model, partial) else partial(model)


def is_builtin(builder) -> bool:
    """Whether a builder is one of this package's own."""
    return builder in BUILDERS.values()


def averaging_the_last(optimizer: keras.optimizers.Optimizer, n_steps: int) -> keras.optimizers.Optimizer:
    """An optimizer whose average of weights reaches back over a tenth of the steps, over a thousand at most.

    Only round numbers come out, since each is another program. A class with a default of its own keeps that.
    """
    settings = optimizer.get_config()
    if settings.get("ema_momentum") != KERAS_MOMENTUM:
        return optimizer
    reach = max(r for r in EMA_REACH if r <= max(n_steps / 10, 1))
    return optimizer.__class__.from_config({**settings, "ema_momentum": 1 - 1 / reach})


def run_job(
    job: Job,
    *,
    labels: np.ndarray,
    weigh: Callable[..., np.ndarray | None],
    sample_weight: np.ndarray | None,
    stratify: np.ndarray,
    epochs: int,
    head_epochs: int = 0,
    sampler: ProblemSampler | list[ProblemSampler] | None = None,
    progress: Progress | None = None,
    keep_optimizer: bool = False,
) -> Trained:
    """Train the job's network.

    Parameters
    ----------
    job : Job
    labels : ndarray of int, shape (n,) or (n, K)
        Encoded; K columns for a network with K heads.
    weigh : callable ``(labels, weights) -> ndarray of shape (C,) or (K, C), or None``
        Class weights, worked out from the rows that are trained on.
    sample_weight : ndarray of shape (n,) or None
    stratify : ndarray of shape (n,)
        Labels that a validation split keeps in proportion, and balanced batches are drawn from.
    epochs : int
    head_epochs : int, default=0
        Epochs of the last layer alone, before those.
    sampler : ProblemSampler, a list of them for K heads, or None
        Resamples the rows to train on.
    progress : Progress or None
        None shows this fit's own.
    keep_optimizer : bool
        Go on from an earlier training's optimizer, and keep this one's.

    Returns
    -------
    Trained
    """
    loss, optimizer = job.bridge.compiled_parts()
    settings = job.settings
    if settings.early_stopping and optimizer.use_ema:
        raise ValueError(
            "early_stopping keeps the weights of one epoch and use_ema of the optimizer averages over epochs: "
            "choose one."
        )
    if settings.schedule is not None and not rate_is_value(optimizer):
        raise ValueError(
            f"schedule={settings.schedule!r} scales the learning rate, and this optimizer has a schedule of its own: "
            "give a number, or schedule=None."
        )
    data = split(job.X, labels, sample_weight, stratify, settings, job.seed)
    if sampler is not None:
        data = data.resampled(sampler)
    trained_on = data.labels[data.train]
    rows = Rows(
        data.X,
        data.labels,
        data.weights,
        weigh(trained_on, None if data.weights is None else data.weights[data.train]),
        data.train,
        data.validation,
        job.scale,
        make_draw(data.groups[data.train], settings.balanced_batches),
        n_networks=1 if job.spec.shares_trunk else job.spec.n_heads or 1,
    )
    if len(rows.validation) and not rows.weights_of(rows.validation).any():
        raise ValueError(
            "No row held out for validation weighs anything: change class_weight, or hold out more by "
            "validation_fraction."
        )
    earlier = job.earlier
    schedule = Schedule(
        epochs=epochs,
        batch_size=settings.batch_size,
        seed=job.seed,
        first_epoch=job.first_epoch,
        early_stopping=settings.early_stopping and len(data.validation) > 0,
        patience=settings.n_iter_no_change,
        callbacks=list(settings.callbacks or []),
        course=settings.schedule,
    )
    total = epochs + head_epochs
    given = "optimizer__ema_momentum" in settings._routed or isinstance(settings.optimizer, keras.optimizers.Optimizer)
    if optimizer.use_ema and not given:
        n_steps = (job.first_epoch + total) * -(-len(rows.train) // settings.batch_size)
        optimizer = averaging_the_last(optimizer, n_steps)
    phases = Phases(head_epochs, settings.fine_tune_rate, settings.feature_cache, job.pretrained)
    n_shown = len(stratify) * rows.n_networks * total
    own = Progress(n_shown, total, settings.verbose) if progress is None else nullcontext(progress)
    with borrow(job.spec, job.seed) as network, own as bar:
        dtype = "float64" if network.model.inputs[0].dtype == "float64" else "float32"
        counts = None if data.counts is None else data.counts[data.train]
        objective = make_objective(loss, trained_on, int(job.bridge.n_classes_), dtype, counts)
        trained = train_in_phases(
            network,
            rows,
            objective,
            optimizer,
            schedule,
            phases,
            state=earlier.state if earlier else None,
            optimizer_state=earlier.optimizer_state if earlier and keep_optimizer else None,
            progress=bar,
        )
        # Rows held out, resampled, or left over by an early end.
        bar.skip(n_shown - len(rows.train) * rows.n_networks * len(trained.losses))
        if network.joint is not None:
            trained.heads = network.joint.split(trained.state)
    if not keep_optimizer:
        trained.optimizer_state = None
    return trained
