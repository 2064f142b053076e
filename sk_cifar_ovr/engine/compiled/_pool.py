"""Compile once: idle networks with their programs are kept in this process, for later fits of the same graph."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from ...exceptions import NetworkError
from ._model_checks import forget_layers
from ._network import Network, NetworkSpec

# Of idle networks; the last used one is kept whatever its size.
MAX_NETWORKS = 8
MAX_PARAMETERS = 2**26

_idle: OrderedDict[Hashable, list[Network]] = OrderedDict()
_idle_lock = threading.Lock()


@contextmanager
def borrow(spec: NetworkSpec, seed: int = 0) -> Iterator[Network]:
    """Lend a network of this graph to one user, building it only where no idle one is at hand.

    Parameters
    ----------
    spec : NetworkSpec
    seed : int, default=0
        Seed of the weights of a network that has to be built.

    Yields
    ------
    Network
    """
    key = spec.cache_key()
    with _idle_lock:
        networks = _idle.pop(key, [])
        network = networks.pop() if networks else None
        if networks:
            _idle[key] = networks
    if network is None:
        network = Network(spec, seed)
    usable = True
    try:
        yield network
    except NetworkError:
        # It may have been built to what has changed since.
        usable = False
        raise
    finally:
        if usable:
            _give_back(key, network)


def _give_back(key: Hashable, network: Network) -> None:
    with _idle_lock:
        _idle.setdefault(key, []).append(network)
        _idle.move_to_end(key)
        while _too_many_idle():
            oldest = next(iter(_idle))
            _idle[oldest].pop(0)
            if not _idle[oldest]:
                del _idle[oldest]


def _too_many_idle() -> bool:
    sizes = [network.size for networks in _idle.values() for network in networks]
    return len(sizes) > MAX_NETWORKS or (len(sizes) > 1 and sum(sizes) > MAX_PARAMETERS)


def clear_programs() -> None:
    """Forget the networks and compiled programs that this process keeps; the next fit builds and compiles anew.

    Fitted estimators stay as they are, and fits that are running go on.

    Examples
    --------
    >>> from sk_cifar_ovr import clear_programs
    >>> clear_programs()
    """
    with _idle_lock:
        _idle.clear()
    forget_layers()
