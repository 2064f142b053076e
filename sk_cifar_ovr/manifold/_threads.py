"""Number of threads of t-SNE, by joblib and threadpoolctl instead of scikit-learn's private function."""

from joblib import cpu_count, effective_n_jobs
from threadpoolctl import threadpool_info

# OpenMP's threads wait for each other by spinning. With less work between two waits than this many samples give, they
# take many times as long as one thread if other processes use the cores too.
MIN_SAMPLES = 2000


def effective_n_threads(n_jobs: int | None, n_samples: int) -> int:
    """Convert `n_jobs` to a number of threads.

    Parameters
    ----------
    n_jobs : int or None
        As in joblib, but None means -1, all, or 1 for fewer than 2,000 samples.
    n_samples : int
        Number of samples whose positions are computed.

    Returns
    -------
    int
        At most the number of physical cores, and as many threads as OpenMP uses at present.
    """
    if n_jobs is None and n_samples < MIN_SAMPLES:
        return 1
    return max(1, min(effective_n_jobs(-1 if n_jobs is None else n_jobs), _max_openmp_threads()))


def _max_openmp_threads() -> int:
    limits = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "openmp"]
    return min([cpu_count(only_physical_cores=True), *limits])
