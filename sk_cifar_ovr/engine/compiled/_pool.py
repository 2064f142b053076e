"""Compile once: idle networks with their compiled graphs are kept for later fits of an equal graph."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from ..._shared.variables import read
from ...exceptions import NetworkError
from ._backends import forget_kernels
from ._graph_key import is_key_of_arguments, is_shared_key, model_key, own_key, same_graph
from ._model_checks import changed_builder, forget_layers
from ._network import Network
from ._network_spec import BuiltNetwork, NetworkSpec, build_network, copied_model

# Limits of idle networks; the last one used is kept whatever its size.
MAX_NETWORKS = 8
MAX_PARAMETERS = 2**26

_idle: OrderedDict[Hashable, list[Network]] = OrderedDict()
_idle_lock = threading.Lock()


@contextmanager
def borrow(spec: NetworkSpec, seed: int = 0) -> Iterator[Network]:
    """Lend a network of this graph to one user, and compile one only if none is idle.

    A spec without a key is built first, since only the model tells its graph.

    Parameters
    ----------
    spec : NetworkSpec
    seed : int, default=0
        Seed of the weights of a network that has to be built.

    Yields
    ------
    Network
        Its `spec` has a key.

    Raises
    ------
    NetworkError
        If the builder returns no network that can be trained, or another one than before.
    """
    built = None
    if spec.key is None:
        built = build_network(spec, seed)
        spec = replace(spec, key=model_key(built.base))
    network = _take_idle(spec.pool_key())
    if network is None:
        network = _new_network(spec, built, seed)
    elif built is not None:
        network.remember_initial_state(seed, read(built.model.variables))
    usable = True
    try:
        yield network
    except NetworkError:
        # Its builder may depend on something that has changed since.
        usable = False
        raise
    finally:
        if usable:
            _give_back(network)


def _new_network(spec: NetworkSpec, built: BuiltNetwork | None, seed: int) -> Network:
    """Compile a network; `built` is the one that the builder has just returned, if it was called for the key."""
    if is_key_of_arguments(spec.key):
        return Network(spec, built or build_network(spec, seed), seed)
    if built is None:
        built = build_network(spec, seed)
        if not same_graph(spec.key, model_key(built.base)):
            raise changed_builder(built.base)
    if not is_shared_key(str(spec.key)):
        return Network(spec, built, seed)
    try:
        # A network that is lent to others must hold no layer that the user's builder took from elsewhere.
        copied = build_network(replace(spec, build=partial(copied_model, built.base)), seed)
    except Exception:
        # A layer that cannot be made again from its configuration, for whatever reason it has.
        return Network(replace(spec, key=own_key()), built, seed)
    network = Network(spec, copied, seed)
    network.remember_initial_state(seed, read(built.model.variables))
    return network


def _take_idle(key: Hashable) -> Network | None:
    with _idle_lock:
        networks = _idle.pop(key, [])
        network = networks.pop() if networks else None
        if networks:
            _idle[key] = networks
        return network


def _give_back(network: Network) -> None:
    key, has_forgotten = network.spec.pool_key(), False
    with _idle_lock:
        _idle.setdefault(key, []).append(network)
        _idle.move_to_end(key)
        while _too_many_idle():
            has_forgotten = True
            oldest = next(iter(_idle))
            _idle[oldest].pop(0)
            if not _idle[oldest]:
                del _idle[oldest]
    if has_forgotten:
        forget_kernels()


def _too_many_idle() -> bool:
    sizes = [network.size for networks in _idle.values() for network in networks]
    return len(sizes) > MAX_NETWORKS or (len(sizes) > 1 and sum(sizes) > MAX_PARAMETERS)


def clear_programs() -> None:
    """Forget the networks and compiled graphs that this process keeps; the next fit builds and compiles anew.

    Fitted estimators and running fits are not affected.

    Notes
    -----
    A process keeps up to 8 networks for later fits of an equal graph, and forgets the others by itself. Fits of one
    graph need no more memory with time. Each new graph, as of another network size, leaves a few megabytes in
    TensorFlow that this function does not free (about 5 MB on a CPU; half of it are kernels of oneDNN). In a long
    search over network sizes, train in worker processes, ``GridSearchCV(..., n_jobs=2)``: joblib replaces a worker
    whose memory has grown by 300 MB.

    See Also
    --------
    keras.utils.clear_session : Resets Keras' own global state.

    Examples
    --------
    >>> from sk_cifar_ovr import clear_programs
    >>> clear_programs()
    """
    with _idle_lock:
        _idle.clear()
    forget_layers()
    forget_kernels()
