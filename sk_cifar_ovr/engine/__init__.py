"""X."""

from ._batches import make_draw
from ._feature_cache import prepare_folder
from ._fitted_network import FittedNetwork
from ._phases import Phases, train_in_phases
from ._prediction import features
from ._training_data import Rows
from ._training_loop import Schedule, Trained
from .compiled import clear_programs

__all__ = [
    "FittedNetwork",
    "Phases",
    "clear_programs",
    "Rows",
    "Schedule",
    "Trained",
    "features",
    "make_draw",
    "prepare_folder",
    "train_in_phases",
]
