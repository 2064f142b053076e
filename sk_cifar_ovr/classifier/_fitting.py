"""One fit of a network: from a setup and targets to a job for the engine, and what it leaves in the estimator."""

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from .._shared.progress import Progress
from .._shared.sklearn_internals import is_inside_search
from ..engine import (
    FittedNetwork,
    StartingPoint,
    Trained,
    TrainingData,
    TrainingJob,
    TrainingPlan,
    balanced_batches,
    train,
)
from ._class_weights import class_weights, task_class_weights
from ._held_out import held_out
from ._loss_and_optimizer import averaging_the_last_steps, check_optimizer
from ._network_setup import NetworkSetup, set_up_network
from ._objective import make_objective
from ._train_validation_split import (
    Targets,
    TaskSampler,
    TrainValidationSplit,
    ValidationSplitError,
    train_validation_split,
)
from .inputs import LabelledImages
from .recipes import describe_choices, recipe_parameters, with_choices

CHOICES = ("epochs_", "batch_size_", "recipe_")
FITTED = ("network_", "classes_", "history_", "n_iter_", "n_features_in_", *CHOICES)


@dataclass(frozen=True)
class FitMode:
    """How one call of `fit` or `partial_fit` trains.

    Attributes
    ----------
    continues : bool
        Whether it continues from the last fit.
    partial : bool
        Whether it is `partial_fit`: one epoch, and the optimizer continues too.
    """

    continues: bool = False
    partial: bool = False

    def epochs(self, settings) -> tuple[int, int]:
        """Epochs of all layers, and epochs of the last layer alone before them.

        Parameters
        ----------
        settings : CNNClassifier
        """
        # Each fit of a search chooses its own length, and its progress counts images.
        if self.partial or settings.epochs == "auto":
            return 1, 0
        return settings.epochs, 0 if self.continues else settings.head_epochs

    def keeps_optimizer(self, settings) -> bool:
        """Whether the optimizer's state is kept for a later fit to continue from."""
        return self.partial or settings.warm_start


def fit_classifier(
    estimator,
    images: LabelledImages,
    mode: FitMode,
    *,
    sampler: TaskSampler | None = None,
    progress: Progress | None = None,
):
    """Train one network on checked images.

    Parameters
    ----------
    estimator : CNNClassifier
        Gets its fitted attributes if the training succeeds.
    images : LabelledImages
    mode : FitMode
    sampler : TaskSampler or None
        Resamples the images to train on.
    progress : Progress or None
        None shows this fit's own.

    Returns
    -------
    estimator
    """
    earlier = estimator.network_ if mode.continues else None
    settings = with_choices(estimator, images, earlier=estimator if mode.continues else None, partial=mode.partial)
    setup = set_up_network(settings, images.X, images.classes, earlier=earlier)
    labels = setup.adapter.encode(images.y)
    targets = Targets(labels, images.y, images.sample_weight, estimator.class_weight, sampler, images.groups)
    first_epoch = estimator.n_iter_ if mode.continues else 0
    job = training_job(setup, images.X, targets, mode, first_epoch)
    chosen = describe_choices(estimator, settings, len(images.y))
    trained = run_job(job, len(images.y), progress, estimator.verbose, note=chosen)
    optimizer_state = trained.optimizer_state if mode.keeps_optimizer(setup.settings) else None
    network = setup.fitted(trained.network, trained.state, optimizer_state)
    estimator._held_out = held_out(job.data, setup.settings, setup.classes, len(images.y))[0]
    set_choices(estimator, settings)
    return set_fitted(estimator, network, setup.classes, trained.history, continues=mode.continues)


