"""X."""

from ._backends import rate_is_value, trace_count
from ._branches import side_by_side_pays
from ._freeze import alike, freeze
from ._heads import feature_model, in_trunk
from ._network import Network, NetworkSpec, Parts, build_model, seeded_building
from ._objective import LossGraph, Objective, make_objective
from ._pool import borrow, clear_programs
from ._precision import PRECISIONS, handed_dtype, resolve_precision
from ._trainer import Trainer

__all__ = [
    "LossGraph",
    "Objective",
    "make_objective",
    "trace_count",
    "Network",
    "NetworkSpec",
    "PRECISIONS",
    "Parts",
    "Trainer",
    "alike",
    "borrow",
    "clear_programs",
    "build_model",
    "feature_model",
    "freeze",
    "handed_dtype",
    "in_trunk",
    "rate_is_value",
    "resolve_precision",
    "seeded_building",
    "side_by_side_pays",
]
