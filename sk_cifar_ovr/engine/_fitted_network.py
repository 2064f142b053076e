"""What a fit leaves: a trained network."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from .._shared.variables import OptimizerState, State
from ._prediction import predict
from .compiled import NetworkSpec, build_model


@dataclass
class FittedNetwork:
    """A trained network: how to build it, and its values.

    Attributes
    ----------
    spec : NetworkSpec
    shape : tuple of int
        Shape of one row.
    scale : float
        What pixels are multiplied with.
    state : list of ndarray
        Values of all variables.
    optimizer_state : OptimizerState or None
        Where a later training may go on from.
    mirror : bool
        Whether predictions are averaged over each image and its mirror image.
    shift : int
        Pixels by which images are moved for more views to average over; 0 takes none.
    """

    spec: NetworkSpec
    shape: tuple[int, ...]
    scale: float
    state: State
    optimizer_state: OptimizerState | None = None
    mirror: bool = False
    shift: int = 0

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Output for all rows, shape (n, n_classes)."""
        X = X.reshape(len(X), *self.shape)
        return predict(self.spec, self.state, X, self.scale, mirror=self.mirror, shift=self.shift)

    def model(self) -> keras.Model:
        """The network as a plain Keras model, built when first asked for."""
        if not hasattr(self, "_model"):
            self._model = build_model(self.spec, self.state)
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_model"}
