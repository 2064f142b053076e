"""Networks built once, compiled once and lent: a spec in, a network with its compiled steps out.

It knows graphs, optimizers, losses and single batches; it knows nothing of the course of a training.
"""

from ._compiled_network import CompiledNetwork, Trainer
from ._compiled_steps import trace_count
from ._graph_config import graph_config
from ._graph_key import arguments_key, same_graph
from ._joint_network import multiply_adds, side_by_side_pays
from ._model_checks import check_fits
from ._model_parts import feature_model, in_trunk
from ._network import Network, Parts
from ._network_spec import NetworkSpec, build_model, seeded_building
from ._objective import Objective, focal_objective, keras_objective, rate_is_value
from ._pool import borrow, clear_programs
from ._precision import PRECISIONS, input_dtype, resolve_precision

__all__ = [
    "PRECISIONS",
    "CompiledNetwork",
    "Network",
    "NetworkSpec",
    "Objective",
    "Parts",
    "Trainer",
    "arguments_key",
    "borrow",
    "build_model",
    "check_fits",
    "clear_programs",
    "feature_model",
    "focal_objective",
    "graph_config",
    "in_trunk",
    "input_dtype",
    "keras_objective",
    "multiply_adds",
    "rate_is_value",
    "resolve_precision",
    "same_graph",
    "seeded_building",
    "side_by_side_pays",
    "trace_count",
]
