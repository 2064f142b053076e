"""Train K tasks in one compiled graph: as heads on one trunk, or as separate networks side by side."""

from dataclasses import replace
from numbers import Integral

import keras
import numpy as np
from sklearn.base import clone

from .._shared.label_matrices import UNKNOWN
from .._shared.progress import Progress
from .._shared.variables import to_numpy
from ..classifier import (
    CNNClassifier,
    NetworkSetup,
    Targets,
    held_out,
    run_job,
    set_choices,
    set_fitted,
    set_trained,
    set_up_network,
    set_up_trained,
    training_job,
)
from ..engine.compiled import borrow, seeded_building, side_by_side_pays
from ..exceptions import NetworkError
from ..networks import copy_of, cut, output_kind
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
        images.groups,
    )
    first_epoch = base.n_iter_ if mode.continues else 0
    job = training_job(together, images.X, targets, mode, first_epoch)
    trained = run_job(job, len(images.y), progress, base.verbose)
    parts = held_out(job.data, setup.settings, BINARY, len(images.y))
    single = replace(trained.network, n_heads=None, shares_trunk=True)
    for k, (estimator, state) in enumerate(zip(tasks.estimators, trained.heads, strict=True)):
        history = trained.history if shares_trunk else {"loss": [float(losses[k]) for losses in trained.losses]}
        set_choices(estimator, base)
        set_fitted(estimator, setup.fitted(single, state), setup.classes, history, continues=mode.continues)
        estimator._held_out = parts[k]
    joint = None
    if shares_trunk:
        optimizer_state = trained.optimizer_state if mode.keeps_optimizer(setup.settings) else None
        joint = together.fitted(trained.network, trained.state, optimizer_state)
    return FittedTasks(tasks.estimators, joint)


def joint_from_keras(base: CNNClassifier, n_tasks: int, order: np.ndarray) -> FittedTasks:
    """Tasks whose probabilities are the sigmoids of a trained Keras model, without training.

    Parameters
    ----------
    base : CNNClassifier
        Settings of each task; its `model` is the Keras model.
    n_tasks : int
    order : ndarray of int, shape (n_tasks,)
        Output of the model for each task.

    Raises
    ------
    NetworkError
        If the model does not end in one Dense layer of so many sigmoids, or their logits.
    """
    setup = set_up_trained(base, BINARY)
    with seeded_building(0):
        model = copy_of(base.model)
        kind, (_, tail) = output_kind(model), cut(model)
    head = tail[0]
    if kind not in ("sigmoid", "logits") or not isinstance(head, keras.layers.Dense) or head.units != n_tasks:
        ends = f"ends in {'an unknown activation' if kind is None else kind}, outputs of shape"
        raise NetworkError(
            f"{model.name!r} {ends} {tuple(model.outputs[0].shape[1:])}, and {n_tasks} classes that an "
            f"image may have together need a last layer Dense({n_tasks}, activation='sigmoid'), or its logits. For "
            "classes that exclude each other, take CNNClassifier.from_keras."
        )
    kernel, *bias = (to_numpy(variable)[..., order] for variable in head.variables)
    spec = replace(setup.spec, n_heads=n_tasks)
    with borrow(spec, setup.seed) as network:
        spec, joint = network.spec, network.joint
        assert joint is not None
        state = joint.with_logits(network.initial_state(setup.seed), kernel, bias[0] if bias else kernel[0] * 0)
        states = joint.split(state)
    single = replace(spec, n_heads=None)
    estimators = [set_trained(clone(base), setup, setup.fitted(single, each)) for each in states]
    return FittedTasks(estimators, setup.fitted(spec, state))


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
