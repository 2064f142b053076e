"""Work on all cores: one pool of threads a process, shared by all that decode."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from typing import TypeVar

from joblib import cpu_count

Item = TypeVar("Item")
Result = TypeVar("Result")


@cache
def n_cores() -> int:
    """Number of cores that this process may use."""
    return cpu_count()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_cores(), thread_name_prefix="decode")


if hasattr(os, "register_at_fork"):
    # A forked process has the pool, and none of its threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)


def map_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Like `map`, on all cores. The order is kept, and only a few results wait at a time."""
    items = iter(items)
    if n_cores() == 1:
        yield from map(function, items)
        return
    pool = _pool()
    pending = deque(pool.submit(function, item) for item in islice(items, 2 * n_cores()))
    try:
        while pending:
            result = pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(items, 1))
            yield result
    finally:
        for future in pending:
            future.cancel()
