"""One network of any builder: compiled once, trained, asked. It knows no scikit-learn, class names, folds or samplers.

In comes a `TrainingJob` (a network, arrays, a loss, an optimizer and a schedule), out come trained values. A
`FittedNetwork` is plain data that predicts and gives features. `compiled` holds what is compiled once and lent,
`checkpoints` what a killed training goes on from.
"""

from ._batches import balanced_batches
from ._feature_cache import prepare_folder
from ._fitted_network import FittedNetwork
from ._learning_rate_schedules import SCHEDULES
from ._phases import train
from ._prediction import image_blocks
from ._training_data import TrainingData
from ._training_job import StartingPoint, Trained, TrainingJob, TrainingPlan
from .checkpoints import kept_seed
from .compiled import clear_programs

__all__ = [
    "SCHEDULES",
    "FittedNetwork",
    "TrainingPlan",
    "StartingPoint",
    "Trained",
    "TrainingData",
    "TrainingJob",
    "balanced_batches",
    "clear_programs",
    "image_blocks",
    "kept_seed",
    "prepare_folder",
    "train",
]
