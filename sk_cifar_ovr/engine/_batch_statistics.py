"""Batch-normalisation statistics of the present weights: an exact average over training images."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import numpy as np

from .._shared.lazy_arrays import read_each
from .._shared.variables import State, read, write
from ._batches import image_orders, wrapped
from ._prediction import for_device
from ._training_job import TrainingJob
from .compiled import Trainer, input_dtype

# Fewer than 500 images make validation losses noisy. A pass takes a third of the time of training on as many images:
# these bounds keep all passes of a long training below 3 % of it.
IMAGES = 2000
IMAGES_OF_VALIDATIONS = 30_000
# A call of partial_fit with fewer images than these keeps a part of the statistics of earlier calls.
IMAGES_OF_PARTS = 100
# Sets the draws apart from those of the training, which the same seed makes.
STREAM = 1


class BatchStatistics:
    """The statistics with which batch normalisation predicts, as averages over training images.

    Weights, optimizer and random generators of the training stay as they are. A network without batch normalisation
    costs nothing.

    Parameters
    ----------
    trainer : Trainer
    job : TrainingJob
    """

    def __init__(self, trainer: Trainer, job: TrainingJob):
        data, plan = job.data, job.plan
        self._trainer, self._data = trainer, data
        # Images that change from epoch to epoch are worth drawing again.
        self._augmented = job.augmentation is not None
        self._continues = job.start.state is not None
        self._earlier: State = []
        self._seed = [plan.seed, plan.first_epoch, STREAM]
        self._is_on = plan.batch_statistics == "exact" and bool(trainer.statistics)
        self._batch = min(plan.batch_size, len(data.train))
        self._for_validation = max(IMAGES_OF_VALIDATIONS // plan.epochs, len(data.train) // 20)
        self._dtype = input_dtype(trainer.model)

    def begin(self) -> None:
        """Note the statistics of an earlier fit that the training continues."""
        if self._is_on and self._continues:
            self._earlier = read(self._trainer.statistics)

    def update_after(self, n_epochs: int) -> None:
        """Average over 2,000 images, or a fortieth of a long training; over no image twice without augmentation."""
        n_seen = n_epochs * len(self._data.train)
        n_before = 0.0
        if self._earlier and n_seen < IMAGES_OF_PARTS:
            write(self._trainer.statistics, self._earlier)
            n_before = (IMAGES_OF_PARTS - n_seen) / self._batch
        self._average(max(IMAGES, n_seen // 40), n_epochs if self._augmented else 1, n_before)

    def update_for_validation(self) -> None:
        """Average over as many images as a validation in each epoch allows, the same ones each time."""
        self._average(min(self._for_validation, IMAGES), 1)

    def _average(self, n_images: int, max_epochs: int, n_before: float = 0.0) -> None:
        """Average over batches that are drawn and augmented as in training."""
        if not self._is_on:
            return
        images = read_each(self._data.X, self._batches(-(-n_images // self._batch), max_epochs))
        scale = np.asarray(self._data.scale, self._dtype)
        with self._trainer.averaging_statistics(self._seed, n_before) as add, closing(images):
            for x in images:
                add(for_device(x, self._dtype), scale)

    def _batches(self, n_batches: int, max_epochs: int) -> Iterator[np.ndarray]:
        """Indices of the images of each batch."""
        train = self._data.train
        orders = image_orders(len(train), self._data.balance, self._batch, np.random.default_rng(self._seed))
        starts = range(0, len(train), self._batch)
        places = ((order, start) for order in islice(orders, max_epochs) for start in starts)
        for order, start in islice(places, n_batches):
            yield train[wrapped(order, start, self._batch)[0]]
