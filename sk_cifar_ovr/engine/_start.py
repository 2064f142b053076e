"""Values of a network with which its training begins."""

import numpy as np

from .._shared.lazy_arrays import read as read_images
from ._training_job import TrainingJob
from .compiled import Network, seeded_building

ADAPTING_IMAGES = 1000


def start_anew(network: Network, job: TrainingJob) -> None:
    """Give a network the values with which its training starts."""
    seed, data, pretrained = job.plan.seed, job.data, job.start.pretrained
    network.set_state(network.initial_state(seed))
    network.forget()
    if pretrained is not None:
        # It may build a network to read a file, which must not advance the caller's random generators.
        with seeded_building(seed):
            pretrained.load_into(network.model)
    if any(hasattr(layer, "adapt_to_images") for layer in network.model._flatten_layers()):
        network.adapt_to_images(_some_images(network, job))
    if data.labels.ndim == 2:
        alpha = job.objective.values.get("alpha", 1.0)
        network.start_at(data.class_shares(network.model.outputs[0].shape[-1], alpha))


def _some_images(network: Network, job: TrainingJob) -> np.ndarray:
    """Training images as the network sees them, for layers that adapt to them."""
    data = job.data
    n = min(ADAPTING_IMAGES, len(data.train))
    index = np.random.default_rng([job.plan.seed, n]).choice(data.train, n, replace=False)
    dtype = np.dtype(network.model.inputs[0].dtype)
    return read_images(data.X, index).astype(dtype) * dtype.type(data.scale)
