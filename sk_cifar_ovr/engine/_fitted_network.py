"""A trained network: plain data that predicts, gives features and becomes a Keras model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from .._shared.variables import OptimizerState, State
from ..exceptions import NonFiniteOutputError
from ._prediction import map_batches, views_at_test_time
from .compiled import Network, NetworkSpec, borrow, build_model, check_fits, same_graph


@dataclass
class FittedNetwork:
    """A trained network: how to build it, and its values.

    Attributes
    ----------
    spec : NetworkSpec
    shape : tuple of int
        Shape of one image or flat row.
    scale : float
        Factor of the pixels.
    state : list of ndarray
        Values of all variables.
    optimizer_state : OptimizerState or None
        From which a later training may continue.
    test_flip : bool
        Whether predictions are averaged over each image and its mirror image.
    test_shift : int
        Pixels by which images are moved to average over more views; 0 takes none.
    """

    spec: NetworkSpec
    shape: tuple[int, ...]
    scale: float
    state: State
    optimizer_state: OptimizerState | None = None
    test_flip: bool = False
    test_shift: int = 0

    def predict(self, X) -> np.ndarray:
        """Outputs for all images, in large batches.

        Parameters
        ----------
        X : ndarray or LazyArray, shape (n, ...)

        Returns
        -------
        ndarray of shape (n, n_classes), or (n, K, n_classes) of a network with heads

        Raises
        ------
        NonFiniteOutputError
            If outputs are NaN or infinite.
        """
        with self._borrowed() as network:

            def averaged(batch, factor):
                views = views_at_test_time(batch, self.test_flip, self.test_shift)
                outputs = [share * network.predict_batch(view, factor) for view, share in views]
                return sum(outputs[1:], start=outputs[0])

            return _finite(map_batches(averaged, self._shaped(X), self.scale, network.model))

    def features(self, X, layer: str | None) -> np.ndarray:
        """Output of one layer for all images, without test-time views, in large batches.

        Parameters
        ----------
        X : ndarray or LazyArray, shape (n, ...)
        layer : str or None
            Name of the layer; None is the one before the last layer with weights.

        Returns
        -------
        ndarray of shape (n, d)

        Raises
        ------
        NonFiniteOutputError
            If features are NaN or infinite.
        """
        with self._borrowed() as network:
            return _finite(map_batches(network.features(layer).batch, self._shaped(X), self.scale, network.model))

    def model(self) -> keras.Model:
        """The network as a plain Keras model, built when first asked for."""
        if not hasattr(self, "_model"):
            self._model = build_model(self.spec, self.state)
        return self._model

    def is_built_by(self, spec: NetworkSpec) -> bool:
        """Whether a spec builds this network, as far as graphs can be compared.

        Raises
        ------
        NetworkError
            If its builder fails, or makes a network with other variables.
        """
        with borrow(spec) as network:
            check_fits(network.model, self.state)
            return same_graph(self.spec.key, network.spec.key)

    @contextmanager
    def _borrowed(self) -> Iterator[Network]:
        """A compiled network with these values."""
        with borrow(self.spec) as network:
            # Spares the next prediction from building the network to learn its graph.
            self.spec = network.spec
            network.set_state(self.state)
            yield network

    def _shaped(self, X):
        return X.reshape(len(X), *self.shape)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_model"}


def _finite(outputs: np.ndarray) -> np.ndarray:
    """Outputs of a network, checked."""
    if not np.isfinite(outputs).all():
        wrong = np.flatnonzero(~np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1))
        raise NonFiniteOutputError(
            f"The network gives NaN or infinity for {len(wrong)} of {len(outputs)} images, the first at index "
            f"{wrong[0]}: their values are far beyond those of the images that it was trained on."
        )
    return outputs