def training_job(setup: NetworkSetup, X, targets: Targets, mode: FitMode, first_epoch: int = 0) -> TrainingJob:
    """Split the images, weight them and put all that a training needs into one object.

    Parameters
    ----------
    setup : NetworkSetup
    X : array, shape (n, ...)
    targets : Targets
    mode : FitMode
    first_epoch : int, default=0
        Epochs trained by earlier fits.

    Returns
    -------
    TrainingJob

    Raises
    ------
    ValueError
        If the images cannot be split or weighted so, or parameters contradict each other.
    """
    settings, earlier = setup.settings, setup.earlier
    check_optimizer(setup.optimizer, settings)
    split = train_validation_split(X.reshape(len(X), *setup.shape), targets, settings, setup.seed)
    data = _training_data(split, setup, targets.class_weight)
    epochs, head_epochs = mode.epochs(settings)
    n_steps = (first_epoch + epochs + head_epochs) * -(-len(data.train) // settings.batch_size)
    counts = None if split.counts is None else split.counts[split.train]
    start = StartingPoint(pretrained=setup.pretrained)
    if earlier is not None:
        start = StartingPoint(earlier.state, earlier.optimizer_state if mode.keeps_optimizer(settings) else None)
    return TrainingJob(
        setup.spec,
        data,
        make_objective(setup.loss, split.labels[split.train], len(setup.classes), counts),
        averaging_the_last_steps(setup.optimizer, settings, n_steps),
        TrainingPlan(
            epochs=epochs,
            batch_size=settings.batch_size,
            seed=setup.seed,
            head_epochs=head_epochs,
            fine_tune_rate=settings.fine_tune_rate,
            first_epoch=first_epoch,
            learning_rate=settings.schedule,
            early_stopping=settings.early_stopping and len(split.validation) > 0,
            patience=settings.n_iter_no_change,
            callbacks=list(settings.callbacks or []),
            batch_statistics=settings.batch_statistics,
        ),
        augmentation=setup.augmentation,
        start=start,
        feature_cache=settings.feature_cache,
        # One call of `partial_fit` is one epoch.
        checkpoint=None if mode.partial else settings.checkpoint,
        shares_checkpoints=is_inside_search(),
    )


def _training_data(split: TrainValidationSplit, setup: NetworkSetup, class_weight) -> TrainingData:
    """The images of a split with their weights, and how batches are drawn from them."""
    labels, weights = split.labels[split.train], None if split.weights is None else split.weights[split.train]
    if isinstance(class_weight, list):
        by_class = task_class_weights(class_weight, labels, weights)
    else:
        by_class = class_weights(class_weight, setup.classes, setup.classes[labels], weights)
    spec, balance = setup.spec, setup.settings.balanced_batches
    if balance and split.strata.ndim == 2:
        raise ValueError(
            "balanced_batches draws images by their one class, and a label matrix gives an image several: use "
            "class_weight or a sampler, or strategy='independent'."
        )
    data = TrainingData(
        split.X,
        split.labels,
        split.weights,
        by_class,
        split.train,
        split.validation,
        setup.scale,
        balanced_batches(split.strata[split.train], balance),
        n_networks=1 if spec.shares_trunk else spec.n_heads or 1,
    )
    if len(data.validation) and not data.weights_of(data.validation).any():
        raise ValidationSplitError(
            "No image held out for validation has weight: change class_weight, or hold out more by validation_fraction."
        )
    return data


def run_job(job: TrainingJob, n_images: int, progress: Progress | None, verbose: int, *, note: str = "") -> Trained:
    """Train, with progress shown for all the images that were given.

    Parameters
    ----------
    job : TrainingJob
    n_images : int
        Before some were held out or resampled.
    progress : Progress or None
        None shows this job's own.
    verbose : int
    note : str, default=""
        Line above this job's own progress.
    """
    n_epochs = job.plan.head_epochs + job.plan.epochs
    n_shown = n_images * job.data.n_networks * n_epochs
    own = Progress(n_shown, n_epochs, verbose) if progress is None else nullcontext(progress)
    with own as bar:
        if progress is None:
            bar.note(note)
        trained = train(job, bar)
        # Images held out or resampled, and epochs left out by early stopping.
        bar.skip(n_shown - len(job.data.train) * job.data.n_networks * len(trained.losses))
    return trained


def set_fitted(estimator, network: FittedNetwork, classes, history: dict[str, list[float]], *, continues=False):
    """Give an estimator its fitted attributes.

    Parameters
    ----------
    estimator : CNNClassifier
    network : FittedNetwork
    classes : ndarray of shape (n_classes,)
    history : dict of lists of float
    continues : bool, default=False
        Whether the history follows the one that the estimator has.

    Returns
    -------
    estimator
    """
    if continues:
        history = _joined(estimator.history_, history)
    estimator.network_ = network
    estimator.classes_ = classes
    estimator.history_ = history
    estimator.n_iter_ = len(history["loss"])
    return estimator


def set_choices(estimator, settings) -> None:
    """Give an estimator the fitted attributes that tell how long and with what recipe it was trained.

    Parameters
    ----------
    estimator : CNNClassifier or OneVsRestCNNClassifier
    settings : CNNClassifier
        As it was trained: nothing is "auto".
    """
    estimator.epochs_, estimator.batch_size_ = settings.epochs, settings.batch_size
    estimator.recipe_ = dict(recipe_parameters(settings))


def copy_fitted(source, target) -> None:
    """Give a classifier the fitted attributes of another, for its next fit to continue from."""
    for name in FITTED:
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))


def _joined(first: dict[str, list[float]], second: dict[str, list[float]]) -> dict[str, list[float]]:
    """Two histories one after the other; NaN where one of them lacks a metric."""
    names = dict.fromkeys([*first, *second])
    return {
        name: [value for part in (first, second) for value in part.get(name, [np.nan] * len(part["loss"]))]
        for name in names
    }
