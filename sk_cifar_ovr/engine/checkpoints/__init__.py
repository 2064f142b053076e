"""Checkpoints of trainings: values after an epoch, from which a training that was killed goes on.

A training is known by digests of its data and settings, so that one folder holds those of many: the tasks of
one-vs-rest, the folds of cross-fitting, the candidates of a search. Finished trainings are kept too, and are not run
again.
"""

from ._checkpoints import Checkpoints
from ._description import describe
from ._files import Snapshot
from ._folder import kept_seed

__all__ = ["Checkpoints", "Snapshot", "describe", "kept_seed"]
