"""Train K tasks in one compiled graph: as heads on one trunk, or as separate networks side by side."""

from dataclasses import replace
from numbers import Integral

from .._shared.label_matrices import UNKNOWN
from .._shared.progress import Progress
from ..classifier import NetworkSetup, Targets, run_job, set_fitted, set_up_network, training_job
from ..engine.compiled import borrow, side_by_side_pays
from ._searches import is_search
from ._tasks import BINARY, FittedTasks, Tasks


def fit_jointly(tasks: Tasks, progress: Progress) -> FittedTasks:
    """Train a trunk with K heads."""
    base = tasks.estimators[0]
    setup = set_up_network(base, tasks.images.X, BINARY, earlier=tasks.joint)
    return _fit_together(tasks, setup, progress, shares_trunk=True)


def fit_side_by_side(tasks: Tasks, progress: Progress) -> FittedTasks:
    """Train K separate networks in one compiled graph."""
    setup = set_up_network(tasks.estimators[0], tasks.images.X, BINARY)
    return _fit_together(tasks, setup, progress, shares_trunk=False)


def _fit_together(tasks: Tasks, setup: NetworkSetup, progress: Progress, *, shares_trunk: bool) -> FittedTasks:
    base, images, labels, mode = tasks.estimators[0], tasks.images, tasks.labels, tasks.mode
    together = replace(setup, spec=replace(setup.spec, n_heads=labels.shape[1], shares_trunk=shares_trunk))
    targets = Targets(
        labels,
        images.y if shares_trunk else labels[:, 0],
        images.sample_weight,
        [estimator.class_weight for estimator in tasks.estimators],
        tasks.samplers and list(tasks.samplers),
    )
    first_epoch = base.n_iter_ if mode.continues else 0
    job = training_job(together, images.X, targets, mode, first_epoch)
    trained = run_job(job, len(images.y), progress, base.verbose)
    single = replace(trained.network, n_heads=None, shares_trunk=True)
    for k, (estimator, state) in enumerate(zip(tasks.estimators, trained.heads, strict=True)):
        history = trained.history if shares_trunk else {"loss": [float(losses[k]) for losses in trained.losses]}
        set_fitted(estimator, setup.fitted(single, state), setup.classes, history, continues=mode.continues)
    joint = None
    if shares_trunk:
        optimizer_state = trained.optimizer_state if mode.keeps_optimizer(setup.settings) else None
        joint = together.fitted(trained.network, trained.state, optimizer_state)
    return FittedTasks(tasks.estimators, joint)


def goes_side_by_side(tasks: Tasks) -> bool:
    """Whether separate networks are trained in one compiled graph, with the same results as one after another.

    They share the order of the images and the random numbers of the augmentation, as equal seeds do. Whatever
    belongs to one network alone keeps them apart: its images, its batches, a norm over all its gradients.
    """
    base, mode = tasks.estimators[0], tasks.mode
    if len(tasks.estimators) < 2 or tasks.samplers is not None or is_search(base) or mode.continues or mode.partial:
        return False
    own_images = base.early_stopping or base.validation_fraction is not None or base.balanced_batches
    own_images = own_images or (tasks.labels == UNKNOWN).any()
    own_steps = base.warm_start or base.callbacks or base.head_epochs or not isinstance(base.random_state, Integral)
    if own_images or own_steps:
        return False
    n = len(tasks.images.y)
    setup = set_up_network(base, tasks.images.X, BINARY)
    if setup.optimizer.global_clipnorm is not None or setup.pretrained is not None:
        return False
    with borrow(setup.spec, setup.seed) as network:
        adapts = any(hasattr(layer, "adapt_to_images") for layer in network.model.layers)
        batch_size = min(base.batch_size, n)
        n_steps = -(-n // batch_size) * base.epochs
        pays = side_by_side_pays(network.model, batch_size, n_steps, len(tasks.estimators))
        return pays and not adapts and not network.model.losses and not network.is_frozen()
